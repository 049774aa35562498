/* SPDX-License-Identifier: MIT */
/*
 * A GICv2's distributor (IHI 0048 4.3) as KVM offers it. The registers of INTIDs 0-31 are banked:
 * each vCPU sees its own at the same address. SGIs are pending by the vCPU that sent them.
 */
#include "gic/irq_rows.h"
#include "gic/hot.h"

enum { DIST2_CTLR_ENABLE = 1 };

static struct am_gic *dist2_gic(const struct am_access *a)
{
	struct gic_port *port = a->dev;

	return port->gic;
}

static struct gic_cpu *dist2_cpu(const struct am_access *a)
{
	return gic_cpu_get(dist2_gic(a), a->vcpu);
}

static uint64_t dist2_get_ctlr(const struct am_access *a, unsigned n)
{
	return atomic_load_explicit(&dist2_gic(a)->enabled, memory_order_relaxed);
}

static void dist2_set_ctlr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	gic_set_enabled(dist2_gic(a), value & DIST2_CTLR_ENABLE);
}

static uint64_t dist2_get_typer(const struct am_access *a, unsigned n)
{
	struct am_gic *gic = dist2_gic(a);
	unsigned cpus = am_gic_nr_vcpus(gic);

	return (am_gic_nr_irqs(gic) / 32 - 1) | (cpus ? cpus - 1 : 0) << 5;
}

static uint64_t dist2_get_iidr(const struct am_access *a, unsigned n)
{
	return GIC_DIST_IIDR | atomic_load_explicit(&dist2_gic(a)->revision, memory_order_relaxed)
				   << 12;
}

/* Who writes it knows that groups are reported as they are, and may then write them. */
static int dist2_user_set_iidr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	int err = gic_user_set_revision(dist2_gic(a), value);

	if (!err)
		atomic_store_explicit(&dist2_gic(a)->user_groups, true, memory_order_relaxed);
	return err;
}

static int dist2_user_set_group(const struct am_access *a, unsigned n, uint64_t value,
				uint64_t mask)
{
	if (atomic_load_explicit(&dist2_gic(a)->user_groups, memory_order_relaxed))
		gic_set_group(a, n, value, mask);
	return 0;
}

/* SGIs are edge-triggered, PPIs level-sensitive. */
static uint64_t dist2_get_config(const struct am_access *a, unsigned n)
{
	return n < GIC_NR_PRIVATE ? (n < GIC_NR_SGIS ? 0xaaaaaaaa : 0) : gic_get_config(a, n);
}

static void dist2_set_config(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	if (n >= GIC_NR_PRIVATE)
		gic_set_config(a, n, value, mask);
}

/* A private interrupt's target is the vCPU that asks. */
static uint64_t dist2_get_target(const struct am_access *a, unsigned n)
{
	struct gic_cpu *cpu = dist2_cpu(a);
	struct gic_irq *irq = gic_irq_get(dist2_gic(a), cpu, n);

	if (n < GIC_NR_PRIVATE)
		return cpu ? UINT64_C(1) << cpu->id : 0;
	return irq ? atomic_load_explicit(&irq->route, memory_order_relaxed) : 0;
}

static void dist2_set_target(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct am_gic *gic = dist2_gic(a);
	unsigned targets = (unsigned)value & ((1u << gic_nr_cpus(gic)) - 1);
	struct gic_irq *irq = gic_irq_get(gic, NULL, n);

	if (n >= GIC_NR_PRIVATE && irq)
		gic_irq_move(gic, irq, gic_route_cpu(gic, targets), targets);
}

static void dist2_set_sgir(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct gic_cpu *cpu = dist2_cpu(a);

	if (cpu)
		gic_send_sgi2(cpu, (uint32_t)value);
}

static uint64_t dist2_get_sources(const struct am_access *a, unsigned n)
{
	struct gic_cpu *cpu = dist2_cpu(a);

	return cpu ? atomic_load_explicit(&cpu->block.irq[n].sources, memory_order_relaxed) : 0;
}

static void dist2_change_sources(const struct am_access *a, unsigned n, unsigned set,
				 unsigned clear)
{
	struct gic_cpu *cpu = dist2_cpu(a);

	if (!cpu)
		return;
	am_lock(&cpu->lock);
	gic_sgi_sources(cpu, n, set, clear);
	gic_cpu_update(cpu);
	am_unlock(&cpu->lock);
}

static void dist2_set_sources(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	dist2_change_sources(a, n, (unsigned)value, 0);
}

static void dist2_clear_sources(const struct am_access *a, unsigned n, uint64_t value,
				uint64_t mask)
{
	dist2_change_sources(a, n, 0, (unsigned)value);
}

#define SEC "IHI 0048 4.3"

/* clang-format off */
#define PENDING(n, off, ord, f, s) \
	{.name = n, .section = SEC, .offset = off, .length = 0x80, .widths = AM_REG_32, .bits = 1, \
	 .order = ord, .flags = AM_REG_W1 | (f), .get = gic_get_pending, .set = s}

/* SGIs reset to enabled, PPIs and SPIs do not: no one reset value for a field. */
static const struct am_reg_row dist2_rows[] = {
	{.name = "GICD_CTLR", .section = SEC, .offset = 0x000, .length = 4, .widths = AM_REG_32,
	 .order = 2, .ro = UINT32_MAX & ~DIST2_CTLR_ENABLE, .get = dist2_get_ctlr,
	 .set = dist2_set_ctlr},
	{.name = "GICD_TYPER", .section = SEC, .offset = 0x004, .length = 4, .widths = AM_REG_32,
	 .flags = AM_REG_COMPUTED, .ro = UINT32_MAX, .get = dist2_get_typer},
	{.name = "GICD_IIDR", .section = SEC, .offset = 0x008, .length = 4, .widths = AM_REG_32,
	 .order = 1, .reset = GIC_DIST_IIDR | 3 << 12, .ro = UINT32_MAX, .get = dist2_get_iidr,
	 .user_set = dist2_user_set_iidr},
	GIC_ROW_RESERVED(0x00c, 0x74, "reserved"),
	{.name = "GICD_IGROUPR", .section = SEC, .offset = 0x080, .length = 0x80,
	 .widths = AM_REG_32, .bits = 1, .order = 10, .get = gic_get_group, .set = gic_set_group,
	 .user_set = dist2_user_set_group},
	GIC_ROW_ISENABLE("GICD_ISENABLER", SEC, 0x100, 0x80, 0, AM_REG_COMPUTED),
	GIC_ROW_ICENABLE("GICD_ICENABLER", SEC, 0x180, 0x80, 0, AM_REG_COMPUTED),
	PENDING("GICD_ISPENDR", 0x200, 21, 0, gic_set_pending2),
	PENDING("GICD_ICPENDR", 0x280, 20, AM_REG_ALIAS | AM_REG_RESTORE1, gic_clear_pending2),
	GIC_ROW_ISACTIVE("GICD_ISACTIVER", SEC, 0x300, 0x80, 0),
	GIC_ROW_ICACTIVE("GICD_ICACTIVER", SEC, 0x380, 0x80, 0),
	GIC_ROW_PRIORITY("GICD_IPRIORITYR", SEC, 0x400, 0x400, 0),
	{.name = "GICD_ITARGETSR", .section = SEC, .offset = 0x800, .length = 0x400,
	 .widths = AM_REG_32 | AM_REG_8, .bits = 8, .order = 3, .flags = AM_REG_COMPUTED,
	 .get = dist2_get_target, .set = dist2_set_target},
	{.name = "GICD_ICFGR", .section = SEC, .offset = 0xc00, .length = 0x100,
	 .widths = AM_REG_32, .bits = 2, .order = 14, .flags = AM_REG_COMPUTED, .ro = 1,
	 .get = dist2_get_config, .set = dist2_set_config},
	GIC_ROW_RESERVED(0xd00, 0x200, "includes NSACR: one security state"),
	{.name = "GICD_SGIR", .section = SEC, .offset = 0xf00, .length = 4, .widths = AM_REG_32,
	 .flags = AM_REG_WO, .set = dist2_set_sgir},
	GIC_ROW_RESERVED(0xf04, 0xc, "reserved"),
	{.name = "GICD_CPENDSGIR", .section = SEC, .offset = 0xf10, .length = 0x10,
	 .widths = AM_REG_32 | AM_REG_8, .bits = 8, .order = 22,
	 .flags = AM_REG_W1 | AM_REG_ALIAS | AM_REG_RESTORE1, .get = dist2_get_sources,
	 .set = dist2_clear_sources},
	{.name = "GICD_SPENDSGIR", .section = SEC, .offset = 0xf20, .length = 0x10,
	 .widths = AM_REG_32 | AM_REG_8, .bits = 8, .order = 23, .flags = AM_REG_W1,
	 .get = dist2_get_sources, .set = dist2_set_sources},
	GIC_ROW_RESERVED(0xf30, 0xd0, "KVM reads zero, the identification registers too"),
};
/* clang-format on */

const struct am_reg_table gic_dist2_table = {
    .name = "GICD (GICv2)",
    .rows = dist2_rows,
    .nr_rows = AM_ARRAY_SIZE(dist2_rows),
    .size = GIC_DIST2_SIZE,
};
