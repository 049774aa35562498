/* SPDX-License-Identifier: MIT */
/*
 * Compares every register of the implementation with the model's, as guest and as user space, but
 * for those whose reading does something.
 */
#include "world.h"

#include <stdio.h>

static uint8_t group_of(int frame)
{
	if (frame == M_GICC)
		return AM_GIC_GRP_CPU_REGS;
	return frame == M_GICD ? AM_GIC_GRP_DIST_REGS : AM_GIC_GRP_REDIST_REGS;
}

static bool check_word(struct world *w, unsigned cpu, int frame, uint32_t reg)
{
	struct op op = {.cpu = (uint8_t)cpu,
			.len = 4,
			.frame = (int8_t)frame,
			.reg = reg,
			.group = group_of(frame)};
	uint64_t got = 0, want;
	char what[160];

	op.kind = OP_READ;
	am_bus_read(w->bus, w->shape.id[cpu], world_frame(w, frame) + reg, 4, &got);
	want = m_read(&w->model, cpu, frame, reg, 4, got);
	if (got == want) {
		op.kind = OP_USER_READ;
		am_gic_get_attr(w->gic, op.group, world_cpu_attr(w, cpu) | reg, &got);
		want = m_user_read(&w->model, cpu, frame, reg);
	}
	if (got == want)
		return true;
	op_print(&w->shape, &op, what, sizeof(what));
	return world_differ(w, what, want, got);
}

static bool check_fields(struct world *w, unsigned cpu, int frame, uint32_t base, unsigned first,
			 unsigned end)
{
	for (unsigned block = 0x80; block < 0x400; block += 0x80)
		for (unsigned i = first; i < end; i += 32)
			if (!check_word(w, cpu, frame, base + block + i / 8))
				return false;
	for (unsigned i = first; i < end; i += 4)
		if (!check_word(w, cpu, frame, base + 0x400 + i) ||
		    !check_word(w, cpu, frame, base + 0x800 + i))
			return false;
	for (unsigned i = first; i < end; i += 16)
		if (!check_word(w, cpu, frame, base + 0xc00 + i / 4))
			return false;
	return true;
}

static bool check_gicc(struct world *w, unsigned cpu)
{
	static const uint8_t regs[] = {0x00, 0x04, 0x08, 0x14, 0x18, 0x1c,
				       0x28, 0xd0, 0xd4, 0xe0, 0xfc};

	for (unsigned r = 0; r < sizeof(regs); r++)
		if (!check_word(w, cpu, M_GICC, regs[r]))
			return false;
	for (unsigned reg = 0xf00; reg < 0xf30; reg += 4)
		if (!check_word(w, cpu, M_GICD, reg))
			return false;
	return true;
}

static bool check_cpu_interface(struct world *w, unsigned cpu)
{
	static const unsigned regs[] = {ICC_PMR,     ICC_BPR0, ICC_BPR1,   ICC_AP0R0,
					ICC_AP1R0,   ICC_CTLR, ICC_SRE,	   ICC_IGRPEN0,
					ICC_IGRPEN1, ICC_RPR,  ICC_HPPIR0, ICC_HPPIR1};

	for (unsigned r = 0; r < sizeof(regs) / sizeof(regs[0]); r++) {
		struct op op = {.kind = OP_ICC_READ,
				.cpu = (uint8_t)cpu,
				.reg = regs[r],
				.group = AM_GIC_GRP_CPU_SYSREGS};
		uint64_t got = 0, want = 0;
		char what[160];

		am_gic_icc_read(w->gic, w->shape.id[cpu], op.reg, &got);
		m_icc_read(&w->model, cpu, op.reg, got, &want);
		if (got == want && !m_icc_user_read(&w->model, cpu, op.reg, &want)) {
			op.kind = OP_USER_READ;
			am_gic_get_attr(w->gic, op.group, world_cpu_attr(w, cpu) | op.reg, &got);
		}
		if (got == want)
			continue;
		op_print(&w->shape, &op, what, sizeof(what));
		return world_differ(w, what, want, got);
	}
	return true;
}

/* Of two equal ones of different groups one is offered, and that is the one that is signalled. */
static bool check_offer(struct world *w, unsigned cpu)
{
	unsigned id = w->shape.id[cpu], lines = am_gic_irq_pending(w->gic, id);
	uint64_t hppi[2] = {0, 0};

	am_gic_icc_read(w->gic, id, ICC_HPPIR0, &hppi[0]);
	am_gic_icc_read(w->gic, id, ICC_HPPIR1, &hppi[1]);
	if (hppi[0] != M_SPURIOUS && hppi[1] != M_SPURIOUS)
		return world_differ(w, "offered in both groups", hppi[0], hppi[1]);
	if (lines && hppi[lines == AM_GIC_IRQ] == M_SPURIOUS)
		return world_differ(w, "signalled but not offered", hppi[0], hppi[1]);
	return true;
}

static bool check_redist(struct world *w, unsigned cpu)
{
	for (unsigned reg = 0; reg <= 0x14; reg += 4)
		if (!check_word(w, cpu, (int)cpu, reg))
			return false;
	for (unsigned reg = 0x70; reg <= 0x7c; reg += 4)
		if (!check_word(w, cpu, (int)cpu, reg))
			return false;
	return check_fields(w, cpu, (int)cpu, 0x10000, 0, M_PRIVATE) &&
	       check_cpu_interface(w, cpu) && check_offer(w, cpu);
}

bool world_check(struct world *w)
{
	unsigned end = w->shape.nr_irqs;
	bool ok = true;

	for (unsigned reg = 0; reg <= 0x10; reg += 4)
		if (!check_word(w, 0, M_GICD, reg))
			return false;
	if (!check_fields(w, 0, M_GICD, 0, 0, end))
		return false;
	for (unsigned i = 0; i < 2 * end && !w->shape.v2; i++)
		if (!check_word(w, 0, M_GICD, 0x6000 + 4 * i))
			return false;
	for (unsigned cpu = 0; cpu < w->shape.nr_cpus && ok; cpu++) {
		if (!w->shape.v2)
			ok = check_redist(w, cpu);
		else
			ok = check_fields(w, cpu, M_GICD, 0, 0, M_PRIVATE) && check_gicc(w, cpu);
	}
	return ok;
}
