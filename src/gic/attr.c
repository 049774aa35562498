/* SPDX-License-Identifier: MIT */
/*
 * Device attributes of a VGIC_V3 and of a VGIC_V2: which exist, how they are encoded, and KVM's
 * errors. The registers themselves are rows (dist.c, redist.c, icc.c, dist2.c, gicc.c); lines are
 * the one piece of state no register shows.
 */
#include "gic/lpi.h"
#include "gic/state.h"

enum {
	ADDR_V2_DIST = 0,
	ADDR_V2_CPU = 1,
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

/*
 * A GICv2's registers name a vCPU by number. A GICv3's distributor takes no notice of the affinity,
 * but there must be a vCPU.
 */
static struct gic_cpu *attr_cpu(const struct am_gic *gic, uint32_t group, uint64_t attr)
{
	if (gic->v2)
		return gic_cpu_get(gic, (unsigned)am_bits(attr, 39, 32));
	if (group == AM_GIC_GRP_DIST_REGS)
		return am_gic_nr_vcpus(gic) ? gic_cpu_nth(gic, 0) : NULL;
	return gic_cpu_by_affinity(gic, attr_affinity(attr));
}

static bool group_is_regs(uint32_t group)
{
	return group == AM_GIC_GRP_DIST_REGS || group == AM_GIC_GRP_CPU_REGS ||
	       group == AM_GIC_GRP_REDIST_REGS || group == AM_GIC_GRP_CPU_SYSREGS ||
	       group == AM_GIC_GRP_LEVEL_INFO;
}

/* A group of registers that this version has. */
static bool group_has_regs(const struct am_gic *gic, uint32_t group)
{
	if (group == AM_GIC_GRP_DIST_REGS)
		return true;
	return group_is_regs(group) && (group == AM_GIC_GRP_CPU_REGS) == gic->v2;
}

bool am_gic_attr_stops_vcpus(uint32_t group, uint64_t attr)
{
	return group_is_regs(group) ||
	       (group == AM_GIC_GRP_CTRL && attr == CTRL_SAVE_PENDING_TABLES);
}

unsigned am_gic_attr_size(uint32_t group, uint64_t attr)
{
	if (group == AM_GIC_GRP_ADDR || group == AM_GIC_GRP_CPU_SYSREGS)
		return 8;
	return group == AM_GIC_GRP_CTRL ? 0 : 4;
}

static bool has_addr(const struct am_gic *gic, uint64_t attr)
{
	if (gic->v2)
		return attr == ADDR_V2_DIST || attr == ADDR_V2_CPU;
	return attr == ADDR_DIST || attr == ADDR_REDIST || attr == ADDR_REDIST_REGION;
}

static bool has_ctrl(const struct am_gic *gic, uint64_t attr)
{
	return attr == CTRL_INIT || (attr == CTRL_SAVE_PENDING_TABLES && !gic->v2);
}

int am_gic_attr_check(struct am_gic *gic, uint32_t group, uint64_t attr, bool set)
{
	if (group_has_regs(gic, group))
		return attr_cpu(gic, group, attr) ? 0 : -EINVAL;
	switch (group) {
	case AM_GIC_GRP_ADDR:
		return has_addr(gic, attr) ? 0 : -ENXIO;
	case AM_GIC_GRP_NR_IRQS:
		return 0;
	case AM_GIC_GRP_CTRL:
		return set && has_ctrl(gic, attr) ? 0 : -ENXIO;
	default:
		return -ENXIO;
	}
}

/* The frame of a group of registers. */
static struct am_reg_frame *attr_frame(struct am_gic *gic, uint32_t group, struct gic_cpu *cpu)
{
	if (group == AM_GIC_GRP_DIST_REGS)
		return &gic->frame;
	return group == AM_GIC_GRP_CPU_REGS ? &gic->gicc_frame : &cpu->frame;
}

int am_gic_has_attr(struct am_gic *gic, uint32_t group, uint64_t attr)
{
	const struct gic_icc_row *row;
	uint32_t offset = (uint32_t)attr;
	struct gic_cpu *cpu;
	bool has;

	if (!group_has_regs(gic, group))
		return am_gic_attr_check(gic, group, attr, true);
	if (group == AM_GIC_GRP_LEVEL_INFO)
		return am_bits(attr, 31, 10) ? -ENXIO : 0;
	cpu = attr_cpu(gic, group, attr);
	if (!cpu)
		return -EINVAL;
	if (group == AM_GIC_GRP_CPU_SYSREGS) {
		row = gic_icc_row(attr & 0xffff);
		return row && row->user_get ? 0 : -ENXIO;
	}
	/* The number of interrupts may be set at this moment. */
	am_lock(&gic->lock);
	has = am_reg_user_has(attr_frame(gic, group, cpu), offset);
	am_unlock(&gic->lock);
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
	int err = am_gic_lazy_init(gic);
	uint32_t word = 0;
	unsigned intid;

	if (err)
		return err;
	switch (group) {
	case AM_GIC_GRP_CPU_SYSREGS:
		row = gic_icc_row(attr & 0xffff);
		return row && row->user_get ? row->user_get(cpu, row->n, value) : -ENOENT;
	case AM_GIC_GRP_LEVEL_INFO:
		if (level_info_intid(attr, &intid))
			return -EINVAL;
		word = get_lines(gic, cpu, intid);
		break;
	default:
		am_reg_user_read(attr_frame(gic, group, cpu), cpu->id, (uint32_t)attr, &word);
	}
	*value = word;
	return 0;
}

static int set_reg(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t value)
{
	struct gic_cpu *cpu = attr_cpu(gic, group, attr);
	const struct gic_icc_row *row;
	int err = am_gic_lazy_init(gic);
	unsigned intid;

	if (err)
		return err;
	switch (group) {
	case AM_GIC_GRP_CPU_SYSREGS:
		row = gic_icc_row(attr & 0xffff);
		return row && row->user_set ? row->user_set(cpu, row->n, value) : -ENOENT;
	case AM_GIC_GRP_LEVEL_INFO:
		if (level_info_intid(attr, &intid))
			return -EINVAL;
		set_lines(gic, cpu, intid, (uint32_t)value);
		return 0;
	default:
		return am_reg_user_write(attr_frame(gic, group, cpu), cpu->id, (uint32_t)attr,
					 (uint32_t)value);
	}
}

static int get_addr(struct am_gic *gic, uint64_t attr, uint64_t *value)
{
	switch (attr) {
	case ADDR_V2_DIST:
	case ADDR_DIST:
		*value = am_gic_dist_base(gic);
		return 0;
	case ADDR_V2_CPU:
		*value = am_gic_cpuif_base(gic);
		return 0;
	case ADDR_REDIST:
		*value = am_gic_redist_base(gic);
		return 0;
	default:
		return am_gic_get_redist_region(gic, value);
	}
}

static int set_addr(struct am_gic *gic, uint64_t attr, uint64_t value)
{
	switch (attr) {
	case ADDR_V2_DIST:
	case ADDR_DIST:
		return am_gic_set_dist_base(gic, value);
	case ADDR_V2_CPU:
		return am_gic_set_cpuif_base(gic, value);
	case ADDR_REDIST:
		return am_gic_set_redist_base(gic, value);
	default:
		return am_gic_add_redist_region(gic, value);
	}
}

int am_gic_get_attr(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t *value)
{
	int err = am_gic_attr_check(gic, group, attr, false);

	if (err)
		return err;
	if (group_has_regs(gic, group))
		return get_reg(gic, group, attr, value);
	if (group == AM_GIC_GRP_ADDR)
		return get_addr(gic, attr, value);
	*value = am_gic_nr_irqs(gic);
	return 0;
}

int am_gic_set_attr(struct am_gic *gic, uint32_t group, uint64_t attr, uint64_t value)
{
	int err = am_gic_attr_check(gic, group, attr, true);

	if (err)
		return err;
	if (group_has_regs(gic, group))
		return set_reg(gic, group, attr, value);
	if (group == AM_GIC_GRP_ADDR)
		return set_addr(gic, attr, value);
	if (group == AM_GIC_GRP_NR_IRQS)
		return am_gic_set_nr_irqs(gic, (uint32_t)value);
	if (attr == CTRL_INIT)
		return am_gic_init(gic);
	return am_gic_initialized(gic) ? gic_lpi_save_pending(gic) : -ENXIO;
}
