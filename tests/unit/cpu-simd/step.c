/* SPDX-License-Identifier: MIT */
/* The vCPU of step.h: its memory is one page of zeros wherever it looks. */
#include "step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t zeros[4096] __attribute__((aligned(4096)));

static int map(void *opaque, uint64_t ipa, struct cpu_page *page)
{
	page->host = zeros;
	page->writable = false;
	return 0;
}

static enum cpu_mmio_result mmio(void *opaque, uint64_t ipa, unsigned size, bool write,
				 uint64_t *value)
{
	return CPU_MMIO_EXIT;
}

static int sysreg(void *opaque, uint32_t id, bool write, uint64_t *value)
{
	return -1;
}

static bool tick(void *opaque)
{
	return false;
}

static const struct cpu_ops ops = {map, mmio, sysreg, tick};

struct cpu *step_cpu(void)
{
	static struct cpu_cluster *cluster;
	static struct cpu *c;

	if (!c) {
		cluster = cpu_cluster_create(1);
		assert_non_null(cluster);
		c = cpu_create(cluster, 0, 0, &ops, NULL);
		assert_non_null(c);
	}
	cpu_reset(c, 0);
	memset(c->v, 0, sizeof(c->v));
	c->fpsr = 0;
	c->fp_on = true;
	return c;
}

static const struct cpu_insn *stop(struct cpu *c, const struct cpu_insn *i)
{
	return i;
}

enum step step(struct cpu *c, uint32_t word)
{
	struct cpu_insn insn[2] = {{0}, {.exec = stop}};
	enum a64_row row = a64_match(word);

	if (row == A64_UNALLOCATED || !a64_emit(row, word, &insn[0]))
		return STEP_UNALLOCATED;
	return insn[0].exec(c, insn) == insn + 1 ? STEP_DONE : STEP_TRAPPED;
}

bool step_allocated(uint32_t word)
{
	struct cpu_insn o;
	enum a64_row row = a64_match(word);

	return row != A64_UNALLOCATED && a64_emit(row, word, &o);
}

static const struct a64_field *field(enum a64_row row, const char *name)
{
	const struct a64_row_info *info = &a64_rows[row];

	for (unsigned n = 0; n < info->nr_fields; n++) {
		if (!strcmp(info->fields[n].name, name))
			return &info->fields[n];
	}
	return NULL;
}

bool step_has_field(enum a64_row row, const char *name)
{
	return field(row, name);
}

uint32_t step_set_field(enum a64_row row, uint32_t word, const char *name, uint32_t value)
{
	const struct a64_field *f = field(row, name);

	assert_non_null(f);
	return (uint32_t)am_insert(word, f->lo + f->width - 1, f->lo, value);
}

uint32_t step_get_field(enum a64_row row, uint32_t word, const char *name)
{
	const struct a64_field *f = field(row, name);

	assert_non_null(f);
	return (uint32_t)am_bits(word, f->lo + f->width - 1, f->lo);
}

uint64_t step_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d;
}

uint64_t step_random_value(void)
{
	uint64_t r = step_random();
	unsigned shift = r >> 8 & 63;
	uint64_t bound = UINT64_C(1) << shift;

	switch (r & 7) {
	case 0:
		return bound;
	case 1:
		return bound - 1;
	case 2:
		return ~bound;
	case 3:
		return -bound;
	case 4:
		return r >> shift;
	case 5:
		return ~(r >> shift);
	default:
		return step_random();
	}
}

uint32_t step_random_word(enum a64_row row)
{
	const struct a64_row_info *info = &a64_rows[row];

	for (unsigned tries = 0; tries < 10000; tries++) {
		uint32_t w = info->value | ((uint32_t)(step_random() >> 32) & ~info->mask);

		if (a64_match(w) == row && step_allocated(w))
			return w;
	}
	fail_msg("no allocated word of row %s", info->name);
	return 0;
}
