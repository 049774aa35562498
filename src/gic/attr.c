/* SPDX-License-Identifier: MIT */
/*
 * Device attributes of a VGIC_V3: which exist, how they are encoded, and KVM's errors. The
 * registers themselves are rows (dist.c, redist.c, icc.c); lines are the one piece of state no
 * register shows.
 */
#include "gic/state.h"

enum {
	ADDR_DIST = 2,
	ADDR_REDIST = 3,
	ADDR_REDIST_REGION = 5,
	CTRL_INIT = 0,
	CTRL_SAVE_PENDING_TABLES = 3,
};

/* attr[63:32] is the affinity Aff3.Aff2.Aff1.Aff0. */
static uint64_t attr_affinity(uint64_t attr)
{
	return am_bits(attr, 63, 56) << 32 | am_bits(attr, 55, 32);
}

/* The distributor's registers take no notice of the affinity, but there must be a vCPU. */
static struct gic_cpu *attr_cpu(const struct am_gic *gic, uint32_t group, uint64_t attr)
{
	if (group == AM_GIC_GRP_DIST_REGS)
		return am_gic_nr_vcpus(gic) ? gic_cpu_nth(gic, 0) : NULL;
	return gic_cpu_by_affinity(gic, attr_affinity(attr));
}

static bool group_has_regs(uint32_t group)
{
	return group == AM_GIC_GRP_DIST_REGS || group == AM_GIC_GRP_REDIST_REGS ||
	       group == AM_GIC_GRP_CPU_SYSREGS || group == AM_GIC_GRP_LEVEL_INFO;
}

bool am_gic_attr_stops_vcpus(uint32_t group, uint64_t attr)
{
	return group_has_regs(group) ||
	       (group == AM_GIC_GRP_CTRL && attr == CTRL_SAVE_PENDING_TABLES);
}

unsigned am_gic_attr_size(uint32_t group, uint64_t attr)
{
	if (group == AM_GIC_GRP_ADDR || group == AM_GIC_GRP_CPU_SYSREGS)
		return 8;
	return group == AM_GIC_GRP_CTRL ? 0 : 4;
}

int am_gic_attr_check(struct am_gic *gic, uint32_t group, uint64_t attr, bool set)
{
	if (group_has_regs(group))
		return attr_cpu(gic, group, attr) ? 0 : -EINVAL;
	switch (group) {
	case AM_GIC_GRP_ADDR:
		return attr == ADDR_DIST || attr == ADDR_REDIST || attr == ADDR_REDIST_REGION
			   ? 0
			   : -ENXIO;
	case AM_GIC_GRP_NR_IRQS:
		return 0;
	case AM_GIC_GRP_CTRL:
		return set && (attr == CTRL_INIT || attr == CTRL_SAVE_PENDING_TABLES) ? 0 : -ENXIO;
	default:
		return -ENXIO;
	}
}

int am_gic_has_attr(struct am_gic *gic, uint32_t group, uint64_t attr)
{
	const struct gic_icc_row *row;
	uint32_t offset = (uint32_t)attr;
	struct gic_cpu *cpu;
	bool has;

	if (group == AM_GIC_GRP_LEVEL_INFO)
		return am_bits(attr, 31, 10) ? -ENXIO : 0;
	if (!group_has_regs(group))
		return am_gic_attr_check(gic, group, attr, true);
	cpu = attr_cpu(gic, group, attr);
	if (!cpu)
		return -EINVAL;
	if (group == AM_GIC_GRP_DIST_REGS) {
		/* The number of interrupts may be set at this moment. */
		am_lock(&gic->lock);
		has = am_reg_user_has(&gic->frame, offset);
		am_unlock(&gic->lock);
	} else if (group == AM_GIC_GRP_REDIST_REGS) {
		has = am_reg_user_has(&cpu->frame, offset);
	} else {
		row = gic_icc_row(attr & 0xffff);
		has = row && row->user_get;
	}
	return has ? 0 : -ENXIO;
}

/* ---- lines ---- */

static int level_info_intid(uint64_t attr, unsigned *intid)
{
	*intid = attr & 0x3ff;
	return am_bits(attr, 31, 10) || *intid % 32 ? -EINVAL : 0;
}

/* Only level-sensitive interrupts have a line to report. */
static uint32_t get_lines(struct am_gic *gic, struct gic_cpu *cpu, unsigned intid)
{
	uint32_t lines = 0;

	for (unsigned i = 0; i < 32; i++) {
		struct gic_irq *irq = gic_irq_get(gic, cpu, intid + i);
		unsigned flags = irq ? gic_irq_flags(irq) : 0;

		if ((flags & GIC_LINE) && !(flags & GIC_EDGE))
			lines |= UINT32_C(1) << i;
	}
	return lines;
}

/* The line is stored whatever the configuration is: that may be restored later. */
static void set_lines(struct am_gic *gic, struct gic_cpu *cpu, unsigned intid, uint32_t lines)
{
	for (unsigned i = 0; i < 32; i++) {
		struct gic_irq *irq = gic_irq_get(gic, cpu, intid + i);
		bool level = lines >> i & 1;

		if (irq && intid + i >= GIC_NR_SGIS)
			gic_irq_update(gic, irq, level ? GIC_LINE : 0, level ? 0 : GIC_LINE);
	}
}

/* ---- access ---- */

static int get_reg(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t *value)
{
	struct gic_cpu *cpu = attr_cpu(gic, group, attr);
	const struct gic_icc_row *row;
	uint32_t word = 0;
	unsigned intid;

	if (!am_gic_initialized(gic))
		return -EBUSY;
	switch (group) {
	case AM_GIC_GRP_DIST_REGS:
		am_reg_user_read(&gic->frame, (uint32_t)attr, &word);
		break;
	case AM_GIC_GRP_REDIST_REGS:
		am_reg_user_read(&cpu->frame, (uint32_t)attr, &word);
		break;
	case AM_GIC_GRP_CPU_SYSREGS:
		row = gic_icc_row(attr & 0xffff);
		return row && row->user_get ? row->user_get(cpu, row->n, value) : -ENOENT;
	default:
		if (level_info_intid(attr, &intid))
			return -EINVAL;
		word = get_lines(gic, cpu, intid);
	}
	*value = word;
	return 0;
}

static int set_reg(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t value)
{
	struct gic_cpu *cpu = attr_cpu(gic, group, attr);
	const struct gic_icc_row *row;
	unsigned intid;

	if (!am_gic_initialized(gic))
		return -EBUSY;
	switch (group) {
	case AM_GIC_GRP_DIST_REGS:
		return am_reg_user_write(&gic->frame, (uint32_t)attr, (uint32_t)value);
	case AM_GIC_GRP_REDIST_REGS:
		return am_reg_user_write(&cpu->frame, (uint32_t)attr, (uint32_t)value);
	case AM_GIC_GRP_CPU_SYSREGS:
		row = gic_icc_row(attr & 0xffff);
		return row && row->user_set ? row->user_set(cpu, row->n, value) : -ENOENT;
	default:
		if (level_info_intid(attr, &intid))
			return -EINVAL;
		set_lines(gic, cpu, intid, (uint32_t)value);
		return 0;
	}
}

int am_gic_get_attr(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t *value)
{
	int err = am_gic_attr_check(gic, group, attr, false);

	if (err)
		return err;
	if (group_has_regs(group))
		return get_reg(gic, group, attr, value);
	if (group == AM_GIC_GRP_NR_IRQS) {
		*value = am_gic_nr_irqs(gic);
		return 0;
	}
	if (attr == ADDR_REDIST_REGION)
		return am_gic_get_redist_region(gic, value);
	*value = attr == ADDR_DIST ? am_gic_dist_base(gic) : am_gic_redist_base(gic);
	return 0;
}

int am_gic_set_attr(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t value)
{
	int err = am_gic_attr_check(gic, group, attr, true);

	if (err)
		return err;
	if (group_has_regs(group))
		return set_reg(gic, group, attr, value);
	switch (group) {
	case AM_GIC_GRP_NR_IRQS:
		return am_gic_set_nr_irqs(gic, (uint32_t)value);
	case AM_GIC_GRP_CTRL:
		if (attr == CTRL_INIT)
			return am_gic_init(gic);
		/* Without LPIs there is nothing to write. */
		return am_gic_initialized(gic) ? 0 : -ENXIO;
	default:
		if (attr == ADDR_DIST)
			return am_gic_set_dist_base(gic, value);
		if (attr == ADDR_REDIST)
			return am_gic_set_redist_base(gic, value);
		return am_gic_add_redist_region(gic, value);
	}
}
