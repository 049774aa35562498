/* SPDX-License-Identifier: MIT */
/* The cache of pre-decoded pages, and the operations that decode on first execution (code.h). */
#include "cpu/code.h"

#include <stdlib.h>
#include <string.h>

#include "a64_rows.h"
#include "base/trace.h"
#include "cpu/access.h"
#include "cpu/cluster.h"
#include "cpu/run.h"
#include "cpu/tlb.h"

#define HASH_SIZE 1024
#define MAX_PAGES 2048 /* 32 MiB of pre-decoded code per vCPU */

struct cpu_code_cache {
	struct cpu_code *hash[HASH_SIZE];
	unsigned nr;
};

static unsigned hash_ipa(uint64_t ipa)
{
	return (ipa >> 12 ^ ipa >> 22) & (HASH_SIZE - 1);
}

CPU_OP(op_unallocated)
{
	return cpu_undefined(c, i);
}

void cpu_code_decode_at(struct cpu_code *code, unsigned index)
{
	struct cpu_insn *o = &code->insn[index];
	uint32_t w = guest_ld32(code->host + index * 4);
	enum a64_row row = a64_match(w);

	memset(o, 0, sizeof(*o));
	if (row == A64_UNALLOCATED || !a64_emit(row, w, o)) {
		o->exec = op_unallocated;
		o->imm = w;
	}
}

/* The first execution of a word: decode it in place, then do it. */
CPU_OP(op_decode)
{
	struct cpu_code *code = c->code;
	unsigned index = i - code->insn;

	cpu_code_decode_at(code, index);
	cpu_emit_in_page(&code->insn[index], index);
	CPU_GOTO(i);
}

/* Past the last word of a page. */
CPU_OP(op_page_end)
{
	CPU_RESUME(cpu_enter(c, cpu_pc(c, i)));
}

static void reset_page(struct cpu_code *code)
{
	for (unsigned n = 0; n < CPU_PAGE_INSNS; n++)
		code->insn[n] = (struct cpu_insn){.exec = op_decode};
	code->insn[CPU_PAGE_INSNS] = (struct cpu_insn){.exec = op_page_end};
}

void cpu_code_renew(struct cpu *c, struct cpu_code *code)
{
	code->generation = cpu_code_generation(c->cluster, code->ipa);
	reset_page(code);
}

struct cpu_code_cache *cpu_code_cache_create(void)
{
	return calloc(1, sizeof(struct cpu_code_cache));
}

static void free_pages(struct cpu_code_cache *cc)
{
	for (unsigned n = 0; n < HASH_SIZE; n++) {
		struct cpu_code *code = cc->hash[n];

		while (code) {
			struct cpu_code *next = code->hash_next;

			free(code);
			code = next;
		}
		cc->hash[n] = NULL;
	}
	cc->nr = 0;
}

void cpu_code_cache_destroy(struct cpu_code_cache *cc)
{
	if (!cc)
		return;
	free_pages(cc);
	free(cc);
}

void cpu_code_flush(struct cpu *c)
{
	AM_TRACE(cpu_code_flush, c->id, c->codes->nr);
	cpu_mmu_flush_fetch(c);
	free_pages(c->codes);
	c->code = NULL;
	c->page_va = ~UINT64_C(0); /* no address is within 4096 bytes above: never matches */
}

/* Unlink what is in the range from one chain. */
static unsigned drop_from(struct cpu_code **link, uint64_t first, uint64_t last)
{
	unsigned dropped = 0;

	while (*link) {
		struct cpu_code *code = *link;

		if (code->ipa < first || code->ipa > last) {
			link = &code->hash_next;
			continue;
		}
		*link = code->hash_next;
		free(code);
		dropped++;
	}
	return dropped;
}

void cpu_code_drop(struct cpu *c, uint64_t first, uint64_t last)
{
	struct cpu_code_cache *cc = c->codes;
	unsigned dropped = 0;

	if ((last - first) >> 12 < HASH_SIZE / 4) {
		for (uint64_t n = 0; n <= (last - first) >> 12; n++)
			dropped += drop_from(&cc->hash[hash_ipa(first + (n << 12))], first, last);
	} else {
		for (unsigned n = 0; n < HASH_SIZE; n++)
			dropped += drop_from(&cc->hash[n], first, last);
	}
	if (!dropped)
		return;
	AM_TRACE(cpu_code_flush, c->id, dropped);
	cc->nr -= dropped;
	cpu_mmu_flush_fetch(c);
	c->code = NULL;
	c->page_va = ~UINT64_C(0);
}

struct cpu_code *cpu_code_get(struct cpu *c, uint64_t ipa, const uint8_t *host)
{
	struct cpu_code_cache *cc = c->codes;
	struct cpu_code *code;

	for (code = cc->hash[hash_ipa(ipa)]; code; code = code->hash_next) {
		if (code->ipa == ipa) {
			code->host = host;
			cpu_code_revalidate(c, code);
			return code;
		}
	}
	if (cc->nr >= MAX_PAGES)
		cpu_code_flush(c);
	code = aligned_alloc(64, am_align_up(sizeof(*code), 64));
	if (!code)
		return NULL;
	code->ipa = ipa;
	code->host = host;
	cpu_code_renew(c, code);
	code->hash_next = cc->hash[hash_ipa(ipa)];
	cc->hash[hash_ipa(ipa)] = code;
	cc->nr++;
	return code;
}
