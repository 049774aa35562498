/* SPDX-License-Identifier: MIT */
/* The machine of space.h. */
#include "space.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/run.h"

#define HVC(imm) (0xd4000002u | (uint32_t)(imm) << 5)

static int map(void *opaque, uint64_t ipa, struct cpu_page *page)
{
	struct space *s = opaque;
	uint64_t n = (ipa - RAM) / PAGE;

	if (ipa >= s->refuse_from) {
		page->refused = true;
		page->refused_fsc = s->refuse_fsc;
	} else if (n < NR_PAGES) {
		atomic_fetch_add(&s->asked[n], 1);
		page->host = atomic_load(&s->host[n]);
		page->writable = !atomic_load(&s->read_only[n]);
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

static bool tick(void *opaque)
{
	sched_yield();
	return false;
}

static const struct cpu_ops ops = {map, mmio, sysreg, tick};

uint8_t *space_host(struct space *s, unsigned n, unsigned which)
{
	return s->ram + (2 * (size_t)n + which) * PAGE;
}

void space_poke64(struct space *s, uint64_t ipa, uint64_t v)
{
	guest_st64(atomic_load(&s->host[(ipa - RAM) / PAGE]) + ipa % PAGE, v);
}

void space_map(struct space *s, unsigned n, uint64_t ipa, uint64_t attrs)
{
	space_poke64(s, ADDR(TABLES + 2) + n * 8, ipa | attrs | AM_BIT(10) | 3 << 8 | 3);
}

static void make_tables(struct space *s)
{
	uint64_t l1 = ADDR(TABLES), l2 = l1 + PAGE, l3 = l2 + PAGE;

	space_poke64(s, l1 + (RAM >> 30) * 8, l2 | 3);
	space_poke64(s, l1 + (BLOCKS_VA >> 30) * 8, l2 | 3);
	space_poke64(s, l2, l3 | 3);
	/* Both gigabytes share the level 2 table; the block is its second entry. */
	space_poke64(s, l2 + 8, RAM | AM_BIT(10) | 3 << 8 | 1);
	for (unsigned n = 0; n < NR_PAGES; n++)
		space_map(s, n, ADDR(n), 0);
}

static void set_registers(struct cpu *c)
{
	cpu_set_sysreg(c, SYSREG(3, 0, 10, 2, 0), 0x04ff);
	cpu_set_sysreg(c, SYSREG(3, 0, 2, 0, 2), 25 | 1u << 23 | UINT64_C(5) << 32);
	cpu_set_sysreg(c, SYSREG(3, 0, 2, 0, 0), ADDR(TABLES));
	cpu_set_sysreg(c, SYSREG(3, 0, 12, 0, 0), ADDR(VECTORS));
	cpu_set_sysreg(c, SYSREG(3, 0, 1, 0, 0), SCTLR_M | SCTLR_SPAN);
	cpu_set_pstate(c, 0x3c5);
}

struct space *space_create(unsigned cpus, unsigned pa_bits)
{
	struct space *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->ram = aligned_alloc(PAGE, 2 * NR_PAGES * PAGE);
	s->cluster = cpu_cluster_create(2);
	if (!s->ram || !s->cluster)
		abort();
	s->refuse_from = UINT64_MAX;
	memset(s->ram, 0, 2 * NR_PAGES * PAGE);
	for (unsigned n = 0; n < NR_PAGES; n++)
		atomic_init(&s->host[n], space_host(s, n, 0));
	for (uint32_t n = 0; n < 0x800; n += 4) {
		uint32_t w = HVC(1 + (n >> 7));

		memcpy(space_host(s, VECTORS, 0) + n, &w, 4);
	}
	make_tables(s);
	if (pa_bits)
		cpu_cluster_set_pa_bits(s->cluster, pa_bits);
	for (unsigned n = 0; n < cpus; n++) {
		s->cpu[n] = cpu_create(s->cluster, n, n, &ops, s);
		if (!s->cpu[n])
			abort();
		set_registers(s->cpu[n]);
	}
	return s;
}

void space_destroy(struct space *s)
{
	cpu_destroy(s->cpu[0]);
	cpu_destroy(s->cpu[1]);
	cpu_cluster_destroy(s->cluster);
	free(s->ram);
	free(s);
}

bool space_hit(struct space *s, uint64_t va, bool write)
{
	struct cpu *c = s->cpu[0];

	return write ? cpu_tlb_write(c->tlb, va, 8) != NULL : cpu_tlb_read(c->tlb, va, 8) != NULL;
}

void space_touch(struct space *s, uint64_t va, bool write)
{
	struct cpu_xlat x;

	if (!cpu_translate(s->cpu[0], va, write ? CPU_WRITE : CPU_READ, false, &x))
		abort();
}

enum cpu_exit space_run(struct space *s, unsigned n, const uint32_t *words, unsigned nr)
{
	struct cpu *c = s->cpu[0];
	uint32_t end = HVC(0);
	uint8_t *to = atomic_load(&s->host[n]);
	enum cpu_exit exit;

	memcpy(to, words, 4 * nr);
	memcpy(to + 4 * nr, &end, 4);
	cpu_code_changed(s->cluster, ADDR(n));
	c->pc = ADDR(n);
	do
		exit = cpu_run(c);
	while (exit == CPU_EXIT_ATTENTION);
	return exit;
}
