/* SPDX-License-Identifier: MIT */
/*
 * The stage 1 translation table walk of the EL1&0 regime: VMSAv8-64, 4K, 16K and 64K granules,
 * addresses of up to 52 bits (FEAT_LPA, FEAT_LVA, FEAT_LPA2 where the cluster has them), no
 * hardware update of flags (DDI 0487 D8.2-D8.4). One function per step of the manual's own
 * description; of what it reads only the host addresses of table pages are remembered.
 */
#include <string.h>

#include "cpu/cluster.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

enum { /* fault status codes; add the level where there is one (D17.2.37) */
       FSC_ADDRESS_SIZE = 0x00,
       FSC_TRANSLATION = 0x04,
       FSC_ACCESS_FLAG = 0x08,
       FSC_PERMISSION = 0x0c,
       FSC_EXTERNAL = 0x10,
};

/* What table descriptors say of all below them, in their bits 62:59, and the leaf's own. */
struct attrs {
	bool ap_ro, ap_user; /* AP[2], AP[1] */
	bool uxn, pxn;
};

uint64_t cpu_untag(const struct cpu *c, uint64_t va)
{
	bool high = am_bit(va, 55);

	if (!am_bit(c->sr[SR_TCR_EL1], high ? 38 : 37))
		return va;
	return high ? va | AM_MASK(63, 56) : va & ~AM_MASK(63, 56);
}

static bool fault(struct cpu_xlat *x, unsigned fsc)
{
	x->fsc = fsc;
	return false;
}

static bool fault_at(struct cpu_xlat *x, unsigned fsc, int level)
{
	if (level < 0)
		return fault(x, fsc == FSC_ADDRESS_SIZE ? 0x29 : 0x2b);
	return fault(x, fsc + level);
}

/* AArch64.PhysicalAddressSize(): IPS, but not more than there is. */
static unsigned output_bits(uint64_t tcr, unsigned pa_max)
{
	static const uint8_t bits[8] = {32, 36, 40, 42, 44, 48, 52, 52};
	unsigned ips = bits[tcr >> 32 & 7];

	return ips < pa_max ? ips : pa_max;
}

/* The first table, which is aligned to its own size (AArch64.S1TTBaseAddress). */
static uint64_t table_base(const struct cpu_regime *r)
{
	unsigned log2 = r->va_bits - r->shift + 3;
	uint64_t base = r->ttbr & AM_MASK(47, 1);

	if (r->ds || (r->lpa && r->pa_bits == 52)) {
		base |= am_bits(r->ttbr, 5, 2) << 48;
		if (log2 < 6)
			log2 = 6;
	}
	return base & ~(AM_BIT(log2) - 1);
}

static void make_regime(struct cpu_regime *r, uint64_t tcr, uint64_t ttbr, bool high,
			unsigned pa_max)
{
	static const uint8_t grain0[4] = {12, 16, 14, 12}, grain1[4] = {12, 14, 12, 16};
	unsigned txsz = high ? am_bits(tcr, 21, 16) : am_bits(tcr, 5, 0);
	bool large = pa_max == 52;

	r->tcr = tcr;
	r->ttbr = ttbr;
	r->grain = high ? grain1[tcr >> 30 & 3] : grain0[tcr >> 14 & 3];
	r->pa_bits = output_bits(tcr, pa_max);
	r->lpa = large && r->grain == 16;
	r->ds = large && r->grain != 16 && (tcr & TCR_DS);
	r->disabled = am_bit(tcr, high ? 23 : 7);

	/*
	 * TxSZ out of range: with FEAT_LVA a too small one faults (AArch64.S1TxSZFaults), others
	 * are as the nearest legal one (CONSTRAINED UNPREDICTABLE).
	 */
	unsigned least = r->lpa || r->ds ? 12 : 16;

	if (txsz < least) {
		r->disabled |= large;
		txsz = least;
	}
	if (txsz > 39)
		txsz = 39;
	r->va_bits = 64 - txsz;

	unsigned stride = r->grain - 3;

	r->level = 3 - (int)((r->va_bits - 1 - r->grain) / stride);
	r->shift = r->grain + (3 - r->level) * stride;
	r->table = table_base(r);
}

static const struct cpu_regime *regime_of(struct cpu *c, bool high)
{
	struct cpu_regime *r = &c->mmu->regime[high];
	uint64_t tcr = c->sr[SR_TCR_EL1], ttbr = c->sr[high ? SR_TTBR1_EL1 : SR_TTBR0_EL1];

	if (am_unlikely(r->tcr != tcr || r->ttbr != ttbr))
		make_regime(r, tcr, ttbr, high, c->cluster->pa_bits);
	return r;
}

/* MAIR_EL1 attribute index -> Device? (D17.2.97: 0b0000dd00 and the reserved forms around it) */
static bool is_device(const struct cpu *c, unsigned index)
{
	return (c->sr[SR_MAIR_EL1] >> (index * 8) & 0xf0) == 0;
}

static bool read_descriptor(struct cpu *c, uint64_t va, uint64_t ipa, uint64_t *desc,
			    struct cpu_xlat *x)
{
	struct cpu_table_page *t = cpu_table_page(c->mmu, ipa);

	if (am_unlikely(t->ipa != (ipa & CPU_PAGE_MASK))) {
		struct cpu_page page = {.for_write = false};

		if (!cpu_stage2(c, va, ipa, &page, x))
			return false;
		if (!page.host) {
			x->stage2 = true;
			return fault(x, FSC_EXTERNAL);
		}
		t->ipa = ipa & CPU_PAGE_MASK;
		t->host = page.host;
	}
	*desc = guest_ld64(t->host + (ipa & ~CPU_PAGE_MASK));
	return true;
}

/* D8.4: who may do what. */
static bool permitted(const struct cpu *c, const struct attrs *a, enum cpu_access_kind kind,
		      unsigned el, struct cpu_xlat *x)
{
	bool user_r = a->ap_user;
	bool user_w = user_r && !a->ap_ro;
	bool wxn = am_bit(c->sr[SR_SCTLR_EL1], 19);
	bool read, exec;

	if (el == 0) {
		read = user_r;
		x->may_write = user_w;
		exec = !a->uxn && !(wxn && user_w);
		/* Instruction fetch needs no data read permission (execute-only, D8.4.1). */
	} else {
		bool kernel_ok = !(c->pan && user_r);

		read = kernel_ok;
		x->may_write = !a->ap_ro && kernel_ok;
		exec = !a->pxn && !user_w && !(wxn && !a->ap_ro);
	}
	return kind == CPU_READ ? read : kind == CPU_WRITE ? x->may_write : exec;
}

static bool walk_off(struct cpu *c, uint64_t va, enum cpu_access_kind kind, struct cpu_xlat *x)
{
	/* D8.2.10: flat; above the implemented size an address size fault at level 0. */
	if (va >> c->cluster->pa_bits)
		return fault(x, FSC_ADDRESS_SIZE);
	x->ipa = va;
	x->device = kind != CPU_FETCH;
	x->may_write = true;
	x->log2_size = 12;
	return true;
}

/* The output or table address in a descriptor, bits 51:@low. */
static uint64_t address_in(const struct cpu_regime *r, uint64_t desc, unsigned low)
{
	uint64_t address = desc & AM_MASK(47, low);

	if (r->lpa)
		address |= am_bits(desc, 15, 12) << 48;
	else if (r->ds)
		address |= am_bits(desc, 9, 8) << 50 | (desc & AM_MASK(49, 48));
	return address;
}

/* AArch64.BlockDescSupported() */
static bool block_allowed(const struct cpu_regime *r, int level)
{
	switch (level) {
	case 2:
		return true;
	case 1:
		return r->grain == 12 || r->ds || r->lpa;
	case 0:
		return r->grain == 12 && r->ds;
	default:
		return false;
	}
}

static bool leaf(struct cpu *c, const struct cpu_regime *r, uint64_t va, uint64_t desc,
		 uint64_t tables, int level, unsigned shift, enum cpu_access_kind kind, unsigned el,
		 struct cpu_xlat *x)
{
	uint64_t base = address_in(r, desc, shift);
	struct attrs a = {
	    .ap_ro = am_bit(desc | tables >> 55, 7), /* APTable[1], bit 62 */
	    .ap_user = am_bit(desc & ~(tables >> 55), 6),
	    .uxn = am_bit(desc | tables >> 6, 54), /* UXNTable, bit 60 */
	    .pxn = am_bit(desc | tables >> 6, 53),
	};

	if (base >> r->pa_bits)
		return fault(x, FSC_ADDRESS_SIZE + level);
	if (!am_bit(desc, 10))
		return fault(x, FSC_ACCESS_FLAG + level);
	if (!permitted(c, &a, kind, el, x))
		return fault(x, FSC_PERMISSION + level);
	x->ipa = base | (va & (AM_BIT(shift) - 1));
	x->device = is_device(c, am_bits(desc, 4, 2));
	x->not_global = am_bit(desc, 11);
	x->log2_size = shift;
	return true;
}

bool cpu_walk(struct cpu *c, uint64_t va, enum cpu_access_kind kind, unsigned el,
	      struct cpu_xlat *x)
{
	bool high = am_bit(va, 55);

	memset(x, 0, sizeof(*x));
	if (!am_bit(c->sr[SR_SCTLR_EL1], 0))
		return walk_off(c, va, kind, x);

	const struct cpu_regime *r = regime_of(c, high);

	if (r->disabled || (int64_t)va >> r->va_bits != -(int64_t)high)
		return fault(x, FSC_TRANSLATION + 0);
	if (r->table >> r->pa_bits)
		return fault(x, FSC_ADDRESS_SIZE + 0);

	unsigned stride = r->grain - 3;
	unsigned shift = r->shift; /* of the address bits below this level */
	uint64_t table = r->table, tables = 0;
	uint64_t index = (va & (AM_BIT(r->va_bits) - 1)) >> shift;

	for (int level = r->level;; level++) {
		uint64_t desc = 0;

		if (!read_descriptor(c, va, table + index * 8, &desc, x))
			return false;
		if (!(desc & 1))
			return fault_at(x, FSC_TRANSLATION, level);
		if (level == 3 || !(desc & 2)) {
			/* At level 3 a page has bit 1 set, else it is a block's descriptor. */
			if (level == 3 ? !(desc & 2) : !block_allowed(r, level))
				return fault_at(x, FSC_TRANSLATION, level);
			return leaf(c, r, va, desc, tables, level, shift, kind, el, x);
		}
		tables |= desc;
		table = address_in(r, desc, r->grain);
		if (table >> r->pa_bits)
			return fault_at(x, FSC_ADDRESS_SIZE, level);
		shift -= stride;
		index = va >> shift & (AM_BIT(stride) - 1);
	}
}
