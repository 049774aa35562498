/* SPDX-License-Identifier: MIT */
/*
 * The machine around the CPU: 4 MiB of memory at INSN_BASE, mapped one to one. The lower half is
 * EL0's (code and window of case.h), 4 KiB pages; the upper half is EL1's and holds the vectors
 * and the tables. Every exception from EL0 ends in a vector whose HVC leaves cpu_run(), and
 * ESR_EL1 tells what it was. Cases run at EL0, as they do in the oracle.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/cluster.h"
#include "cpu/code.h"
#include "cpu/cpu.h"
#include "cpu/run.h"
#include "cpu/sysreg.h"

#define RAM_SIZE 0x400000u
#define KERNEL	 (INSN_BASE + 0x200000u)
#define VECTORS	 KERNEL
#define TABLES	 (KERNEL + 0x10000u) /* levels 0, 1, 2, 3 */

#define SVC_END	  0x7a11u
#define SVC(imm)  (0xd4000001u | (uint32_t)(imm) << 5)
#define HVC(imm)  (0xd4000002u | (uint32_t)(imm) << 5)
#define MAX_TICKS 4

struct insn_engine {
	uint8_t *ram;
	struct cpu_cluster *cluster;
	struct cpu *cpu;
	unsigned ticks;
};

/* ---- What the CPU asks for ---- */

static int engine_map(void *opaque, uint64_t ipa, struct cpu_page *page)
{
	struct insn_engine *e = opaque;

	if (ipa - INSN_BASE < RAM_SIZE) {
		page->host = e->ram + (ipa - INSN_BASE);
		page->writable = true;
	}
	return 0;
}

static enum cpu_mmio_result engine_mmio(void *opaque, uint64_t ipa, unsigned size, bool write,
					uint64_t *value)
{
	return CPU_MMIO_ABORT;
}

static int engine_sysreg(void *opaque, uint32_t id, bool write, uint64_t *value)
{
	return -2; /* ENOENT */
}

static bool engine_tick(void *opaque)
{
	struct insn_engine *e = opaque;

	return ++e->ticks >= MAX_TICKS;
}

static const struct cpu_ops engine_ops = {engine_map, engine_mmio, engine_sysreg, engine_tick};

/* ---- Setting up ---- */

static void poke32(struct insn_engine *e, uint64_t va, uint32_t v)
{
	memcpy(e->ram + (va - INSN_BASE), &v, 4);
}

static void poke64(struct insn_engine *e, uint64_t va, uint64_t v)
{
	memcpy(e->ram + (va - INSN_BASE), &v, 8);
}

/* Descriptors (DDI 0487 D8.3): AF, inner shareable, AttrIndx 0. */
#define TABLE	    UINT64_C(3)
#define LEAF	    (AM_BIT(10) | UINT64_C(3) << 8)
#define USER	    AM_BIT(6)
#define READ_ONLY   AM_BIT(7)
#define NO_USER_X   AM_BIT(54)
#define NO_KERNEL_X AM_BIT(53)

static void make_tables(struct insn_engine *e)
{
	uint64_t l0 = TABLES, l1 = l0 + 4096, l2 = l1 + 4096, l3 = l2 + 4096;

	poke64(e, l0, l1 | TABLE);
	poke64(e, l1 + (INSN_BASE >> 30) * 8, l2 | TABLE);
	poke64(e, l2 + (INSN_BASE >> 21 & 511) * 8, l3 | TABLE);
	poke64(e, l2 + (KERNEL >> 21 & 511) * 8, KERNEL | LEAF | NO_USER_X | 1);
	for (uint64_t n = 0; n < INSN_CODE_PAGES; n++)
		poke64(e, l3 + n * 8, (INSN_BASE + n * 4096) | LEAF | USER | NO_KERNEL_X | 3);
	poke64(e, l3 + (INSN_READ_ONLY >> 12 & 511) * 8,
	       INSN_READ_ONLY | LEAF | USER | READ_ONLY | NO_KERNEL_X | NO_USER_X | 3);
	for (uint64_t va = INSN_WINDOW; va < INSN_WINDOW + INSN_WINDOW_SIZE; va += 4096)
		poke64(e, l3 + (va >> 12 & 511) * 8,
		       va | LEAF | USER | NO_KERNEL_X | NO_USER_X | 3);
}

static void set_registers(struct cpu *c)
{
	cpu_reset(c, 0);
	cpu_set_sysreg(c, SYSREG(3, 0, 10, 2, 0), 0xff); /* MAIR_EL1: Normal, write-back */
	/* TCR_EL1: 48 bits below, nothing above; 48-bit output; TBI0. */
	cpu_set_sysreg(c, SYSREG(3, 0, 2, 0, 2),
		       16 | 1u << 23 | UINT64_C(5) << 32 | UINT64_C(1) << 37 | 16u << 16 |
			   2u << 30);
	cpu_set_sysreg(c, SYSREG(3, 0, 2, 0, 0), TABLES);
	cpu_set_sysreg(c, SYSREG(3, 0, 12, 0, 0), VECTORS);
	cpu_set_sysreg(c, SYSREG(3, 0, 1, 0, 2), 3u << 20); /* CPACR_EL1.FPEN */
	/*
	 * As Linux has it for user space, but no check of SP's alignment (SA0): qemu-aarch64
	 * does not model it.
	 */
	cpu_set_sysreg(c, SYSREG(3, 0, 1, 0, 0),
		       SCTLR_M | SCTLR_NTWI | SCTLR_NTWE | SCTLR_DZE | SCTLR_UCT | SCTLR_UCI |
			   SCTLR_SPAN);
}

struct insn_engine *insn_engine_create(void)
{
	struct insn_engine *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	e->cluster = cpu_cluster_create(1);
	e->cpu = e->cluster ? cpu_create(e->cluster, 0, 0, &engine_ops, e) : NULL;
	if (e->ram == MAP_FAILED || !e->cpu)
		return NULL;
	for (uint32_t n = 0; n < INSN_CODE_PAGES * 1024; n++)
		poke32(e, INSN_BASE + n * 4, INSN_BRK);
	for (uint32_t n = 0; n < 0x800; n += 4)
		poke32(e, VECTORS + n, HVC(n >> 7));
	make_tables(e);
	set_registers(e->cpu);
	return e;
}

void insn_engine_destroy(struct insn_engine *e)
{
	if (!e)
		return;
	cpu_destroy(e->cpu);
	cpu_cluster_destroy(e->cluster);
	munmap(e->ram, RAM_SIZE);
	free(e);
}

void insn_engine_place(struct insn_engine *e, const struct insn_case *c, uint32_t nr)
{
	for (; nr; nr--, c++) {
		uint64_t va = insn_slot_va(c->slot);

		poke32(e, va, INSN_MRS_X30_TPIDR);
		for (uint32_t n = 0; n < c->nr; n++)
			poke32(e, va + 4 + n * 4, c->word[n]);
		poke32(e, va + 4 + c->nr * 4, SVC(SVC_END));
		for (uint32_t n = 2 + c->nr; n < INSN_SLOT_BYTES / 4; n++)
			poke32(e, va + n * 4, INSN_BRK);
	}
	for (uint32_t n = 0; n < INSN_SLOT_PAGES; n++)
		cpu_code_changed(e->cluster, insn_slot_va(0) + n * 4096);
}

/* ---- Running ---- */

static void load(struct cpu *c, const struct insn_state *s)
{
	memcpy(c->r, s->x, sizeof(s->x));
	cpu_set_pstate(c, s->nzcv); /* EL0t */
	cpu_set_sp(c, 0, s->sp);
	c->pc = s->pc;
	c->fpcr = s->fpcr;
	c->fpsr = s->fpsr;
	memcpy(c->v, s->v, sizeof(s->v));
	c->excl_valid = 0;
	c->sr[SR_TPIDR_EL0] = s->x[30];
	atomic_store(&c->event, false);
}

static enum insn_outcome outcome(const struct cpu *c, struct insn_state *s)
{
	uint64_t esr = c->sr[SR_ESR_EL1];

	s->pc = c->sr[SR_ELR_EL1];
	switch (esr >> 26) {
	case EC_SVC:
		if ((esr & 0xffff) != SVC_END)
			return INSN_OTHER;
		s->pc -= 4;
		return INSN_OK;
	case EC_UNKNOWN:
	case EC_SYSREG:
		return INSN_ILL;
	case EC_BRK:
		return INSN_TRAP;
	case EC_DABT_LOW:
		return (esr & 0x3f) == 0x21 ? INSN_BUS : INSN_SEGV;
	case EC_IABT_LOW:
		return INSN_SEGV;
	case EC_PC_ALIGN:
		return INSN_BUS;
	}
	return INSN_OTHER;
}

static void store(struct cpu *c, struct insn_state *s)
{
	memcpy(s->x, c->r, sizeof(s->x));
	s->sp = cpu_get_sp(c, 0);
	s->nzcv = (uint32_t)c->sr[SR_SPSR_EL1] & 0xf0000000;
	s->fpcr = c->fpcr;
	s->fpsr = c->fpsr;
	memcpy(s->v, c->v, sizeof(s->v));
}

void insn_engine_run(struct insn_engine *e, const struct insn_case *c, uint64_t seed,
		     struct insn_state *s)
{
	struct cpu *cpu = e->cpu;
	uint8_t *hot = e->ram + (INSN_HOT - INSN_BASE);
	uint8_t *fault = e->ram + (INSN_FAULT - INSN_BASE);
	enum cpu_exit exit;

	insn_state_init(s, c, seed);
	s->pc = insn_slot_pc(c->slot);
	memcpy(hot, s->hot, sizeof(s->hot));
	memcpy(fault, s->fault, sizeof(s->fault));
	load(cpu, s);
	e->ticks = 0;
	do {
		exit = cpu_run(cpu);
		e->ticks++;
	} while ((exit == CPU_EXIT_WFI || exit == CPU_EXIT_WFE) && e->ticks < MAX_TICKS);

	if (exit == CPU_EXIT_HVC && cpu->exit_imm == 8) {
		s->outcome = outcome(cpu, s);
	} else {
		s->outcome = exit == CPU_EXIT_ATTENTION ? INSN_HANG : INSN_OTHER;
		s->pc = cpu->pc;
	}
	store(cpu, s);
	memcpy(s->hot, hot, sizeof(s->hot));
	memcpy(s->fault, fault, sizeof(s->fault));
	insn_state_normalise(s, c);
}

bool insn_engine_strayed(const struct insn_engine *e)
{
	const uint8_t *w = e->ram + (INSN_WINDOW - INSN_BASE);

	for (uint32_t n = 0; n < INSN_WINDOW_SIZE - INSN_FAULT_SIZE; n++) {
		if (w[n] && INSN_WINDOW + n - INSN_HOT >= INSN_HOT_SIZE)
			return true;
	}
	return false;
}
