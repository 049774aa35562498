/* SPDX-License-Identifier: MIT */
/*
 * Pre-decoded code, one struct cpu_code per 4 KiB of guest physical memory, private to a vCPU.
 *
 * Nothing watches stores. The architecture lets a PE execute stale instructions until software
 * has invalidated them (IC IVAU and friends) and the executing PE has synchronised its context
 * (DDI 0487 B2.7.4), and CTR_EL0.DIC reads 0, so software does. IC therefore advances a
 * generation counter shared by all vCPUs, picked by the page's address; a page whose generation
 * differs is decoded anew the next time it is entered. ISB, ERET and exceptions enter pages.
 */
#ifndef AM_CPU_CODE_H
#define AM_CPU_CODE_H

#include <stdint.h>

#include "cpu/cpu.h"
#include "cpu/insn.h"

#define CPU_PAGE_INSNS 1024

struct cpu_code {
	/* First: CPU_BRANCH() computes addresses in it. One more than a page: the way out. */
	struct cpu_insn insn[CPU_PAGE_INSNS + 1];
	uint64_t ipa;
	const uint8_t *host;
	uint32_t generation;
	struct cpu_code *hash_next;
};

struct cpu_code_cache *cpu_code_cache_create(void);
void cpu_code_cache_destroy(struct cpu_code_cache *cc);

/* The page at @ipa, whose bytes are at @host; empties the cache when it is full. */
struct cpu_code *cpu_code_get(struct cpu *c, uint64_t ipa, const uint8_t *host);
/* Forget everything. The caller must re-enter by cpu_enter() before executing further. */
void cpu_code_flush(struct cpu *c);
/* Forget the pages whose IPA is in [first, last]; as cpu_code_flush() to the caller. */
void cpu_code_drop(struct cpu *c, uint64_t first, uint64_t last);
/* Slow part of cpu_code_revalidate(). */
void cpu_code_renew(struct cpu *c, struct cpu_code *code);

/* Decode word @index of the page now, as itself only: not specialised for its page. */
void cpu_code_decode_at(struct cpu_code *code, unsigned index);

/* Any thread: the page at @ipa holds other instructions than before (IC IVAU). */
void cpu_code_changed(struct cpu_cluster *cl, uint64_t ipa);
/* Any thread: every page may (IC IALLU). */
void cpu_code_changed_all(struct cpu_cluster *cl);

uint32_t cpu_code_generation(struct cpu_cluster *cl, uint64_t ipa);

static inline void cpu_code_revalidate(struct cpu *c, struct cpu_code *code)
{
	if (am_unlikely(code->generation != cpu_code_generation(c->cluster, code->ipa)))
		cpu_code_renew(c, code);
}

#endif
