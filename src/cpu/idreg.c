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

/* The fields that KVM lets user space set (Linux 6.12), by CRm and op2. */
static const uint64_t writable[CPU_ID_REGS] = {
    /* ID_AA64PFR0_EL1: not FP, AdvSIMD, GIC, RAS, SVE, MPAM, AMU */
    [ID(4, 0)] =
	~(FIELD(16) | FIELD(20) | FIELD(24) | FIELD(28) | FIELD(32) | FIELD(40) | FIELD(44)),
    /* ID_AA64DFR0_EL1: DebugVer, PMUVer */
    [ID(5, 0)] = FIELD(0) | FIELD(8),
    /* ID_AA64ISAR0_EL1 */
    [ID(6, 0)] = ~FIELD(0),
    /* ID_AA64ISAR1_EL1: not pointer authentication */
    [ID(6, 1)] = ~(FIELD(4) | FIELD(8) | FIELD(24) | FIELD(28)),
    /* ID_AA64ISAR2_EL1: neither */
    [ID(6, 2)] = FIELD(0) | FIELD(4) | FIELD(16) | FIELD(20) | FIELD(24) | FIELD(48),
    /* ID_AA64MMFR0_EL1: not the granules of stage 2 */
    [ID(7, 0)] = ~(FIELD(32) | FIELD(36) | FIELD(40) | FIELD(48) | FIELD(52)),
    /* ID_AA64MMFR1_EL1: not VMIDBits, VH, XNX, TWED, HCX */
    [ID(7, 1)] = ~(FIELD(4) | FIELD(8) | FIELD(28) | FIELD(32) | FIELD(40) | FIELD(56)),
    /* ID_AA64MMFR2_EL1: not CCIDX, NV, IDS, FWB, EVT */
    [ID(7, 2)] = ~(FIELD(20) | FIELD(24) | FIELD(36) | FIELD(40) | FIELD(44) | FIELD(56)),
    /* ID_AA64ZFR0_EL1 */
    [ID(4, 4)] = FIELD(0) | FIELD(4) | FIELD(16) | FIELD(20) | FIELD(32) | FIELD(40) | FIELD(44) |
		 FIELD(52) | FIELD(56),
};

uint64_t cpu_id_writable(unsigned index)
{
	return index < CPU_ID_REGS ? writable[index] : 0;
}

static unsigned index_of(const struct cpu_sysreg *r)
{
	return r->id & (CPU_ID_REGS - 1);
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

	switch (index_of(r)) {
	case ID(4, 0):
		if (atomic_load_explicit(&cl->no_icc, memory_order_relaxed))
			return set_field(r->reset, 24, 0); /* GIC */
		return r->reset;
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
	return implemented(c->cluster, r) ^
	       atomic_load_explicit(&c->cluster->id_changed[index_of(r)], memory_order_relaxed);
}

/* May field @b of register @index say @v where there is @have? */
static bool field_fits(unsigned index, unsigned b, unsigned v, unsigned have)
{
	/* TGran4 and TGran64: 15 is less than 0. */
	if (index == ID(7, 0) && (b == 24 || b == 28))
		return am_sext(v, 4) <= am_sext(have, 4);
	/* SpecSEI: an SError that may come for speculation is less than none that does. */
	if (index == ID(7, 1) && b == 24)
		return v >= have;
	/* DebugVer 6 is the least that there is. */
	if (index == ID(5, 0) && b == 0)
		return v >= 6 && v <= have;
	return v <= have;
}

int cpu_id_write(struct cpu *c, const struct cpu_sysreg *r, uint64_t v)
{
	unsigned index = index_of(r);
	uint64_t most = implemented(c->cluster, r);

	for (unsigned b = 0; b < 64; b += 4) {
		unsigned field = am_bits(v, b + 3, b), have = am_bits(most, b + 3, b);

		if (field == have)
			continue;
		if (!am_bit(writable[index], b) || !field_fits(index, b, field, have))
			return -EINVAL;
	}
	atomic_store_explicit(&c->cluster->id_changed[index], v ^ most, memory_order_relaxed);
	return 0;
}
