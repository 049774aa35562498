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
};

struct cpu_bank {
	struct cpu_tlb data;
	struct cpu_fetch_tlb fetch;
	bool used;	 /* something was entered since the last flush */
	bool blocks;	 /* ... from a block or page larger than 4 KiB */
	bool not_global; /* ... with nG set */
	bool valid;	 /* EL0: asid is meaningful */
	uint16_t asid;
};

struct cpu_mmu {
	struct cpu_bank user[CPU_USER_BANKS];
	struct cpu_bank kernel[2]; /* by PSTATE.PAN */
	struct cpu_bank *user_now;
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
	int err;     /* -errno of the host, if non-zero instead of a guest fault */
};

struct cpu_mmu *cpu_mmu_create(void);
void cpu_mmu_destroy(struct cpu_mmu *m);

/* Choose banks for the current EL, PAN and ASID. After any change of these. */
void cpu_mmu_select(struct cpu *c);

void cpu_mmu_flush_all(struct cpu *c);
void cpu_mmu_flush_va(struct cpu *c, uint64_t va);
void cpu_mmu_flush_asid(struct cpu *c, uint16_t asid);
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

/* cpu_walk(), then the host page; enters the data TLB where a fast access is allowed. */
bool cpu_translate(struct cpu *c, uint64_t va, enum cpu_access_kind kind, bool unpriv,
		   struct cpu_xlat *x);

/* The pre-decoded page of @pc, or NULL with *x telling the fault. */
struct cpu_code *cpu_fetch_page(struct cpu *c, uint64_t pc, struct cpu_xlat *x);

uint16_t cpu_current_asid(const struct cpu *c);

/* Translate the address of a cache maintenance instruction. False: return c->next. */
bool cpu_maintain(struct cpu *c, const struct cpu_insn *i, uint64_t va, bool write,
		  struct cpu_xlat *x);

#endif
