/* SPDX-License-Identifier: MIT */
/* The machine of machine.h. */
#include "machine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/code.h"

#define HVC(imm) (0xd4000002u | (uint32_t)(imm) << 5)

static int map(void *opaque, uint64_t ipa, struct cpu_page *page)
{
	struct machine *m = opaque;

	if (ipa - RAM < RAM_SIZE && ipa != DEVICE) {
		page->host = m->ram + (ipa - RAM);
		page->writable = true;
	}
	return 0;
}

static enum cpu_mmio_result mmio(void *opaque, uint64_t ipa, unsigned size, bool write,
				 uint64_t *value)
{
	return CPU_MMIO_EXIT;
}

static int sysreg(void *opaque, uint32_t id, bool write, uint64_t *value)
{
	return -ENOENT;
}

/* Spinning guests let each other run, however few host CPUs there are. */
static bool tick(void *opaque)
{
	sched_yield();
	return false;
}

static const struct cpu_ops ops = {map, mmio, sysreg, tick};

void *machine_at(struct machine *m, uint64_t va)
{
	return m->ram + (va - RAM);
}

static void poke64(struct machine *m, uint64_t va, uint64_t v)
{
	memcpy(machine_at(m, va), &v, 8);
}

/* Level 1, 2 and 3 tables; descriptors: DDI 0487 D8.3. AttrIndx 0 is Normal, 1 Device. */
static void make_tables(struct machine *m)
{
	const uint64_t table = 3, page = 3 | AM_BIT(10) | 3 << 8;
	uint64_t l1 = TABLES, l2 = l1 + 4096, l3 = l2 + 4096;

	poke64(m, l1 + (RAM >> 30) * 8, l2 | table);
	poke64(m, l2, l3 | table);
	for (uint64_t n = 0; n < RAM_SIZE / 4096; n++)
		poke64(m, l3 + n * 8, (RAM + n * 4096) | page);
	poke64(m, l3 + (HOLE - RAM) / 4096 * 8, 0);
	poke64(m, l3 + (USER_PAGE - RAM) / 4096 * 8, USER_PAGE | page | AM_BIT(6));
	poke64(m, l3 + (READ_ONLY - RAM) / 4096 * 8, READ_ONLY | page | AM_BIT(7));
	poke64(m, l3 + (DEVICE - RAM) / 4096 * 8, DEVICE | page | 1 << 2);
}

static void set_registers(struct cpu *c)
{
	/* The MMU, both EL0 and EL1 stack checks, FP enabled. */
	cpu_set_sysreg(c, SYSREG(3, 0, 10, 2, 0), 0x04ff);
	cpu_set_sysreg(c, SYSREG(3, 0, 2, 0, 2), 25 | 1u << 23 | UINT64_C(2) << 32);
	cpu_set_sysreg(c, SYSREG(3, 0, 2, 0, 0), TABLES);
	cpu_set_sysreg(c, SYSREG(3, 0, 12, 0, 0), VECTORS);
	cpu_set_sysreg(c, SYSREG(3, 0, 1, 0, 2), 3u << 20);
	cpu_set_sysreg(c, SYSREG(3, 0, 1, 0, 0), SCTLR_M | SCTLR_SA | SCTLR_SA0 | SCTLR_SPAN);
	cpu_set_pstate(c, 0x3c5);
}

struct machine *machine_create(unsigned cpus)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ram = aligned_alloc(4096, RAM_SIZE);
	m->cluster = cpu_cluster_create(cpus);
	if (!m->ram || !m->cluster) {
		machine_destroy(m);
		return NULL;
	}
	memset(m->ram, 0, RAM_SIZE);
	for (uint32_t n = 0; n < 0x800; n += 4) {
		uint32_t w = HVC(n >> 7);

		memcpy(machine_at(m, VECTORS + n), &w, 4);
	}
	make_tables(m);
	for (unsigned n = 0; n < cpus; n++) {
		m->cpu[n] = cpu_create(m->cluster, n, n, &ops, m);
		if (!m->cpu[n]) {
			machine_destroy(m);
			return NULL;
		}
		set_registers(m->cpu[n]);
	}
	return m;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	cpu_destroy(m->cpu[0]);
	cpu_destroy(m->cpu[1]);
	cpu_cluster_destroy(m->cluster);
	free(m->ram);
	free(m);
}

void machine_program(struct machine *m, uint64_t va, const uint32_t *words, unsigned nr)
{
	uint32_t end = HVC(STEP_OK);

	memcpy(machine_at(m, va), words, 4 * nr);
	memcpy(machine_at(m, va + 4 * nr), &end, 4);
	cpu_code_changed(m->cluster, va & ~UINT64_C(4095));
}

enum cpu_exit machine_run(struct machine *m, unsigned n, uint64_t pc)
{
	struct cpu *c = m->cpu[n];
	enum cpu_exit exit;

	c->pc = pc;
	do
		exit = cpu_run(c);
	while (exit == CPU_EXIT_ATTENTION);
	return exit;
}

enum cpu_exit machine_step(struct machine *m, uint32_t word)
{
	machine_program(m, EXECUTED, &word, 1);
	return machine_run(m, 0, EXECUTED);
}
