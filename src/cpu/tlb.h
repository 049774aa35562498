/* SPDX-License-Identifier: MIT */
/*
 * The software TLB: which translations a vCPU remembers, and how it forgets them.
 *
 * There is one bank of entries per way of looking at memory, so that a hit needs one compare and
 * knows neither ASID nor privilege: EL1 with PAN clear and set, and a few banks for EL0, one per
 * recently used ASID. Each bank has a part for data (struct cpu_tlb, access.h) and one for
 * instruction fetches, which leads to pre-decoded code. Entries are 4 KiB whatever the granule;
 * an entry remembers the size of the block it came from, because TLBI of any address in a block
 * drops all of it (DDI 0487 D8.14.5).
 */
#ifndef AM_CPU_TLB_H
#define AM_CPU_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/access.h"
#include "cpu/cpu.h"

#define CPU_FETCH_BITS 8
#define CPU_FETCH_SIZE (1u << CPU_FETCH_BITS)
#define CPU_USER_BANKS 4

struct cpu_fetch_entry {
	uint64_t tag; /* virtual page, or all ones */
	struct cpu_code *code;
};

struct cpu_fetch_tlb {
	struct cpu_fetch_entry e[CPU_FETCH_SIZE];
	uint8_t log2[CPU_FETCH_SIZE]; /* of the block or page mapped */
};

struct cpu_bank {
	struct cpu_tlb data;
	struct cpu_fetch_tlb fetch;
	bool used;	 /* something was entered since the last flush */
	bool not_global; /* ... with nG set */
	/* Around the blocks and pages larger than 4 KiB among it: other entries are found by index.
	 */
	uint64_t blocks_first, blocks_last;
	bool valid; /* EL0: asid is meaningful */
	uint16_t asid;
};

/* Where a page of translation tables is, so that a walk need not ask for every level. */
struct cpu_table_page {
	uint64_t ipa; /* or all ones */
	const uint8_t *host;
};

#define CPU_TABLE_PAGES 128

/* TCR_EL1 and TTBRn_EL1 as they concern one half of the address space (walk.c). */
struct cpu_regime {
	uint64_t tcr, ttbr; /* what it was made from */
	uint64_t table;	    /* the first one */
	uint8_t va_bits, pa_bits;
	uint8_t grain; /* log2 of the granule */
	int8_t level;  /* of the first table, and */
	uint8_t shift; /* log2 of what its entries map */
	bool lpa;      /* 64K: descriptors hold address bits 51:48 in 15:12 */
	bool ds;       /* 4K and 16K: they hold 51:50 in 9:8, the rest in place */
	bool disabled; /* EPDn, or a size that faults */
};

struct cpu_mmu {
	struct cpu_bank user[CPU_USER_BANKS];
	struct cpu_bank kernel[2]; /* by PSTATE.PAN */
	struct cpu_bank *user_now;
	struct cpu_regime regime[2]; /* TTBR0, TTBR1 */
	struct cpu_table_page tables[CPU_TABLE_PAGES];
	unsigned next_victim;
};

/* What a translation yields. */
struct cpu_xlat {
	uint64_t ipa;  /* of the byte addressed */
	uint8_t *host; /* of the same byte, NULL if no memory is there */
	bool host_writable;
	bool device;	/* Device memory type */
	bool may_write; /* stage 1 allows it */
	bool not_global;
	uint8_t log2_size; /* of the block or page mapped */
	/* On failure: */
	uint8_t fsc; /* fault status code, DDI 0487 D17.2.37 */
	/*
	 * Stage 2 failed, and the guest takes the abort that KVM makes of it: the syndrome is
	 * nothing but fsc; the address is ipa, if far_ipa is set, else the virtual one.
	 */
	bool stage2, far_ipa;
	int err; /* -errno of the host, if non-zero instead of a guest fault */
};

static inline struct cpu_table_page *cpu_table_page(struct cpu_mmu *m, uint64_t ipa)
{
	return &m->tables[ipa >> 12 & (CPU_TABLE_PAGES - 1)];
}

struct cpu_mmu *cpu_mmu_create(void);
void cpu_mmu_destroy(struct cpu_mmu *m);

/* Choose banks for the current EL, PAN and ASID. After any change of these. */
void cpu_mmu_select(struct cpu *c);

void cpu_mmu_flush_all(struct cpu *c);
void cpu_mmu_flush_va(struct cpu *c, uint64_t first, uint64_t last);
void cpu_mmu_flush_asid(struct cpu *c, uint16_t asid);
/* Guest physical addresses [first, last], whole pages: forget them, or that they may be written. */
void cpu_mmu_unmap(struct cpu *c, uint64_t first, uint64_t last);
void cpu_mmu_protect(struct cpu *c, uint64_t first, uint64_t last);
/* Fetch entries point into the code cache: drop them when it is emptied. */
void cpu_mmu_flush_fetch(struct cpu *c);

/* The address with its tag byte replaced where TBI says so (DDI 0487 D8.8). */
uint64_t cpu_untag(const struct cpu *c, uint64_t va);

/*
 * Stage 1 of @va for an access of @kind made at @el (0 also for LDTR/STTR): permissions checked,
 * nothing cached (walk.c). True on success; on failure x->fsc or x->err tells.
 */
bool cpu_walk(struct cpu *c, uint64_t va, enum cpu_access_kind kind, unsigned el,
	      struct cpu_xlat *x);

/*
 * Stage 2: the page at @ipa, for an access (or for the table walk of one) to @va. False, and *x
 * tells, if the host failed or there is no such address; no memory there is not a failure.
 */
bool cpu_stage2(struct cpu *c, uint64_t va, uint64_t ipa, struct cpu_page *page,
		struct cpu_xlat *x);

/* FAR_EL1 of a fault at @va. */
static inline uint64_t cpu_fault_address(const struct cpu_xlat *x, uint64_t va)
{
	return x->far_ipa ? x->ipa : va;
}

/* cpu_walk(), then the host page; enters the data TLB where a fast access is allowed. */
bool cpu_translate(struct cpu *c, uint64_t va, enum cpu_access_kind kind, bool unpriv,
		   struct cpu_xlat *x);

/* The pre-decoded page of @pc, or NULL with *x telling the fault. */
struct cpu_code *cpu_fetch_page(struct cpu *c, uint64_t pc, struct cpu_xlat *x);

uint16_t cpu_current_asid(const struct cpu *c);

/*
 * The data abort of a translation that failed, or the end of the run. @iss: what the syndrome says
 * besides the fault status. False: return c->next.
 */
bool cpu_xlat_fault(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t iss,
		    const struct cpu_xlat *x);

/* Translate the address of a cache maintenance instruction. False: return c->next. */
bool cpu_maintain(struct cpu *c, const struct cpu_insn *i, uint64_t va, bool write,
		  struct cpu_xlat *x);

#endif
