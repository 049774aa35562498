/* SPDX-License-Identifier: MIT */
/*
 * The distributor's frame (IHI 0069 12.8, 12.9) as KVM offers it: one security state, affinity
 * routing always on, no message-based SPIs, no extended ranges, no 1-of-N. The fields of INTIDs
 * 0-31 are RAZ/WI here because with affinity routing they are in the redistributors.
 */
#include "gic/irq_rows.h"
#include "gic/lpi.h"
#include "gic/state.h"

#include "base/trace.h"

enum {
	DIST_CTLR_ENABLE_GRP1 = 1 << 1,
	DIST_CTLR_ARE_NS = 1 << 4,
	DIST_CTLR_DS = 1 << 6,
	DIST_TYPER_ID_BITS = 9, /* INTIDs of 10 bits */
	DIST_TYPER_LPI_ID_BITS = 15,
	DIST_TYPER_LPIS = 1 << 17,
};

static struct am_gic *dist_gic(const struct am_access *a)
{
	struct gic_port *port = a->dev;

	return port->gic;
}

void gic_set_enabled(struct am_gic *gic, bool enabled)
{
	if (atomic_exchange(&gic->enabled, enabled) != enabled)
		gic_update_all(gic);
}

static uint64_t dist_get_ctlr(const struct am_access *a, unsigned n)
{
	bool enabled = atomic_load_explicit(&dist_gic(a)->enabled, memory_order_relaxed);

	return DIST_CTLR_ARE_NS | DIST_CTLR_DS | (enabled ? DIST_CTLR_ENABLE_GRP1 : 0);
}

/* In KVM the group 1 enable is the only one; it gates both groups. */
static void dist_set_ctlr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	gic_set_enabled(dist_gic(a), value & DIST_CTLR_ENABLE_GRP1);
}

static uint64_t dist_get_typer(const struct am_access *a, unsigned n)
{
	uint64_t spis = am_gic_nr_irqs(dist_gic(a)) / 32 - 1;

	if (am_gic_has_its(dist_gic(a)))
		return spis | DIST_TYPER_LPIS | DIST_TYPER_LPI_ID_BITS << 19;
	return spis | DIST_TYPER_ID_BITS << 19;
}

static uint64_t dist_get_iidr(const struct am_access *a, unsigned n)
{
	return GIC_DIST_IIDR | atomic_load_explicit(&dist_gic(a)->revision, memory_order_relaxed)
				   << 12;
}

int gic_user_set_revision(struct am_gic *gic, uint64_t iidr)
{
	unsigned revision = (unsigned)am_bits(iidr, 15, 12);

	if ((iidr & ~AM_MASK(15, 12)) != GIC_DIST_IIDR || revision < 2 || revision > 3)
		return -EINVAL;
	atomic_store_explicit(&gic->revision, revision, memory_order_relaxed);
	return 0;
}

static int dist_user_set_iidr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	return gic_user_set_revision(dist_gic(a), value);
}

static uint64_t dist_get_typer2(const struct am_access *a, unsigned n)
{
	return 0;
}

static int dist_user_set_typer2(const struct am_access *a, unsigned n, uint64_t value,
				uint64_t mask)
{
	return value ? -EINVAL : 0;
}

static uint64_t dist_get_route(const struct am_access *a, unsigned n)
{
	struct gic_irq *irq = gic_irq_get(dist_gic(a), NULL, n);

	return irq ? atomic_load_explicit(&irq->route, memory_order_relaxed) : 0;
}

/* To a vCPU with this affinity now, or to nobody. */
static void dist_set_route(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct am_gic *gic = dist_gic(a);
	struct gic_irq *irq = gic_irq_get(gic, NULL, n);

	if (irq)
		gic_irq_move(gic, irq, gic_route_cpu(gic, (uint32_t)value), (uint32_t)value);
}

#define SEC	  "IHI 0069 12.9"
#define ELSEWHERE "affinity routing is on: the redistributors have the fields of INTIDs 0-31"
#define NO_ARE0	  "affinity routing is on: legacy targets and SGI registers are unused"
#define ONE_STATE "one security state: there are two groups"

/*
 * Blocks are laid out for 1024 interrupts of which the first 32 are private; the dispatcher stops
 * at the number of interrupts there are.
 */
/* clang-format off */
static const struct am_reg_row dist_rows[] = {
	{.name = "GICD_CTLR", .section = SEC, .offset = 0x0000, .length = 4, .widths = AM_REG_32,
	 .order = 2, .reset = DIST_CTLR_ARE_NS | DIST_CTLR_DS,
	 .ro = UINT32_MAX & ~DIST_CTLR_ENABLE_GRP1, .get = dist_get_ctlr, .set = dist_set_ctlr},
	{.name = "GICD_TYPER", .section = SEC, .offset = 0x0004, .length = 4, .widths = AM_REG_32,
	 .flags = AM_REG_COMPUTED, .ro = UINT32_MAX, .get = dist_get_typer},
	{.name = "GICD_IIDR", .section = SEC, .offset = 0x0008, .length = 4, .widths = AM_REG_32,
	 .order = 1, .reset = GIC_DIST_IIDR | 3 << 12, .ro = UINT32_MAX, .get = dist_get_iidr,
	 .user_set = dist_user_set_iidr},
	{.name = "GICD_TYPER2", .section = SEC, .offset = 0x000c, .length = 4, .widths = AM_REG_32,
	 .ro = UINT32_MAX, .get = dist_get_typer2, .user_set = dist_user_set_typer2},
	GIC_ROW_CONST("GICD_STATUSR", SEC, 0x0010, 4, AM_REG_32, 0, 0, UINT32_MAX,
		      "no access errors are recorded; KVM reads ones"),
	GIC_ROW_RESERVED(0x0014, 0x006c, "includes SETSPI and CLRSPI: no message-based SPIs (MBIS 0)"),

	GIC_ROW_CONST("GICD_IGROUPR0", SEC, 0x0080, 4, AM_REG_32, 1, 0, 0, ELSEWHERE),
	GIC_ROW_GROUP("GICD_IGROUPR", SEC, 0x0084, 0x7c, 32),
	GIC_ROW_CONST("GICD_ISENABLER0", SEC, 0x0100, 4, AM_REG_32, 1, 0, 0, ELSEWHERE),
	GIC_ROW_ISENABLE("GICD_ISENABLER", SEC, 0x0104, 0x7c, 32, 0),
	GIC_ROW_CONST("GICD_ICENABLER0", SEC, 0x0180, 4, AM_REG_32, 1, 0, 0, ELSEWHERE),
	GIC_ROW_ICENABLE("GICD_ICENABLER", SEC, 0x0184, 0x7c, 32, 0),
	GIC_ROW_CONST("GICD_ISPENDR0", SEC, 0x0200, 4, AM_REG_32, 1, 0, 0, ELSEWHERE),
	GIC_ROW_ISPEND("GICD_ISPENDR", SEC, 0x0204, 0x7c, 32),
	GIC_ROW_CONST("GICD_ICPENDR0", SEC, 0x0280, 4, AM_REG_32, 1, 0, 0, ELSEWHERE),
	GIC_ROW_ICPEND("GICD_ICPENDR", SEC, 0x0284, 0x7c, 32),
	GIC_ROW_CONST("GICD_ISACTIVER0", SEC, 0x0300, 4, AM_REG_32, 1, 0, 0, ELSEWHERE),
	GIC_ROW_ISACTIVE("GICD_ISACTIVER", SEC, 0x0304, 0x7c, 32),
	GIC_ROW_CONST("GICD_ICACTIVER0", SEC, 0x0380, 4, AM_REG_32, 1, 0, 0, ELSEWHERE),
	GIC_ROW_ICACTIVE("GICD_ICACTIVER", SEC, 0x0384, 0x7c, 32),
	GIC_ROW_CONST("GICD_IPRIORITYR0-7", SEC, 0x0400, 0x20, AM_REG_32 | AM_REG_8, 8, 0, 0, ELSEWHERE),
	GIC_ROW_PRIORITY("GICD_IPRIORITYR", SEC, 0x0420, 0x3e0, 32),
	GIC_ROW_CONST("GICD_ITARGETSR", SEC, 0x0800, 0x400, AM_REG_32 | AM_REG_8, 8, 0, 0, NO_ARE0),
	GIC_ROW_CONST("GICD_ICFGR0-1", SEC, 0x0c00, 8, AM_REG_32, 2, 0, 0, ELSEWHERE),
	{.name = "GICD_ICFGR", .section = SEC, .offset = 0x0c08, .length = 0xf8, .widths = AM_REG_32,
	 .bits = 2, .first = 32, .order = 14, .reset = 2, .ro = 1, .get = gic_get_config,
	 .set = gic_set_config},
	GIC_ROW_CONST("GICD_IGRPMODR", SEC, 0x0d00, 0x80, AM_REG_32, 1, 0, 0, ONE_STATE),
	GIC_ROW_RESERVED(0x0d80, 0x5280, "includes NSACR, SGIR, CPENDSGIR, SPENDSGIR, extended ranges"),

	GIC_ROW_CONST("GICD_IROUTER0-31", SEC, 0x6000, 0x100, AM_REG_32 | AM_REG_64, 64, 0, 0,
		      "private interrupts are not routed"),
	{.name = "GICD_IROUTER", .section = SEC, .offset = 0x6100, .length = 0x1f00,
	 .widths = AM_REG_32 | AM_REG_64, .bits = 64, .first = 32, .order = 18,
	 .ro = ~UINT64_C(0xffffff), .get = dist_get_route, .set = dist_set_route},
	GIC_ROW_RESERVED(0x8000, 0x7fd0, "includes the extended IROUTERs"),

	GIC_ROW_CONST("GICD_PIDR4-7,0-1", SEC, 0xffd0, 0x18, AM_REG_32, 0, 0, 0, "KVM reads zero"),
	GIC_ROW_CONST("GICD_PIDR2", SEC, 0xffe8, 4, AM_REG_32, 0, 0, 0x3b, "GICv3, JEP106 code"),
	GIC_ROW_CONST("GICD_PIDR3,CIDR", SEC, 0xffec, 0x14, AM_REG_32, 0, 0, 0, "KVM reads zero"),
};
/* clang-format on */

const struct am_reg_table gic_dist_table = {
    .name = "GICD",
    .rows = dist_rows,
    .nr_rows = AM_ARRAY_SIZE(dist_rows),
    .size = GIC_DIST_SIZE,
};
