/* SPDX-License-Identifier: MIT */
/*
 * A redistributor: its two frames, RD_base and SGI_base (IHI 0069 12.10, 12.11), as one table.
 * Without an ITS there are no LPIs: then the addresses of their tables can be written, as in KVM,
 * and do nothing.
 */
#include "gic/irq_rows.h"
#include "gic/lpi.h"
#include "gic/state.h"

enum {
	REDIST_CTLR_ENABLE_LPIS = 1 << 0,
	REDIST_CTLR_CES = 1 << 1,
	REDIST_CTLR_IR = 1 << 2,
	REDIST_CTLR_RWP = 1 << 3,
	REDIST_TYPER_PLPIS = 1 << 0,
	REDIST_TYPER_LAST = 1 << 4,
	REDIST_IIDR = 0x4b00043b,
};

static struct gic_cpu *redist_cpu(const struct am_access *a)
{
	struct gic_port *port = a->dev;

	return port->cpu;
}

/* Revision 3 promises that INVLPIR and the like work and that EnableLPIs can be cleared. */
static uint64_t redist_get_ctlr(const struct am_access *a, unsigned n)
{
	struct gic_cpu *cpu = redist_cpu(a);
	uint64_t value = 0;

	if (atomic_load_explicit(&cpu->lpis_busy, memory_order_relaxed))
		value |= REDIST_CTLR_RWP;
	else if (atomic_load_explicit(&cpu->lpis, memory_order_relaxed))
		value |= REDIST_CTLR_ENABLE_LPIS;
	if (atomic_load_explicit(&cpu->gic->revision, memory_order_relaxed) < 3)
		return value;
	return value | REDIST_CTLR_CES | REDIST_CTLR_IR;
}

static void redist_set_ctlr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	gic_lpi_enable(redist_cpu(a), value & REDIST_CTLR_ENABLE_LPIS);
}

static uint64_t redist_get_typer(const struct am_access *a, unsigned n)
{
	struct gic_cpu *cpu = redist_cpu(a);
	uint64_t mpidr = atomic_load_explicit(&cpu->mpidr, memory_order_relaxed);

	return (mpidr & 0xffffff) << 32 | (uint64_t)cpu->id << 8 |
	       (am_gic_has_its(cpu->gic) ? REDIST_TYPER_PLPIS : 0) |
	       (atomic_load_explicit(&cpu->last, memory_order_relaxed) ? REDIST_TYPER_LAST : 0);
}

/*
 * Attributes of the tables' memory. What KVM does not emulate is replaced as it writes: outer
 * shareable becomes inner shareable, inner non-cacheable becomes RaWb, and of outer cacheability
 * only "as inner" and non-cacheable remain.
 */
static uint64_t redist_sanitise(uint64_t v)
{
	if (am_bits(v, 11, 10) == 2)
		v = am_insert(v, 11, 10, 1);
	if (am_bits(v, 9, 7) < 2)
		v = am_insert(v, 9, 7, 3);
	if (am_bits(v, 58, 56) > 1)
		v = am_insert(v, 58, 56, 0);
	return v;
}

#define PROPBASER_RES0 (AM_MASK(63, 59) | AM_MASK(55, 52) | AM_MASK(6, 5))
#define PENDBASER_RES0 \
	(AM_BIT(63) | AM_MASK(61, 59) | AM_MASK(55, 52) | AM_MASK(15, 12) | AM_MASK(6, 0))

/* The tables of a redistributor that has its LPIs enabled stay where they are. */
static void redist_store(const struct am_access *a, _Atomic(uint64_t) *reg, uint64_t value,
			 uint64_t mask, uint64_t res0)
{
	uint64_t old = atomic_load(reg), new;

	if (atomic_load_explicit(&redist_cpu(a)->lpis, memory_order_relaxed))
		return;
	do
		new = redist_sanitise(((old & ~mask) | value) & ~res0);
	while (!atomic_compare_exchange_weak(reg, &old, new));
}

static uint64_t redist_get_propbaser(const struct am_access *a, unsigned n)
{
	return atomic_load(&redist_cpu(a)->gic->propbaser);
}

static void redist_set_propbaser(const struct am_access *a, unsigned n, uint64_t value,
				 uint64_t mask)
{
	redist_store(a, &redist_cpu(a)->gic->propbaser, value, mask, PROPBASER_RES0);
}

static uint64_t redist_get_pendbaser(const struct am_access *a, unsigned n)
{
	return atomic_load(&redist_cpu(a)->pendbaser) & ~GIC_PENDBASER_PTZ;
}

static void redist_set_pendbaser(const struct am_access *a, unsigned n, uint64_t value,
				 uint64_t mask)
{
	redist_store(a, &redist_cpu(a)->pendbaser, value, mask, PENDBASER_RES0);
}

/*
 * Reads the configuration of LPI @intid again, or of all that target the vCPU. The upper half of
 * the registers is for virtual LPIs, which are not here.
 */
static void redist_invalidate(const struct am_access *a, bool all, uint64_t intid, uint64_t mask)
{
	struct gic_cpu *cpu = redist_cpu(a);

	if (!(mask & UINT32_MAX) || !atomic_load_explicit(&cpu->lpis, memory_order_relaxed))
		return;
	atomic_fetch_add(&cpu->invalidating, 1);
	if (all)
		gic_lpi_invalidate_all(cpu->gic, cpu);
	else
		gic_lpi_invalidate(cpu->gic, (uint32_t)intid);
	atomic_fetch_sub(&cpu->invalidating, 1);
}

static void redist_set_invlpir(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	redist_invalidate(a, false, value, mask);
}

static void redist_set_invallr(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	redist_invalidate(a, true, 0, mask);
}

static uint64_t redist_get_syncr(const struct am_access *a, unsigned n)
{
	return atomic_load(&redist_cpu(a)->invalidating) != 0;
}

#define SEC "IHI 0069 12.11"
#define SGI GIC_SGI_FRAME

/* clang-format off */
static const struct am_reg_row redist_rows[] = {
	{.name = "GICR_CTLR", .section = SEC, .offset = 0x0000, .length = 4, .widths = AM_REG_32,
	 .flags = AM_REG_COMPUTED, .order = 3, .reset = REDIST_CTLR_CES | REDIST_CTLR_IR,
	 .ro = UINT32_MAX & ~REDIST_CTLR_ENABLE_LPIS, .get = redist_get_ctlr, .set = redist_set_ctlr},
	GIC_ROW_CONST("GICR_IIDR", SEC, 0x0004, 4, AM_REG_32, 0, 0, REDIST_IIDR, "identification"),
	{.name = "GICR_TYPER", .section = SEC, .offset = 0x0008, .length = 8,
	 .widths = AM_REG_32 | AM_REG_64, .flags = AM_REG_COMPUTED, .ro = UINT64_MAX,
	 .get = redist_get_typer},
	GIC_ROW_CONST("GICR_STATUSR", SEC, 0x0010, 4, AM_REG_32, 0, 0, 0, "no access errors are recorded"),
	GIC_ROW_CONST("GICR_WAKER", SEC, 0x0014, 4, AM_REG_32, 0, 0, 0, "a vCPU's interface never sleeps"),
	GIC_ROW_RESERVED(0x0018, 0x28, "reserved"),
	GIC_ROW_CONST("GICR_SETLPIR", SEC, 0x0040, 8, AM_REG_32 | AM_REG_64, 0, 0, 0, "DirectLPI 0"),
	GIC_ROW_CONST("GICR_CLRLPIR", SEC, 0x0048, 8, AM_REG_32 | AM_REG_64, 0, 0, 0, "DirectLPI 0"),
	GIC_ROW_RESERVED(0x0050, 0x20, "reserved"),
	{.name = "GICR_PROPBASER", .section = SEC, .offset = 0x0070, .length = 8,
	 .widths = AM_REG_32 | AM_REG_64, .order = 1, .reset = 0, .get = redist_get_propbaser,
	 .set = redist_set_propbaser},
	{.name = "GICR_PENDBASER", .section = SEC, .offset = 0x0078, .length = 8,
	 .widths = AM_REG_32 | AM_REG_64, .order = 2, .reset = 0x580, .get = redist_get_pendbaser,
	 .set = redist_set_pendbaser},
	GIC_ROW_RESERVED(0x0080, 0x20, "reserved"),
	{.name = "GICR_INVLPIR", .section = SEC, .offset = 0x00a0, .length = 8,
	 .widths = AM_REG_32 | AM_REG_64, .flags = AM_REG_WO, .set = redist_set_invlpir},
	GIC_ROW_RESERVED(0x00a8, 8, "reserved"),
	{.name = "GICR_INVALLR", .section = SEC, .offset = 0x00b0, .length = 8,
	 .widths = AM_REG_32 | AM_REG_64, .flags = AM_REG_WO, .set = redist_set_invallr},
	GIC_ROW_RESERVED(0x00b8, 8, "reserved"),
	{.name = "GICR_SYNCR", .section = SEC, .offset = 0x00c0, .length = 4, .widths = AM_REG_32,
	 .ro = UINT32_MAX, .get = redist_get_syncr},
	GIC_ROW_RESERVED(0x00c4, 0xff0c, "reserved"),
	GIC_ROW_CONST("GICR_PIDR4-7,0-1", SEC, 0xffd0, 0x18, AM_REG_32, 0, 0, 0, "KVM reads zero"),
	GIC_ROW_CONST("GICR_PIDR2", SEC, 0xffe8, 4, AM_REG_32, 0, 0, 0x3b, "GICv3, JEP106 code"),
	GIC_ROW_CONST("GICR_PIDR3,CIDR", SEC, 0xffec, 0x14, AM_REG_32, 0, 0, 0, "KVM reads zero"),

	GIC_ROW_RESERVED(SGI + 0x0000, 0x80, "reserved"),
	GIC_ROW_GROUP("GICR_IGROUPR0", SEC, SGI + 0x0080, 4, 0),
	GIC_ROW_RESERVED(SGI + 0x0084, 0x7c, "no extended PPIs"),
	/* SGIs reset to enabled, PPIs do not: no one reset value for a field. */
	GIC_ROW_ISENABLE("GICR_ISENABLER0", SEC, SGI + 0x0100, 4, 0, AM_REG_COMPUTED),
	GIC_ROW_RESERVED(SGI + 0x0104, 0x7c, "no extended PPIs"),
	GIC_ROW_ICENABLE("GICR_ICENABLER0", SEC, SGI + 0x0180, 4, 0, AM_REG_COMPUTED),
	GIC_ROW_RESERVED(SGI + 0x0184, 0x7c, "no extended PPIs"),
	GIC_ROW_ISPEND("GICR_ISPENDR0", SEC, SGI + 0x0200, 4, 0),
	GIC_ROW_RESERVED(SGI + 0x0204, 0x7c, "no extended PPIs"),
	GIC_ROW_ICPEND("GICR_ICPENDR0", SEC, SGI + 0x0280, 4, 0),
	GIC_ROW_RESERVED(SGI + 0x0284, 0x7c, "no extended PPIs"),
	GIC_ROW_ISACTIVE("GICR_ISACTIVER0", SEC, SGI + 0x0300, 4, 0),
	GIC_ROW_RESERVED(SGI + 0x0304, 0x7c, "no extended PPIs"),
	GIC_ROW_ICACTIVE("GICR_ICACTIVER0", SEC, SGI + 0x0380, 4, 0),
	GIC_ROW_RESERVED(SGI + 0x0384, 0x7c, "no extended PPIs"),
	GIC_ROW_PRIORITY("GICR_IPRIORITYR", SEC, SGI + 0x0400, 0x20, 0),
	GIC_ROW_RESERVED(SGI + 0x0420, 0x7e0, "no extended PPIs"),
	GIC_ROW_CONST("GICR_ICFGR0", SEC, SGI + 0x0c00, 4, AM_REG_32, 2, 0, 2, "SGIs are edge-triggered"),
	GIC_ROW_CONST("GICR_ICFGR1", SEC, SGI + 0x0c04, 4, AM_REG_32, 2, 16, 0,
		      "KVM's PPIs are level-sensitive"),
	GIC_ROW_RESERVED(SGI + 0x0c08, 0xf8, "no extended PPIs"),
	GIC_ROW_CONST("GICR_IGRPMODR0", SEC, SGI + 0x0d00, 4, AM_REG_32, 0, 0, 0,
		      "one security state: there are two groups"),
	GIC_ROW_RESERVED(SGI + 0x0d04, 0xfc, "no extended PPIs"),
	GIC_ROW_CONST("GICR_NSACR", SEC, SGI + 0x0e00, 4, AM_REG_32, 0, 0, 0, "one security state"),
	GIC_ROW_RESERVED(SGI + 0x0e04, 0xf1fc, "reserved"),
};
/* clang-format on */

const struct am_reg_table gic_redist_table = {
    .name = "GICR",
    .rows = redist_rows,
    .nr_rows = AM_ARRAY_SIZE(redist_rows),
    .size = GIC_REDIST_SIZE,
};
