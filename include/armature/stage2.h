/* SPDX-License-Identifier: MIT */
/*
 * Stage 2 translation tables of VMSAv8-64 (DDI 0487 issue L, D8): what VTTBR_EL2 points to. Any IPA
 * size from 32 to 52 bits, granules of 4, 16 and 64 KiB, 52-bit addresses with FEAT_LPA (64 KiB)
 * and FEAT_LPA2 (4 and 16 KiB), blocks, and everything that a hypervisor changes in them: map,
 * unmap, protect, age, split, collapse.
 *
 * No libc beyond memset(), no threads, no globals: memory for tables and the conversion of their
 * addresses are callbacks. Armature's own VMs use it with host virtual addresses as output.
 *
 *     am_s2_init(&s2, &config, &ops, opaque)          an empty address space
 *     am_s2_map(&s2, 0x40000000, 2 << 20, pa, AM_S2_RWX, AM_S2_NORMAL_WB)
 *     ... VTCR_EL2 = am_s2_vtcr(&s2); VTTBR_EL2 = am_s2_vttbr(&s2, vmid); run the guest ...
 *     am_s2_unmap(&s2, 0x40000000, 4096); TLBI and DSB for that range; am_s2_reap(&s2)
 *     am_s2_finish(&s2)
 *
 * Errors. Functions return 0 or -errno: -EINVAL for arguments that are not multiples of the
 * granule, are empty, wrap, or do not fit ipa_bits or oa_bits; -ENOMEM when a table could not be
 * had. After an error the address space translates exactly as before and holds no table that it did
 * not need before: a change first gets all the memory it takes, then begins.
 *
 * Threads. One caller at a time changes an address space (the caller's lock). am_s2_walk(), like
 * the hardware, may run beside it at any time: descriptors are written with single 64-bit stores,
 * and where hardware may set the access flag at the same time, with compare-and-swap. A walk finds
 * what was there before a change or what is there after it; between a break and a make, nothing. A
 * table that is no longer reachable is kept aside until am_s2_reap().
 *
 * TLBs. What was invalid is never cached, so am_s2_map() of unmapped addresses and the granting of
 * permissions need none of this, but a DSB (ISHST) before the guest may rely on them. After
 * am_s2_unmap(), am_s2_protect() that takes permissions away, and am_s2_age(), the caller
 * invalidates the range (TLBI IPAS2E1IS, then stage 1 as the architecture says) when it sees fit.
 * Where a valid descriptor has to become another valid one that break-before-make forbids to
 * replace directly (D8.17.1), ops->tlbi is called in between. Before am_s2_reap() the caller
 * invalidates every range that was changed since the last one, whatever the change: the processor
 * may remember where tables were.
 */
#ifndef ARMATURE_STAGE2_H
#define ARMATURE_STAGE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a guest may do. Without AM_S2_XNX the two kinds of execution go together, and one alone is
 * -EINVAL.
 */
enum am_s2_prot {
	AM_S2_R = 1,
	AM_S2_W = 2,
	AM_S2_X_EL1 = 4,
	AM_S2_X_EL0 = 8,
	AM_S2_X = AM_S2_X_EL1 | AM_S2_X_EL0,
	AM_S2_RWX = AM_S2_R | AM_S2_W | AM_S2_X,
};

/*
 * What memory is at least as strictly as stage 1 says, or with AM_S2_FWB, what it is (D8.6.5,
 * D8.6.6). Inner shareable, unless the architecture has it outer shareable.
 */
enum am_s2_memory {
	AM_S2_NORMAL_WB,
	AM_S2_NORMAL_WT, /* without FWB only */
	AM_S2_NORMAL_NC,
	AM_S2_DEVICE_nGnRnE,
	AM_S2_DEVICE_nGnRE,
	AM_S2_DEVICE_nGRE,
	AM_S2_DEVICE_GRE,
	AM_S2_STAGE1, /* with FWB: stage 1 decides; without: the same as NORMAL_WB */
};

/* Flags of struct am_s2_config: what the processor has. */
enum am_s2_flags {
	AM_S2_FWB = 1,	/* HCR_EL2.FWB is set */
	AM_S2_XNX = 2,	/* FEAT_XNX */
	AM_S2_LPA2 = 4, /* FEAT_LPA2: VTCR_EL2.DS is set; 4 and 16 KiB granules only */
	AM_S2_BBM2 = 8, /* FEAT_BBM level 2: sizes change without break-before-make */
	AM_S2_HA = 16,	/* FEAT_HAFDBS: the hardware sets the access flag */
	AM_S2_VMID16 = 32,
	AM_S2_IDENTITY = 64, /* a table's address is its pointer: ops->table_at is not called */
};

struct am_s2_config {
	uint8_t ipa_bits;  /* 32..52; above 48: 64 KiB granule, or AM_S2_LPA2 */
	uint8_t granule;   /* log2 of bytes: 12, 14 or 16 */
	uint8_t oa_bits;   /* of the processor: 32 36 40 42 44 48 52; not less than ipa_bits */
	uint8_t max_block; /* log2 of the largest block to make, or more; 0: whatever there is */
	uint32_t flags;
};

struct am_s2_ops {
	/*
	 * @size bytes of zeroes, aligned to @size (a power of two: the granule, or up to 16 of them
	 * side by side for the first level), as the processor's physical address, which is less
	 * than 2^oa_bits. False: no memory. Called by functions that change something, never by
	 * those that look.
	 */
	bool (*table_alloc)(void *opaque, size_t size, uint64_t *pa);
	void (*table_free)(void *opaque, uint64_t pa, size_t size);
	/* Where the table at @pa can be read and written. */
	void *(*table_at)(void *opaque, uint64_t pa);
	/*
	 * Nobody may remember a translation of [ipa, ipa + size) when it returns. Between break and
	 * make: a guest's access in between faults, and has to be retried. NULL: not needed,
	 * because no hardware walks these tables. It may look, but change nothing.
	 */
	void (*tlbi)(void *opaque, uint64_t ipa, uint64_t size);
};

/* An address space. The fields are the library's; the caller provides the room. */
struct am_s2 {
	const struct am_s2_ops *ops;
	void *opaque;
	struct am_s2_config config;
	uint64_t root;	     /* physical address of the first table */
	uint64_t *root_at;   /* the same, to be read */
	uint64_t retired;    /* tables for am_s2_reap(), chained by their first word; 0: none */
	size_t nr_tables;    /* that exist, retired ones among them, in granules */
	int8_t start_level;  /* 0..2: KVM's choice of those that D8.2.8 to D8.2.10 allow */
	uint8_t start_log2;  /* of the bytes that one entry of the first table maps */
	uint8_t stride;	     /* address bits per further level */
	uint8_t root_tables; /* concatenated: 1..16 */
	int8_t block_level;  /* of the largest blocks made */
	int8_t layout_level; /* ... that there could be */
	/* How descriptors hold addresses (D8.3.1): some bits as they are, some moved down. */
	uint8_t high_shift;
	uint64_t address_mask;
	uint64_t high_mask;
};

/* -EINVAL: no such combination. -ENOMEM. (oa_bits 52 counts as 48 where the layout ends there.) */
int am_s2_init(struct am_s2 *s2, const struct am_s2_config *config, const struct am_s2_ops *ops,
	       void *opaque);
/* Frees every table. Nobody may walk them. After a failed am_s2_init(), too. */
void am_s2_finish(struct am_s2 *s2);

/*
 * VTCR_EL2 (D24.2) with T0SZ, SL0, TG0, PS, VS, HA, DS; walks are write-back, inner shareable.
 * VTTBR_EL2: the first table, and @vmid.
 */
uint64_t am_s2_vtcr(const struct am_s2 *s2);
uint64_t am_s2_vttbr(const struct am_s2 *s2, uint16_t vmid);

/*
 * [ipa, ipa + size) goes to @oa and what follows it, in blocks as large as alignment and max_block
 * allow. What was mapped there is replaced (ops->tlbi where it differed); what is already so stays
 * untouched. @prot 0 is allowed: valid, without permission. The access flag is set.
 * Pages that already say the same become the block that there can be.
 * -EINVAL: also for execution from Device memory, and a type that the configuration does not have.
 */
int am_s2_map(struct am_s2 *s2, uint64_t ipa, uint64_t size, uint64_t oa, unsigned prot,
	      enum am_s2_memory memory);

/* Nothing is mapped there any more. Needs memory only where a block is cut, at either end. */
int am_s2_unmap(struct am_s2 *s2, uint64_t ipa, uint64_t size);

/*
 * Permissions of what is mapped there: those of @clear go, then those of @set come; holes stay
 * holes, and Device memory without execution. Blocks that lie inside stay blocks, and those that do
 * not change; others are cut. True in *@changed (may be NULL) if a permission went, so that TLBs
 * have to be told.
 */
int am_s2_protect(struct am_s2 *s2, uint64_t ipa, uint64_t size, unsigned clear, unsigned set,
		  bool *changed);

/*
 * The access flag of what is mapped there: clear it, and say in *@young (may be NULL) whether any
 * was set. Blocks are not cut: one counts as a whole as soon as the range touches it.
 */
int am_s2_age(struct am_s2 *s2, uint64_t ipa, uint64_t size, bool *young);
/* Set it for the page or block at @ipa. -ENOENT: nothing is mapped there. */
int am_s2_mkyoung(struct am_s2 *s2, uint64_t ipa);

/*
 * Blocks there that are larger than 1 << @log2 bytes, a size of pages or blocks, are cut: what
 * touches the range, as far as it does.
 */
int am_s2_split(struct am_s2 *s2, uint64_t ipa, uint64_t size, unsigned log2);
/*
 * Tables there whose entries continue one another with the same attributes become blocks, young if
 * an entry was. Never fails for want of memory. (Empty tables there are none: am_s2_unmap() takes
 * them out.)
 */
int am_s2_collapse(struct am_s2 *s2, uint64_t ipa, uint64_t size);

/* Free the tables that were kept aside. Nobody may be walking through them, or remember them. */
void am_s2_reap(struct am_s2 *s2);

/* ---- Looking ---- */

/* Fault status codes as in ESR_ELx.xFSC (D24.2); the level is in bits 1:0. */
enum am_s2_fault {
	AM_S2_FAULT_NONE = -1,
	AM_S2_FAULT_ADDRESS_SIZE = 0x00,
	AM_S2_FAULT_TRANSLATION = 0x04,
	AM_S2_FAULT_ACCESS_FLAG = 0x08,
	AM_S2_FAULT_PERMISSION = 0x0c,
};

struct am_s2_result {
	uint64_t desc;	   /* the last descriptor read */
	uint64_t oa;	   /* of the byte at the IPA, if it is mapped */
	int8_t level;	   /* where the walk ended */
	uint8_t log2_size; /* of what one descriptor of that level maps */
	bool mapped;	   /* desc is a page or block */
	bool young;	   /* access flag */
	uint8_t prot;	   /* enum am_s2_prot */
	uint8_t memory;	   /* enum am_s2_memory; without FWB NORMAL_WB, not STAGE1 */
};

/*
 * What the tables say of @ipa. Takes no lock and changes nothing. False, and *@r all zeroes (the
 * fault that hardware reports is one of level 0): @ipa is out of range.
 */
bool am_s2_walk(const struct am_s2 *s2, uint64_t ipa, struct am_s2_result *r);

/*
 * What the hardware would report for an access that needs @prot (one of the bits): a fault status
 * code with its level, or AM_S2_FAULT_NONE. With AM_S2_HA the access flag never faults.
 */
int am_s2_check(const struct am_s2 *s2, uint64_t ipa, unsigned prot, struct am_s2_result *r);

/*
 * Each page or block that maps a part of [ipa, ipa + size), in ascending order: @fn gets its first
 * address and what am_s2_walk() says of it. Ends early with @fn's result if that is not 0. The
 * address space may not change meanwhile.
 */
int am_s2_for_each(const struct am_s2 *s2, uint64_t ipa, uint64_t size,
		   int (*fn)(void *opaque, uint64_t ipa, const struct am_s2_result *r),
		   void *opaque);

/* ---- A quick look, for software that walks as hardware does ---- */

/* D8.3.2: the same in every layout. */
#define AM_S2_DESC_READ	 (UINT64_C(1) << 6)
#define AM_S2_DESC_WRITE (UINT64_C(1) << 7)
#define AM_S2_DESC_AF	 (UINT64_C(1) << 10)

/*
 * The page or block descriptor of @ipa, which must be in range, or 0; log2 of its size. While
 * tables are taken out beside it, it may miss what am_s2_walk() would have found.
 */
uint64_t am_s2_leaf(const struct am_s2 *s2, uint64_t ipa, unsigned *log2_size);
/* The output address in it. */
uint64_t am_s2_leaf_oa(const struct am_s2 *s2, uint64_t desc, unsigned log2_size);

#ifdef __cplusplus
}
#endif

#endif
