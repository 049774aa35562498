/* SPDX-License-Identifier: MIT */
/*
 * What each row of each table says of itself is so: widths and alignment, reset values, read-only
 * bits, set and clear pairs, reserved space, interrupts that do not exist, what user space finds;
 * and a vCPU's registers are its own. Rows with private interrupts are tested as vCPU 1.
 */
#include "common.h"
#include "base/bits.h"
#include "gic/state.h"

#include <string.h>

#define GICC	UINT64_C(0x08010000)
#define NR_CPUS 3u

/* A frame as vCPU @vcpu sees it. */
struct view {
	struct box *b;
	const struct am_reg_table *table;
	uint64_t base;
	unsigned vcpu, nr_irqs, group;
};

static uint64_t vread(const struct view *v, uint64_t offset, unsigned len)
{
	uint64_t value = 0;

	assert_int_equal(am_bus_read(v->b->bus, v->vcpu, v->base + offset, len, &value), 0);
	return value;
}

static void vwrite(const struct view *v, uint64_t offset, unsigned len, uint64_t value)
{
	assert_int_equal(am_bus_write(v->b->bus, v->vcpu, v->base + offset, len, value), 0);
}

/* Runs @test over every row of the four tables, each with a fresh GIC. */
static void each_row(void (*test)(const struct view *v, const struct am_reg_row *r))
{
	for (unsigned t = 0; t < 4; t++) {
		struct box b;
		struct view v = {.b = &b, .vcpu = 1};

		box_create_version(&b, t < 2 ? 3 : 2);
		assert_int_equal(am_gic_set_nr_irqs(b.gic, NR_IRQS), 0);
		for (unsigned i = 0; i < NR_CPUS; i++)
			assert_int_equal(am_gic_add_vcpu(b.gic, i, box_mpidr(i)), 0);
		assert_int_equal(am_gic_set_dist_base(b.gic, GICD), 0);
		if (t < 2)
			assert_int_equal(am_gic_set_redist_base(b.gic, GICR), 0);
		else
			assert_int_equal(am_gic_set_cpuif_base(b.gic, GICC), 0);
		assert_int_equal(am_gic_init(b.gic), 0);
		assert_int_equal(am_gic_map(b.gic, b.bus), 0);
		v.table = t == 0   ? &gic_dist_table
			  : t == 1 ? &gic_redist_table
			  : t == 2 ? &gic_dist2_table
				   : &gic_gicc_table;
		v.base = t == 1 ? GICR + GICR_SIZE : t == 3 ? GICC : GICD;
		v.nr_irqs = t == 1 ? 32 : NR_IRQS;
		v.group = t == 1 ? 5 : t == 3 ? 2 : 1;
		for (unsigned i = 0; i < v.table->nr_rows; i++)
			test(&v, &v.table->rows[i]);
		box_end(&b);
	}
}

static unsigned row_size(const struct am_reg_row *r)
{
	return r->widths & AM_REG_64 ? 8 : 4;
}

/* How much of the row belongs to interrupts that exist. */
static uint32_t row_length(const struct view *v, const struct am_reg_row *r)
{
	uint32_t end;

	if (!r->bits)
		return r->length;
	if (r->first >= v->nr_irqs)
		return 0;
	end = (v->nr_irqs - r->first) * r->bits / 8;
	return end < r->length ? end : r->length;
}

/* A field's value in each field of a register. */
static uint64_t spread(const struct am_reg_row *r, uint64_t field)
{
	uint64_t value = 0;

	if (!r->bits)
		return field;
	for (unsigned i = 0; i < row_size(r) * 8; i += r->bits)
		value |= field << i;
	return value;
}

static void put(const struct view *v, uint32_t offset, unsigned size, uint64_t value)
{
	vwrite(v, offset, size, value);
}

/* ---- reset, constants, reserved ---- */

static void reset_of_row(const struct view *v, const struct am_reg_row *r)
{
	unsigned size = row_size(r);
	uint32_t length = row_length(v, r);

	for (uint32_t o = 0; o < r->length; o += size) {
		uint64_t got = vread(v, r->offset + o, size);
		uint64_t want =
		    o < length && !(r->flags & AM_REG_RESERVED) ? spread(r, r->reset) : 0;

		if ((r->flags & AM_REG_COMPUTED) && o < length)
			continue;
		if (got != want)
			fail_msg("%s: %s+0x%x resets to 0x%llx", v->table->name, r->name, o,
				 (unsigned long long)got);
		if (o < length && !r->constant)
			continue;
		/* Nothing can be written there. */
		put(v, r->offset + o, size, UINT64_MAX);
		assert_true(vread(v, r->offset + o, size) == want);
		put(v, r->offset + o, size, 0);
		assert_true(vread(v, r->offset + o, size) == want);
	}
}

static void test_reset(void **state)
{
	each_row(reset_of_row);
}

/* ---- widths and alignment ---- */

/* Accesses that the row does not have, within eight bytes from @at: zero, and no effect. */
static void other_accesses(const struct view *v, const struct am_reg_row *r, uint32_t at)
{
	uint64_t before[2], after[2];

	for (unsigned i = 0; i < 2; i++)
		before[i] = vread(v, (at & ~7u) + 4 * i, 4);
	for (unsigned len = 1; len <= 8; len *= 2)
		for (uint32_t o = at & ~7u; o < (at & ~7u) + 8; o++) {
			bool here = o >= r->offset && o + len <= r->offset + r->length;

			if (o + len > v->table->size || !here || ((r->widths & len) && !(o % len)))
				continue;
			if (vread(v, o, len))
				fail_msg("%s: %s: %u bytes at 0x%x are read", v->table->name,
					 r->name, len, o);
			vwrite(v, o, len, UINT64_MAX);
			vwrite(v, o, len, 0);
			vwrite(v, o, len, 0x5555555555555555);
			for (unsigned i = 0; i < 2; i++) {
				after[i] = vread(v, (at & ~7u) + 4 * i, 4);
				if (after[i] != before[i])
					fail_msg("%s: %s: %u bytes at 0x%x are written",
						 v->table->name, r->name, len, o);
			}
		}
}

static void widths_of_row(const struct view *v, const struct am_reg_row *r)
{
	uint32_t length = row_length(v, r);

	if (!length)
		return;
	other_accesses(v, r, r->offset);
	other_accesses(v, r, r->offset + length - 4);
	/* A byte, and each half of 64 bits, are parts of the whole. */
	if (r->widths & AM_REG_8)
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(vread(v, r->offset + i, 1),
					 vread(v, r->offset, 4) >> (8 * i) & 0xff);
	if (r->widths & AM_REG_64)
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(vread(v, r->offset + 4 * i, 4),
					 vread(v, r->offset, 8) >> (32 * i) & UINT32_MAX);
}

static void test_widths(void **state)
{
	each_row(widths_of_row);
}

/* ---- bits that can be written, and those that cannot ---- */

/* Registers that store something else than what is written. */
static bool is_sanitised(const struct am_reg_row *r)
{
	return strstr(r->name, "BASER") || strstr(r->name, "PMR") || strstr(r->name, "BPR");
}

static void bits_of_row(const struct view *v, const struct am_reg_row *r)
{
	unsigned size = row_size(r);
	uint64_t unit = size == 8 ? UINT64_MAX : UINT32_MAX;

	if (r->constant || (r->flags & (AM_REG_WO | AM_REG_W1)))
		return;
	for (uint32_t o = 0; o < row_length(v, r); o += size) {
		uint64_t ro = spread(r, r->ro) & unit, was = vread(v, r->offset + o, size), ones,
			 zeros;
		bool fixed = !r->set || is_sanitised(r) || (r->flags & AM_REG_COMPUTED);

		put(v, r->offset + o, size, UINT64_MAX);
		ones = vread(v, r->offset + o, size);
		put(v, r->offset + o, size, 0);
		zeros = vread(v, r->offset + o, size);
		if (((ones ^ was) | (zeros ^ was)) & ro)
			fail_msg("%s: %s+0x%x: read-only bits change", v->table->name, r->name, o);
		if (!fixed && ((ones & ~ro) != (unit & ~ro) || (zeros & ~ro)))
			fail_msg("%s: %s+0x%x: 0x%llx after ones, 0x%llx after zeros",
				 v->table->name, r->name, o, (unsigned long long)ones,
				 (unsigned long long)zeros);
		put(v, r->offset + o, size, was);
	}
}

static void test_bits(void **state)
{
	each_row(bits_of_row);
}

/* ---- set and clear ---- */

/* The row that clears what @r sets. */
static const struct am_reg_row *clearing_row(const struct view *v, const struct am_reg_row *r)
{
	for (unsigned i = 0; i < v->table->nr_rows; i++) {
		const struct am_reg_row *c = &v->table->rows[i];

		if ((c->flags & AM_REG_W1) && (c->flags & AM_REG_ALIAS) && c->get == r->get &&
		    c->first == r->first)
			return c;
	}
	return NULL;
}

static void pair_of_row(const struct view *v, const struct am_reg_row *r)
{
	const struct am_reg_row *c;

	if (!(r->flags & AM_REG_W1) || (r->flags & AM_REG_ALIAS))
		return;
	c = clearing_row(v, r);
	assert_non_null(c);
	assert_int_equal(c->length, r->length);
	for (uint32_t o = 0; o < row_length(v, r); o += 4) {
		/* A GICv2's SGIs are pending by source: those bits are not the guest's to write. */
		uint32_t can = v->group == 1 && v->table == &gic_dist2_table && !o &&
				       strstr(r->name, "ISPENDR")
				   ? 0xffff0000
				   : UINT32_MAX;

		for (unsigned i = 0; i < 32; i++) {
			uint32_t bit = UINT32_C(1) << i;

			put(v, c->offset + o, 4, UINT32_MAX);
			assert_int_equal(vread(v, r->offset + o, 4), 0);
			put(v, r->offset + o, 4, bit);
			put(v, r->offset + o, 4, 0);
			assert_int_equal(vread(v, r->offset + o, 4), bit & can);
			assert_int_equal(vread(v, c->offset + o, 4), bit & can);
			put(v, r->offset + o, 4, UINT32_MAX);
			put(v, c->offset + o, 4, bit);
			put(v, c->offset + o, 4, 0);
			assert_int_equal(vread(v, r->offset + o, 4), ~bit & can);
		}
		put(v, c->offset + o, 4, UINT32_MAX);
	}
}

static void test_pairs(void **state)
{
	each_row(pair_of_row);
}

/* ---- user space ---- */

/* A register is there for user space exactly if the row says so, and what is not succeeds. */
static void user_words_of_row(const struct view *v, const struct am_reg_row *r)
{
	bool none = r->flags & (AM_REG_RESERVED | AM_REG_GUEST);
	uint32_t length = row_length(v, r);

	for (uint32_t o = 0; o < r->length; o += 4) {
		uint64_t attr = UINT64_C(1) << 32 | (r->offset + o), value = 0x5a;
		int has = none || o >= length ? -ENXIO : 0;

		assert_int_equal(am_gic_has_attr(v->b->gic, v->group, attr), has);
		assert_int_equal(am_gic_has_attr(v->b->gic, v->group, attr + 2), -ENXIO);
		assert_int_equal(am_gic_get_attr(v->b->gic, v->group, attr, &value), 0);
		if (!has)
			continue;
		assert_true(value == 0);
		assert_int_equal(am_gic_set_attr(v->b->gic, v->group, attr, UINT32_MAX), 0);
		assert_int_equal(am_gic_get_attr(v->b->gic, v->group, attr, &value), 0);
		assert_true(value == 0);
	}
}

static void test_user_words(void **state)
{
	each_row(user_words_of_row);
}

/* ---- banked ---- */

/* What another vCPU sees of its own: redistributor, CPU interface, interrupts 0-31. */
static uint64_t own_hash(const struct view *v, unsigned vcpu)
{
	struct view o = *v;
	uint64_t hash = 0;

	o.vcpu = vcpu;
	if (v->table == &gic_redist_table)
		o.base = GICR + vcpu * GICR_SIZE;
	for (unsigned i = 0; i < o.table->nr_rows; i++) {
		const struct am_reg_row *r = &o.table->rows[i];
		uint32_t length = row_length(&o, r);

		/* One PROPBASER serves all redistributors. */
		if ((r->flags & AM_REG_RESERVED) || strstr(r->name, "PROPBASER"))
			continue;
		if (v->table == &gic_dist_table || (v->table == &gic_dist2_table && !r->bits))
			continue;
		if (r->bits && length > 32u * r->bits / 8)
			length = 32u * r->bits / 8;
		for (uint32_t at = 0; at < length; at += 4)
			hash = (hash ^ vread(&o, r->offset + at, 4)) * UINT64_C(0x100000001b3);
	}
	return hash;
}

static void banked_row(const struct view *v, const struct am_reg_row *r)
{
	uint64_t before[NR_CPUS];

	if (r->constant)
		return;
	/* SGIs to others are the one thing that is meant to reach them. */
	if (strstr(r->name, "SGIR") && (r->flags & AM_REG_WO))
		return;
	for (unsigned i = 0; i < NR_CPUS; i++)
		before[i] = own_hash(v, i);
	for (uint32_t o = 0; o < row_length(v, r); o += 4) {
		put(v, r->offset + o, 4, 0xa5a5a5a5);
		put(v, r->offset + o, 4, 0x5a5a5a5a);
	}
	assert_true(own_hash(v, 0) == before[0]);
	assert_true(own_hash(v, 2) == before[2]);
	/* The hash sees what there is to see. */
	if (r->bits && r->first == 0 && r->set && !(r->flags & AM_REG_ALIAS) &&
	    !(v->table == &gic_dist2_table && (r->flags & AM_REG_COMPUTED) &&
	      !(r->flags & AM_REG_W1)))
		assert_true(own_hash(v, 1) != before[1]);
}

static void test_banked(void **state)
{
	each_row(banked_row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reset),      cmocka_unit_test(test_widths),
	    cmocka_unit_test(test_bits),       cmocka_unit_test(test_pairs),
	    cmocka_unit_test(test_user_words), cmocka_unit_test(test_banked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
