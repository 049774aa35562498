/* SPDX-License-Identifier: MIT */
/*
 * The ICC_*_EL1 system registers (IHI 0069 12.2) as rows: one table for MRS and MSR by the guest
 * and for user space's GRP_CPU_SYSREGS. The encodings have a regular shape, so the row is found by
 * a small table indexed with CRm and op2.
 *
 * The two views differ as KVM's do: the guest sees what hardware with five priority bits shows,
 * user space the stored values.
 */
#include "gic/hot.h"

#include "base/trace.h"

enum {
	ICC_CTLR_CBPR = 1,
	ICC_CTLR_EOIMODE = 2,
	ICC_CTLR_PRIBITS_SHIFT = 8,
	ICC_CTLR_IDBITS_SHIFT = 11,
	ICC_CTLR_SEIS = 1 << 14,
	ICC_CTLR_A3V = 1 << 15,
	ICC_ID_BITS_24 = 1,
};

/* ---- the guest's view ---- */

static uint64_t icc_get_pmr(struct gic_cpu *cpu, unsigned n)
{
	uint64_t v;

	am_lock(&cpu->lock);
	v = cpu->ifc.pmr & 0xf8;
	am_unlock(&cpu->lock);
	return v;
}

static void icc_set_pmr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	am_lock(&cpu->lock);
	cpu->ifc.pmr = value & 0xf8;
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
}

static uint64_t icc_get_bpr(struct gic_cpu *cpu, unsigned n)
{
	uint64_t v;

	am_lock(&cpu->lock);
	v = gic_cpu_bpr(cpu, n);
	am_unlock(&cpu->lock);
	return v;
}

/* Too small a value becomes the smallest; BPR1 is not there to be written while CBPR is set. */
static void icc_set_bpr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	am_lock(&cpu->lock);
	if (!n || !cpu->ifc.cbpr) {
		cpu->ifc.bpr[n] = value & 7;
		cpu->ifc.bpr[n] = (uint8_t)gic_cpu_bpr(cpu, n);
	}
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
}

static uint64_t icc_get_apr(struct gic_cpu *cpu, unsigned n)
{
	uint64_t v;

	am_lock(&cpu->lock);
	v = cpu->ifc.apr[n];
	am_unlock(&cpu->lock);
	return v;
}

static void icc_set_apr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	am_lock(&cpu->lock);
	cpu->ifc.apr[n] = (uint32_t)value;
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
}

static uint64_t icc_get_iar(struct gic_cpu *cpu, unsigned n)
{
	return gic_ack(cpu, 1u << n, GIC_SPURIOUS);
}

static uint64_t icc_get_hppir(struct gic_cpu *cpu, unsigned n)
{
	uint64_t v;

	am_lock(&cpu->lock);
	v = gic_cpu_hppi(cpu, 1u << n, GIC_SPURIOUS);
	am_unlock(&cpu->lock);
	return v;
}

static uint64_t icc_get_rpr(struct gic_cpu *cpu, unsigned n)
{
	uint64_t v;

	am_lock(&cpu->lock);
	v = gic_cpu_running_priority(cpu);
	am_unlock(&cpu->lock);
	return v;
}

static void icc_set_eoir(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	gic_eoi(cpu, 1u << n, value & 0xffffff);
}

static void icc_set_dir(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	gic_dir(cpu, value & 0xffffff);
}

/* n: may it reach SGIs of either group? */
static void icc_set_sgi(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	gic_send_sgi(cpu, value, n);
}

static uint64_t icc_ctlr_bits(const struct gic_cpu *cpu)
{
	return (cpu->ifc.cbpr ? ICC_CTLR_CBPR : 0) | (cpu->ifc.eoimode ? ICC_CTLR_EOIMODE : 0) |
	       ICC_CTLR_A3V;
}

static uint64_t icc_get_ctlr(struct gic_cpu *cpu, unsigned n)
{
	uint64_t v;

	am_lock(&cpu->lock);
	v = icc_ctlr_bits(cpu);
	am_unlock(&cpu->lock);
	return v | (GIC_PRI_BITS - 1) << ICC_CTLR_PRIBITS_SHIFT |
	       ICC_ID_BITS_24 << ICC_CTLR_IDBITS_SHIFT;
}

static void icc_set_ctlr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	am_lock(&cpu->lock);
	cpu->ifc.cbpr = value & ICC_CTLR_CBPR;
	cpu->ifc.eoimode = value & ICC_CTLR_EOIMODE;
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
}

/* System registers, no IRQ or FIQ bypass; there is no other way to the CPU interface. */
static uint64_t icc_get_sre(struct gic_cpu *cpu, unsigned n)
{
	return 7;
}

static void icc_set_sre(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
}

static uint64_t icc_get_igrpen(struct gic_cpu *cpu, unsigned n)
{
	uint64_t v;

	am_lock(&cpu->lock);
	v = cpu->ifc.enabled[n];
	am_unlock(&cpu->lock);
	return v;
}

static void icc_set_igrpen(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	am_lock(&cpu->lock);
	cpu->ifc.enabled[n] = value & 1;
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
}

/* ---- user space's view, where it is another ---- */

static int icc_user_get_pmr(struct gic_cpu *cpu, unsigned n, uint64_t *value)
{
	am_lock(&cpu->lock);
	*value = cpu->ifc.pmr;
	am_unlock(&cpu->lock);
	return 0;
}

static int icc_user_set_pmr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	am_lock(&cpu->lock);
	cpu->ifc.pmr = value & 0xff;
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
	return 0;
}

static int icc_user_get_bpr(struct gic_cpu *cpu, unsigned n, uint64_t *value)
{
	am_lock(&cpu->lock);
	if (n && cpu->ifc.cbpr)
		*value = cpu->ifc.bpr[0] < 7 ? cpu->ifc.bpr[0] + 1u : 7;
	else
		*value = cpu->ifc.bpr[n];
	am_unlock(&cpu->lock);
	return 0;
}

static int icc_user_set_bpr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	am_lock(&cpu->lock);
	if (!n || !cpu->ifc.cbpr)
		cpu->ifc.bpr[n] = value & 7;
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
	return 0;
}

/* Registers that more priority bits would need. */
static int icc_user_get_no_apr(struct gic_cpu *cpu, unsigned n, uint64_t *value)
{
	return -EINVAL;
}

static int icc_user_set_no_apr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	return -EINVAL;
}

static int icc_user_get_ctlr(struct gic_cpu *cpu, unsigned n, uint64_t *value)
{
	unsigned pri_field;

	am_lock(&cpu->lock);
	pri_field = cpu->ifc.pri_bits - 1u;
	*value = icc_ctlr_bits(cpu) | pri_field << ICC_CTLR_PRIBITS_SHIFT |
		 (unsigned)cpu->ifc.id_bits << ICC_CTLR_IDBITS_SHIFT;
	am_unlock(&cpu->lock);
	return 0;
}

/*
 * A machine with fewer bits may be restored here, not one with more. As in KVM a lowered number
 * stays even if a later check fails.
 */
static int icc_user_set_ctlr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	unsigned pri_bits = (unsigned)am_bits(value, 10, 8) + 1, id_bits = am_bits(value, 13, 11);
	int err = -EINVAL;

	am_lock(&cpu->lock);
	if (pri_bits > cpu->ifc.pri_bits)
		goto out;
	cpu->ifc.pri_bits = (uint8_t)pri_bits;
	if (id_bits > cpu->ifc.id_bits)
		goto out;
	cpu->ifc.id_bits = (uint8_t)id_bits;
	if ((value & (ICC_CTLR_SEIS | ICC_CTLR_A3V)) != ICC_CTLR_A3V)
		goto out;
	cpu->ifc.cbpr = value & ICC_CTLR_CBPR;
	cpu->ifc.eoimode = value & ICC_CTLR_EOIMODE;
	gic_cpuif_changed(cpu);
	err = 0;
out:
	am_unlock(&cpu->lock);
	return err;
}

static int icc_user_set_sre(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	return value & 1 ? 0 : -EINVAL;
}

/* Where user space's view is the guest's. */
static int icc_user_get_apr(struct gic_cpu *cpu, unsigned n, uint64_t *value)
{
	*value = icc_get_apr(cpu, n);
	return 0;
}

static int icc_user_set_apr(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	icc_set_apr(cpu, n, value);
	return 0;
}

static int icc_user_get_sre(struct gic_cpu *cpu, unsigned n, uint64_t *value)
{
	*value = icc_get_sre(cpu, n);
	return 0;
}

static int icc_user_get_igrpen(struct gic_cpu *cpu, unsigned n, uint64_t *value)
{
	*value = icc_get_igrpen(cpu, n);
	return 0;
}

static int icc_user_set_igrpen(struct gic_cpu *cpu, unsigned n, uint64_t value)
{
	icc_set_igrpen(cpu, n, value);
	return 0;
}

/* ---- the rows ---- */

#define ICC(crn, crm, op2) AM_GIC_SYSREG(3u, 0u, crn, crm, op2)

/* What a row is: state, with a place in the save order; readable or writable only; not implemented.
 */
#define ICC_STATE(r, enc, order, n, f)                                                         \
	{                                                                                      \
		r, enc, order, n, icc_get_##f, icc_set_##f, icc_user_get_##f, icc_user_set_##f \
	}
#define ICC_RO(r, enc, n, f)                                \
	{                                                   \
		r, enc, 0, n, icc_get_##f, NULL, NULL, NULL \
	}
#define ICC_WO(r, enc, n, f)                                \
	{                                                   \
		r, enc, 0, n, NULL, icc_set_##f, NULL, NULL \
	}
#define ICC_NONE(r, enc, n, f)                                               \
	{                                                                    \
		r, enc, 0, n, NULL, NULL, icc_user_get_##f, icc_user_set_##f \
	}

/* Orders: CTLR first, because BPR1 depends on it; the group enables last. */
/* clang-format off */
const struct gic_icc_row gic_icc_rows[] = {
	ICC_STATE("ICC_PMR_EL1",     ICC(4u, 6u, 0u),   3, 0, pmr),
	ICC_RO("ICC_IAR0_EL1",       ICC(12u, 8u, 0u),  0, iar),
	ICC_WO("ICC_EOIR0_EL1",      ICC(12u, 8u, 1u),  0, eoir),
	ICC_RO("ICC_HPPIR0_EL1",     ICC(12u, 8u, 2u),  0, hppir),
	ICC_STATE("ICC_BPR0_EL1",    ICC(12u, 8u, 3u),  4, 0, bpr),
	ICC_STATE("ICC_AP0R0_EL1",   ICC(12u, 8u, 4u),  6, 0, apr),
	ICC_NONE("ICC_AP0R1_EL1",    ICC(12u, 8u, 5u),  0, no_apr),
	ICC_NONE("ICC_AP0R2_EL1",    ICC(12u, 8u, 6u),  0, no_apr),
	ICC_NONE("ICC_AP0R3_EL1",    ICC(12u, 8u, 7u),  0, no_apr),
	ICC_STATE("ICC_AP1R0_EL1",   ICC(12u, 9u, 0u),  7, 1, apr),
	ICC_NONE("ICC_AP1R1_EL1",    ICC(12u, 9u, 1u),  1, no_apr),
	ICC_NONE("ICC_AP1R2_EL1",    ICC(12u, 9u, 2u),  1, no_apr),
	ICC_NONE("ICC_AP1R3_EL1",    ICC(12u, 9u, 3u),  1, no_apr),
	ICC_WO("ICC_DIR_EL1",        ICC(12u, 11u, 1u), 0, dir),
	ICC_RO("ICC_RPR_EL1",        ICC(12u, 11u, 3u), 0, rpr),
	ICC_WO("ICC_SGI1R_EL1",      ICC(12u, 11u, 5u), 1, sgi),
	ICC_WO("ICC_ASGI1R_EL1",     ICC(12u, 11u, 6u), 0, sgi),
	ICC_WO("ICC_SGI0R_EL1",      ICC(12u, 11u, 7u), 0, sgi),
	ICC_RO("ICC_IAR1_EL1",       ICC(12u, 12u, 0u), 1, iar),
	ICC_WO("ICC_EOIR1_EL1",      ICC(12u, 12u, 1u), 1, eoir),
	ICC_RO("ICC_HPPIR1_EL1",     ICC(12u, 12u, 2u), 1, hppir),
	ICC_STATE("ICC_BPR1_EL1",    ICC(12u, 12u, 3u), 5, 1, bpr),
	ICC_STATE("ICC_CTLR_EL1",    ICC(12u, 12u, 4u), 2, 0, ctlr),
	ICC_STATE("ICC_SRE_EL1",     ICC(12u, 12u, 5u), 1, 0, sre),
	ICC_STATE("ICC_IGRPEN0_EL1", ICC(12u, 12u, 6u), 8, 0, igrpen),
	ICC_STATE("ICC_IGRPEN1_EL1", ICC(12u, 12u, 7u), 9, 1, igrpen),
};

const unsigned gic_nr_icc_rows = AM_ARRAY_SIZE(gic_icc_rows);

/* Row number plus 1 of op0 3, op1 0, CRn 12: [CRm - 8][op2]. */
static const uint8_t icc_index[5][8] = {
	{2, 3, 4, 5, 6, 7, 8, 9},
	{10, 11, 12, 13, 0, 0, 0, 0},
	{0, 0, 0, 0, 0, 0, 0, 0},
	{0, 14, 0, 15, 0, 16, 17, 18},
	{19, 20, 21, 22, 23, 24, 25, 26},
};
/* clang-format on */

const struct gic_icc_row *gic_icc_row(unsigned sysreg)
{
	unsigned crm = sysreg >> 3 & 15, op2 = sysreg & 7;

	if (sysreg == gic_icc_rows[0].sysreg)
		return &gic_icc_rows[0];
	if (sysreg - ICC(12u, 8u, 0u) > ICC(12u, 12u, 7u) - ICC(12u, 8u, 0u) ||
	    !icc_index[crm - 8][op2])
		return NULL;
	return &gic_icc_rows[icc_index[crm - 8][op2] - 1];
}

int am_gic_icc_read(struct am_gic *gic, unsigned vcpu, unsigned sysreg, uint64_t *value)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);
	const struct gic_icc_row *row = gic_icc_row(sysreg);

	if (!cpu || !row || !row->get || gic->v2) {
		AM_TRACE(gic_icc_undef, vcpu, sysreg, 0);
		return -ENOENT;
	}
	*value = row->get(cpu, row->n);
	return 0;
}

int am_gic_icc_write(struct am_gic *gic, unsigned vcpu, unsigned sysreg, uint64_t value)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);
	const struct gic_icc_row *row = gic_icc_row(sysreg);

	if (!cpu || !row || !row->set || gic->v2) {
		AM_TRACE(gic_icc_undef, vcpu, sysreg, 1);
		return -ENOENT;
	}
	row->set(cpu, row->n, value);
	return 0;
}
