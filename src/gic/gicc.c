/* SPDX-License-Identifier: MIT */
/*
 * A GICv2's CPU interface (IHI 0048 4.4): the same state as the ICC_* registers show, as a frame
 * that is banked by vCPU. A guest of KVM sees the host's virtual CPU interface (GICV) here, user
 * space a few registers with formats of their own.
 *
 * One security state: AckCtl lets GICC_IAR and GICC_EOIR handle group 1, FIQEn signals group 0 as
 * FIQ, and one set of active priorities serves both groups.
 */
#include "gic/irq_rows.h"
#include "gic/hot.h"

enum {
	GICC_CTLR_GRP0 = 1 << 0,
	GICC_CTLR_GRP1 = 1 << 1,
	GICC_CTLR_ACKCTL = 1 << 2,
	GICC_CTLR_FIQEN = 1 << 3,
	GICC_CTLR_CBPR = 1 << 4,
	GICC_CTLR_EOIMODE = 1 << 9,
	GICC_CTLR_BITS = 0x21f,
	GICC_IIDR = 0x04b2043b,
	GICC_PMR_SHIFT = 3, /* user space exchanges five bits */
	GICC_INTID = 0x3ff,
};

static struct gic_cpu *gicc_cpu(const struct am_access *a)
{
	struct gic_port *port = a->dev;

	return gic_cpu_get(port->gic, a->vcpu);
}

static uint32_t ctlr_value(const struct gic_cpuif *ifc)
{
	return (ifc->enabled[0] ? GICC_CTLR_GRP0 : 0) | (ifc->enabled[1] ? GICC_CTLR_GRP1 : 0) |
	       (ifc->ackctl ? GICC_CTLR_ACKCTL : 0) | (ifc->fiqen ? GICC_CTLR_FIQEN : 0) |
	       (ifc->cbpr ? GICC_CTLR_CBPR : 0) | (ifc->eoimode ? GICC_CTLR_EOIMODE : 0);
}

static void ctlr_store(struct gic_cpuif *ifc, uint64_t value)
{
	ifc->enabled[0] = value & GICC_CTLR_GRP0;
	ifc->enabled[1] = value & GICC_CTLR_GRP1;
	ifc->ackctl = value & GICC_CTLR_ACKCTL;
	ifc->fiqen = value & GICC_CTLR_FIQEN;
	ifc->cbpr = value & GICC_CTLR_CBPR;
	ifc->eoimode = value & GICC_CTLR_EOIMODE;
}

/* ---- state ---- */

/* Each register as a function of the interface; the lock is held. */
enum gicc_reg {
	REG_CTLR,
	REG_PMR,
	REG_BPR,
	REG_ABPR,
	REG_APR,
};

static uint64_t reg_value(const struct gic_cpu *cpu, enum gicc_reg reg, bool user)
{
	const struct gic_cpuif *ifc = &cpu->ifc;

	switch (reg) {
	case REG_CTLR:
		return ctlr_value(ifc);
	case REG_PMR:
		return user ? ifc->pmr >> GICC_PMR_SHIFT : ifc->pmr & 0xf8;
	case REG_BPR:
	case REG_ABPR:
		return user ? ifc->bpr[reg == REG_ABPR] : gic_cpu_own_bpr(cpu, reg == REG_ABPR);
	default:
		return ifc->apr[0];
	}
}

static void reg_store(struct gic_cpu *cpu, enum gicc_reg reg, bool user, uint64_t value)
{
	struct gic_cpuif *ifc = &cpu->ifc;

	switch (reg) {
	case REG_CTLR:
		ctlr_store(ifc, value);
		break;
	case REG_PMR:
		ifc->pmr = (uint8_t)((user ? value << GICC_PMR_SHIFT : value) & 0xf8);
		break;
	case REG_BPR:
	case REG_ABPR:
		ifc->bpr[reg == REG_ABPR] = value & 7;
		if (!user) /* too small a value becomes the smallest */
			ifc->bpr[reg == REG_ABPR] = (uint8_t)gic_cpu_own_bpr(cpu, reg == REG_ABPR);
		break;
	case REG_APR:
		ifc->apr[0] = (uint32_t)value;
		break;
	}
}

static uint64_t gicc_get(const struct am_access *a, enum gicc_reg reg)
{
	struct gic_cpu *cpu = gicc_cpu(a);
	uint64_t value;

	if (!cpu)
		return 0;
	am_lock(&cpu->lock);
	value = reg_value(cpu, reg, a->user);
	am_unlock(&cpu->lock);
	return value;
}

static void gicc_set(const struct am_access *a, enum gicc_reg reg, uint64_t value)
{
	struct gic_cpu *cpu = gicc_cpu(a);

	if (!cpu)
		return;
	am_lock(&cpu->lock);
	reg_store(cpu, reg, a->user, value);
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
}

#define STATE(name, reg)                                                                   \
	static uint64_t gicc_get_##name(const struct am_access *a, unsigned n)             \
	{                                                                                  \
		return gicc_get(a, reg);                                                   \
	}                                                                                  \
	static void gicc_set_##name(const struct am_access *a, unsigned n, uint64_t value, \
				    uint64_t mask)                                         \
	{                                                                                  \
		gicc_set(a, reg, value);                                                   \
	}

STATE(ctlr, REG_CTLR)
STATE(pmr, REG_PMR)
STATE(bpr, REG_BPR)
STATE(abpr, REG_ABPR)
STATE(apr, REG_APR)

/* ---- actions ---- */

/* The groups that GICC_IAR and GICC_EOIR are for. */
static unsigned gicc_groups(struct gic_cpu *cpu)
{
	unsigned groups;

	am_lock(&cpu->lock);
	groups = cpu->ifc.ackctl ? 3 : 1;
	am_unlock(&cpu->lock);
	return groups;
}

static uint64_t gicc_get_iar(const struct am_access *a, unsigned n)
{
	struct gic_cpu *cpu = gicc_cpu(a);

	return cpu ? gic_ack(cpu, gicc_groups(cpu), GIC_NO_GROUP0) : GIC_SPURIOUS;
}

static uint64_t gicc_get_aiar(const struct am_access *a, unsigned n)
{
	struct gic_cpu *cpu = gicc_cpu(a);

	return cpu ? gic_ack(cpu, 2, GIC_SPURIOUS) : GIC_SPURIOUS;
}

/* The source in bits 12:10 is not looked at: an SGI is active for one source at a time. */
static void gicc_set_eoir(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct gic_cpu *cpu = gicc_cpu(a);

	if (cpu)
		gic_eoi(cpu, gicc_groups(cpu), value & GICC_INTID);
}

static void gicc_set_aeoir(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct gic_cpu *cpu = gicc_cpu(a);

	if (cpu)
		gic_eoi(cpu, 2, value & GICC_INTID);
}

static void gicc_set_dir(const struct am_access *a, unsigned n, uint64_t value, uint64_t mask)
{
	struct gic_cpu *cpu = gicc_cpu(a);

	if (cpu)
		gic_dir(cpu, value & GICC_INTID);
}

static uint64_t gicc_get_rpr(const struct am_access *a, unsigned n)
{
	struct gic_cpu *cpu = gicc_cpu(a);
	uint64_t value;

	if (!cpu)
		return 0;
	am_lock(&cpu->lock);
	value = gic_cpu_running_priority(cpu);
	am_unlock(&cpu->lock);
	return value;
}

static uint64_t gicc_hppi(const struct am_access *a, bool aliased)
{
	struct gic_cpu *cpu = gicc_cpu(a);
	uint64_t value;

	if (!cpu)
		return GIC_SPURIOUS;
	am_lock(&cpu->lock);
	if (aliased)
		value = gic_cpu_hppi(cpu, 2, GIC_SPURIOUS);
	else
		value = gic_cpu_hppi(cpu, cpu->ifc.ackctl ? 3 : 1, GIC_NO_GROUP0);
	am_unlock(&cpu->lock);
	return value;
}

static uint64_t gicc_get_hppir(const struct am_access *a, unsigned n)
{
	return gicc_hppi(a, false);
}

static uint64_t gicc_get_ahppir(const struct am_access *a, unsigned n)
{
	return gicc_hppi(a, true);
}

#define SEC "IHI 0048 4.4"

/* clang-format off */
#define READ(n, off, f, rst, g) \
	{.name = n, .section = SEC, .offset = off, .length = 4, .widths = AM_REG_32, \
	 .flags = AM_REG_GUEST | (f), .reset = rst, .ro = UINT32_MAX, .get = g}
#define WRITE(n, off, s) \
	{.name = n, .section = SEC, .offset = off, .length = 4, .widths = AM_REG_32, \
	 .flags = AM_REG_GUEST | AM_REG_WO, .set = s}

/* What resets to a minimum for the guest is 0 for user space: no constant reset. */
static const struct am_reg_row gicc_rows[] = {
	{.name = "GICC_CTLR", .section = SEC, .offset = 0x00, .length = 4, .widths = AM_REG_32,
	 .order = 5, .ro = UINT32_MAX & ~GICC_CTLR_BITS, .get = gicc_get_ctlr,
	 .set = gicc_set_ctlr},
	{.name = "GICC_PMR", .section = SEC, .offset = 0x04, .length = 4, .widths = AM_REG_32,
	 .order = 1, .ro = UINT32_MAX & ~0xff, .get = gicc_get_pmr, .set = gicc_set_pmr},
	{.name = "GICC_BPR", .section = SEC, .offset = 0x08, .length = 4, .widths = AM_REG_32,
	 .order = 2, .flags = AM_REG_COMPUTED, .ro = UINT32_MAX & ~7, .get = gicc_get_bpr,
	 .set = gicc_set_bpr},
	READ("GICC_IAR", 0x0c, 0, GIC_SPURIOUS, gicc_get_iar),
	WRITE("GICC_EOIR", 0x10, gicc_set_eoir),
	READ("GICC_RPR", 0x14, 0, GIC_IDLE_PRIORITY, gicc_get_rpr),
	READ("GICC_HPPIR", 0x18, 0, GIC_SPURIOUS, gicc_get_hppir),
	{.name = "GICC_ABPR", .section = SEC, .offset = 0x1c, .length = 4, .widths = AM_REG_32,
	 .order = 3, .flags = AM_REG_COMPUTED, .ro = UINT32_MAX & ~7, .get = gicc_get_abpr,
	 .set = gicc_set_abpr},
	READ("GICC_AIAR", 0x20, 0, GIC_SPURIOUS, gicc_get_aiar),
	WRITE("GICC_AEOIR", 0x24, gicc_set_aeoir),
	READ("GICC_AHPPIR", 0x28, 0, GIC_SPURIOUS, gicc_get_ahppir),
	GIC_ROW_RESERVED(0x2c, 0xa4, "reserved"),
	{.name = "GICC_APR0", .section = SEC, .offset = 0xd0, .length = 4, .widths = AM_REG_32,
	 .order = 4, .get = gicc_get_apr, .set = gicc_set_apr},
	GIC_ROW_CONST("GICC_APR1-3", SEC, 0xd4, 0xc, AM_REG_32, 0, 0, 0,
		      "five bits of priority need one register"),
	{.name = "GICC_NSAPR", .section = SEC, .offset = 0xe0, .length = 0x10, .widths = AM_REG_32,
	 .flags = AM_REG_GUEST, .constant = "one security state"},
	GIC_ROW_RESERVED(0xf0, 0xc, "reserved"),
	GIC_ROW_CONST("GICC_IIDR", SEC, 0xfc, 4, AM_REG_32, 0, 0, GICC_IIDR, "identification"),
	GIC_ROW_RESERVED(0x100, 0xf00, "reserved"),
	WRITE("GICC_DIR", 0x1000, gicc_set_dir),
	GIC_ROW_RESERVED(0x1004, 0xffc, "reserved"),
};
/* clang-format on */

const struct am_reg_table gic_gicc_table = {
    .name = "GICC",
    .rows = gicc_rows,
    .nr_rows = AM_ARRAY_SIZE(gicc_rows),
    .size = GIC_CPUIF_SIZE,
};
