/* SPDX-License-Identifier: MIT */
/*
 * A GICv2's state through the device attributes: what a busy guest left is read out of one and
 * written into another, in the order the rows give, over what another busy guest left there. KVM's
 * attributes do not carry lines (a high one comes back as a latch) nor which source of an SGI is
 * active.
 */
#include "common.h"
#include "base/bits.h"
#include "gic/state.h"

#define GICC	UINT64_C(0x08010000)
#define NR_CPUS 3u

static void v2_start(struct box *b)
{
	box_create_version(b, 2);
	assert_int_equal(am_gic_set_nr_irqs(b->gic, NR_IRQS), 0);
	for (unsigned i = 0; i < NR_CPUS; i++)
		assert_int_equal(am_gic_add_vcpu(b->gic, i, box_mpidr(i)), 0);
	assert_int_equal(am_gic_set_dist_base(b->gic, GICD), 0);
	assert_int_equal(am_gic_set_cpuif_base(b->gic, GICC), 0);
	assert_int_equal(am_gic_map(b->gic, b->bus), 0);
}

/* ---- the guest ---- */

static uint64_t random_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 0x2545f4914f6cdd1d;
}

static uint64_t vread(struct box *b, unsigned vcpu, uint64_t ipa)
{
	uint64_t v = 0;

	assert_int_equal(am_bus_read(b->bus, vcpu, ipa, 4, &v), 0);
	return v;
}

static void vwrite(struct box *b, unsigned vcpu, uint64_t ipa, unsigned len, uint64_t v)
{
	assert_int_equal(am_bus_write(b->bus, vcpu, ipa, len, v), 0);
}

static void stir(struct box *b, uint64_t seed)
{
	static const uint16_t words[] = {IGROUPR,   ISENABLER, ICENABLER, ISPENDR,
					 ISACTIVER, ICACTIVER, ICPENDR};
	static const uint16_t regs[] = {0x00, 0x04, 0x08, 0x1c};
	uint64_t x = seed;

	for (unsigned i = 0; i < 3000; i++) {
		uint64_t r = random_next(&x), got;
		unsigned cpu = r % NR_CPUS, irq = r >> 8 & 127;
		uint32_t v = (uint32_t)(r >> 32), alias = r >> 20 & 1;

		switch (r >> 16 & 7) {
		case 0:
		case 1:
			vwrite(b, cpu, GICD + words[v % 7] + irq / 32 * 4, 4, v & v >> 5 & v >> 9);
			break;
		case 2:
			vwrite(b, cpu, GICD + IPRIORITYR + irq, 1, v);
			break;
		case 3:
			vwrite(b, cpu, GICD + (v & 1 ? 0x800 + irq : 0xf10 + (irq & 31)), 1,
			       v >> 8);
			break;
		case 4:
			vwrite(b, cpu, GICD + 0xf00, 4, v & 0x2ff000f);
			break;
		case 5:
			vwrite(b, cpu, GICC + regs[v & 3], 4, v & 3 ? v >> 8 : v >> 8 | 3);
			vwrite(b, cpu, GICD, 4, 1);
			break;
		default:
			got = vread(b, cpu, GICC + (alias ? 0x20 : 0x0c));
			if ((got & 0x3ff) < 1020 && (v & 3))
				vwrite(b, cpu, GICC + (alias ? 0x24 : 0x10), 4, got);
		}
	}
}

/* ---- saving ---- */

typedef void visit(void *arg, unsigned group, uint64_t attr, bool ones);

static void walk_table(const struct am_reg_table *t, unsigned group, unsigned vcpu, visit *f,
		       void *arg)
{
	for (unsigned order = 1; order < 256; order++)
		for (unsigned i = 0; i < t->nr_rows; i++) {
			const struct am_reg_row *r = &t->rows[i];
			uint32_t length = r->bits ? NR_IRQS * r->bits / 8 : r->length;

			if (r->order != order)
				continue;
			for (uint32_t o = 0; o < length && o < r->length; o += 4)
				f(arg, group, (uint64_t)vcpu << 32 | (r->offset + o),
				  r->flags & AM_REG_RESTORE1);
		}
}

static void walk(visit *f, void *arg)
{
	for (unsigned i = 0; i < NR_CPUS; i++) {
		walk_table(&gic_dist2_table, AM_GIC_GRP_DIST_REGS, i, f, arg);
		walk_table(&gic_gicc_table, AM_GIC_GRP_CPU_REGS, i, f, arg);
	}
}

struct trip {
	struct box *from, *to;
	unsigned regs;
};

static void copy_reg(void *arg, unsigned group, uint64_t attr, bool ones)
{
	struct trip *t = arg;
	uint64_t v = 0;

	assert_int_equal(am_gic_get_attr(t->from->gic, group, attr, &v), 0);
	assert_int_equal(am_gic_set_attr(t->to->gic, group, attr, ones ? UINT32_MAX : v), 0);
	t->regs++;
}

static void compare_reg(void *arg, unsigned group, uint64_t attr, bool ones)
{
	struct trip *t = arg;
	uint64_t a = 0, z = 0;

	assert_int_equal(am_gic_get_attr(t->from->gic, group, attr, &a), 0);
	assert_int_equal(am_gic_get_attr(t->to->gic, group, attr, &z), 0);
	if (a != z)
		fail_msg("group %u attr 0x%llx: 0x%llx became 0x%llx", group,
			 (unsigned long long)attr, (unsigned long long)a, (unsigned long long)z);
}

static void test_round_trip(void **state)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct trip t = {0};
		struct box a, z;

		v2_start(&a);
		v2_start(&z);
		stir(&a, seed * 0x9e3779b97f4a7c15);
		stir(&z, seed);
		t.from = &a;
		t.to = &z;
		walk(copy_reg, &t);
		walk(compare_reg, &t);
		assert_true(t.regs > 300);
		for (unsigned cpu = 0; cpu < NR_CPUS; cpu++) {
			assert_lines(&z, cpu, am_gic_irq_pending(a.gic, cpu));
			assert_int_equal(vread(&a, cpu, GICC + 0x14), vread(&z, cpu, GICC + 0x14));
			/* Which of equals comes first is not saved; of which group it is, is. */
			for (unsigned reg = 0x18; reg <= 0x28; reg += 0x10) {
				uint64_t x = vread(&a, cpu, GICC + reg),
					 y = vread(&z, cpu, GICC + reg);

				assert_int_equal(x >= 1020 && x < 1024 ? x : 0,
						 y >= 1020 && y < 1024 ? y : 0);
			}
		}
		box_end(&a);
		box_end(&z);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
