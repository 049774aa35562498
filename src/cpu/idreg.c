/* SPDX-License-Identifier: MIT */
/*
 * Identification registers as user space may set them. They are the cluster's, so that all vCPUs
 * tell the same. A guest may be shown less than there is, so that it can move to a machine that
 * has less; what is not shown still works, as with KVM, which cannot trap it either.
 */
#include <errno.h>

#include "base/bits.h"
#include "cpu/cluster.h"
#include "cpu/sysreg.h"

/* Of the 4-bit field at bit @b. */
#define FIELD(b) (UINT64_C(0xf) << (b))

#define ID(crm, op2) ((crm) << 3 | (op2))

/* The place of CTR_EL0 in id_changed[], after those of 3,0,0,CRm,op2. */
#define ID_CTR (CPU_ID_REGS - 1)

#define SYSREG_CLIDR SYSREG(3, 1, 0, 0, 1)
#define SYSREG_CTR   SYSREG(3, 3, 0, 0, 1)

/* Of CTR_EL0: single bits. */
#define CTR_IDC (UINT64_C(1) << 28)
#define CTR_DIC (UINT64_C(1) << 29)

/* The fields that KVM lets user space set (Linux 6.12), by CRm and op2. */
static const uint64_t writable[CPU_ID_REGS] = {
    /* ID_AA64PFR0_EL1: not FP, AdvSIMD, RAS, SVE, MPAM, AMU */
    [ID(4, 0)] = ~(FIELD(16) | FIELD(20) | FIELD(28) | FIELD(32) | FIELD(40) | FIELD(44)),
    /* ID_AA64PFR1_EL1: BT, SSBS, CSV2_frac */
    [ID(4, 1)] = FIELD(0) | FIELD(4) | FIELD(32),
    /* ID_AA64PFR2_EL1: FPMR */
    [ID(4, 2)] = FIELD(32),
    /* ID_AA64ZFR0_EL1 */
    [ID(4, 4)] = FIELD(0) | FIELD(4) | FIELD(16) | FIELD(20) | FIELD(24) | FIELD(32) | FIELD(40) |
		 FIELD(44) | FIELD(52) | FIELD(56),
    /* ID_AA64FPFR0_EL1: a bit for each format or instruction */
    [ID(4, 7)] = 0xf0000003,
    /* ID_AA64DFR0_EL1: DebugVer, PMUVer, WRPs, DoubleLock */
    [ID(5, 0)] = FIELD(0) | FIELD(8) | FIELD(20) | FIELD(36),
    /* ID_AA64ISAR0_EL1 */
    [ID(6, 0)] = ~FIELD(0),
    /* ID_AA64ISAR1_EL1: not pointer authentication */
    [ID(6, 1)] = ~(FIELD(4) | FIELD(8) | FIELD(24) | FIELD(28)),
    /* ID_AA64ISAR2_EL1: neither */
    [ID(6, 2)] = ~(FIELD(8) | FIELD(12) | FIELD(44)),
    /* ID_AA64MMFR0_EL1: not the granules of stage 2 */
    [ID(7, 0)] = ~(FIELD(32) | FIELD(36) | FIELD(40) | FIELD(48) | FIELD(52)),
    /* ID_AA64MMFR1_EL1: not VMIDBits, VH, XNX, TWED, HCX */
    [ID(7, 1)] = ~(FIELD(4) | FIELD(8) | FIELD(28) | FIELD(32) | FIELD(40)),
    /* ID_AA64MMFR2_EL1: not CCIDX, NV, IDS, FWB, EVT */
    [ID(7, 2)] = ~(FIELD(20) | FIELD(24) | FIELD(36) | FIELD(40) | FIELD(44) | FIELD(56)),
    /* ID_AA64MMFR3_EL1: TCRX, S1POE */
    [ID(7, 3)] = FIELD(0) | FIELD(16),
    /* CTR_EL0: IminLine, DminLine, IDC, DIC */
    [ID_CTR] = FIELD(0) | FIELD(16) | CTR_IDC | CTR_DIC,
};

static unsigned index_of(uint32_t id)
{
	return id == SYSREG_CTR ? ID_CTR : id & 0x3f;
}

bool cpu_id_shared(uint32_t id)
{
	uint32_t first = SYSREG(3, 0, 0, 4, 0);

	return id == SYSREG_CTR || (id >= first && id < first + 4 * 8);
}

uint64_t cpu_id_writable(uint32_t id)
{
	if (id == SYSREG_CLIDR)
		return CLIDR_MASK;
	return cpu_id_shared(id) ? writable[index_of(id)] : 0;
}

static uint64_t set_field(uint64_t v, unsigned b, uint64_t field)
{
	return (v & ~FIELD(b)) | field << b;
}

/* ID_AA64MMFR0_EL1 with addresses of less than 52 bits. */
static uint64_t smaller(uint64_t v, unsigned pa_bits)
{
	static const uint8_t parange[] = {32, 36, 40, 42, 44, 48};

	for (unsigned n = 0; n < AM_ARRAY_SIZE(parange); n++) {
		if (parange[n] == pa_bits)
			v = set_field(v, 0, n);
	}
	v = set_field(v, 20, 1);    /* TGran16 without 52 bits */
	v = set_field(v, 28, 0);    /* TGran4 */
	v = set_field(v, 32, 2);    /* TGran16_2 */
	return set_field(v, 40, 2); /* TGran4_2 */
}

/* What there is: the table's row, but for what the cluster is told about the machine. */
static uint64_t implemented(const struct cpu_cluster *cl, const struct cpu_sysreg *r)
{
	bool large = cl->pa_bits == 52;

	switch (index_of(r->id)) {
	case ID(7, 0):
		return large ? r->reset : smaller(r->reset, cl->pa_bits);
	case ID(7, 2):
		return large ? r->reset : set_field(r->reset, 16, 0); /* VARange */
	default:
		return r->reset;
	}
}

uint64_t cpu_id_read(struct cpu *c, const struct cpu_sysreg *r)
{
	const struct cpu_cluster *cl = c->cluster;
	unsigned index = index_of(r->id);
	uint64_t v =
	    implemented(cl, r) ^ atomic_load_explicit(&cl->id_changed[index], memory_order_relaxed);

	/* Whatever user space says of the GIC: ID_AA64PFR0_EL1.GIC. */
	if (index == ID(4, 0) && atomic_load_explicit(&cl->no_icc, memory_order_relaxed))
		v = set_field(v, 24, 0);
	return v;
}

/* Fields in which 8 to 15 are less than 0. */
static bool is_signed(unsigned index, unsigned b)
{
	switch (index) {
	case ID(5, 0):
		return b == 8 || b == 36; /* PMUVer, DoubleLock */
	case ID(7, 0):
		return b == 24 || b == 28; /* TGran64, TGran4 */
	default:
		return false;
	}
}

/* May field @b of register @index say @v where there is @have? */
static bool field_fits(unsigned index, unsigned b, unsigned v, unsigned have)
{
	if (is_signed(index, b))
		return am_sext(v, 4) <= am_sext(have, 4);
	/* SpecSEI: an SError that may come for speculation is less than none that does. */
	if (index == ID(7, 1) && b == 24)
		return v >= have;
	/* GIC: the registers of GICv3 or none, nothing between. */
	if (index == ID(4, 0) && b == 24)
		return v == 0 || v == have;
	/* DebugVer 6 is the least that there is. */
	if (index == ID(5, 0) && b == 0)
		return v >= 6 && v <= have;
	/* IDC and DIC share their four bits with what stays. */
	if (index == ID_CTR && b == 28)
		return !((v ^ have) & ~3u) && !(v & ~have);
	return v <= have;
}

int cpu_id_write(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	unsigned index = index_of(r->id);
	uint64_t most = implemented(c->cluster, r);

	/* PMUVer 15, some PMU of another kind, was what KVM once said for none. */
	if (index == ID(5, 0) && am_bits(v, 11, 8) == 15)
		v = set_field(v, 8, 0);
	for (unsigned b = 0; b < 64; b += 4) {
		unsigned field = am_bits(v, b + 3, b), have = am_bits(most, b + 3, b);

		if (field == have)
			continue;
		if (!am_bits(writable[index], b + 3, b) || !field_fits(index, b, field, have))
			return -EINVAL;
	}
	atomic_store_explicit(&c->cluster->id_changed[index], v ^ most, memory_order_relaxed);
	return 0;
}
