/* SPDX-License-Identifier: MIT */
/*
 * The stage 1 translation table walk of the EL1&0 regime: VMSAv8-64, 4K, 16K and 64K granules,
 * 48-bit addresses, no hardware update of flags (DDI 0487 D8.2-D8.4). One function per step of
 * the manual's own description; nothing here is cached.
 */
#include <string.h>

#include "cpu/sysreg.h"
#include "cpu/tlb.h"

enum { /* fault status codes; add the level where there is one (D17.2.37) */
       FSC_ADDRESS_SIZE = 0x00,
       FSC_TRANSLATION = 0x04,
       FSC_ACCESS_FLAG = 0x08,
       FSC_PERMISSION = 0x0c,
       FSC_EXTERNAL = 0x10,
};

struct regime { /* TCR_EL1 as it concerns one half of the address space */
	uint64_t ttbr;
	unsigned txsz;
	unsigned grain; /* log2 of the granule */
	unsigned pa_bits;
	bool disabled; /* EPDn */
};

/* Attributes gathered on the way down. */
struct attrs {
	bool ap_ro, ap_user, ap_no_user; /* AP[2], AP[1], APTable[0] */
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

/* IPS; sizes above what PARange advertises act as 48 bits. */
static unsigned output_bits(uint64_t tcr)
{
	static const uint8_t bits[8] = {32, 36, 40, 42, 44, 48, 48, 48};

	return bits[tcr >> 32 & 7];
}

static struct regime regime_of(const struct cpu *c, bool high)
{
	static const uint8_t grain0[4] = {12, 16, 14, 12}, grain1[4] = {12, 14, 12, 16};
	uint64_t tcr = c->sr[SR_TCR_EL1];
	struct regime r = {
	    .ttbr = c->sr[high ? SR_TTBR1_EL1 : SR_TTBR0_EL1],
	    .txsz = high ? am_bits(tcr, 21, 16) : am_bits(tcr, 5, 0),
	    .grain = high ? grain1[tcr >> 30 & 3] : grain0[tcr >> 14 & 3],
	    .pa_bits = output_bits(tcr),
	    .disabled = am_bit(tcr, high ? 23 : 7),
	};

	/* Out of range values of TxSZ: as the nearest legal one (CONSTRAINED UNPREDICTABLE). */
	if (r.txsz < 16)
		r.txsz = 16;
	if (r.txsz > 39)
		r.txsz = 39;
	return r;
}

/* MAIR_EL1 attribute index -> Device? (D17.2.97: 0b0000dd00 and the reserved forms around it) */
static bool is_device(const struct cpu *c, unsigned index)
{
	return (c->sr[SR_MAIR_EL1] >> (index * 8) & 0xf0) == 0;
}

static bool read_descriptor(struct cpu *c, uint64_t ipa, uint64_t *desc, struct cpu_xlat *x)
{
	struct cpu_page page = {.for_write = false};

	x->err = c->ops->map(c->opaque, ipa & CPU_PAGE_MASK, &page);
	if (x->err)
		return false;
	if (!page.host)
		return fault(x, FSC_EXTERNAL);
	*desc = guest_ld64(page.host + (ipa & ~CPU_PAGE_MASK));
	return true;
}

/* D8.4: who may do what. */
static bool permitted(const struct cpu *c, const struct attrs *a, enum cpu_access_kind kind,
		      unsigned el, struct cpu_xlat *x)
{
	bool user_r = a->ap_user && !a->ap_no_user;
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
	if (va >> 48)
		return fault(x, FSC_ADDRESS_SIZE);
	x->ipa = va;
	x->device = kind != CPU_FETCH;
	x->may_write = true;
	x->log2_size = 12;
	return true;
}

static bool leaf(struct cpu *c, uint64_t va, uint64_t desc, unsigned level, unsigned shift,
		 struct attrs a, enum cpu_access_kind kind, unsigned el, struct cpu_xlat *x,
		 unsigned pa_bits)
{
	uint64_t base = desc & AM_MASK(47, shift);

	if (pa_bits < 48 && base >> pa_bits)
		return fault(x, FSC_ADDRESS_SIZE + level);
	if (!am_bit(desc, 10))
		return fault(x, FSC_ACCESS_FLAG + level);
	a.ap_ro |= am_bit(desc, 7);
	a.ap_user = am_bit(desc, 6);
	a.uxn |= am_bit(desc, 54);
	a.pxn |= am_bit(desc, 53);
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
	struct regime r = regime_of(c, high);
	struct attrs a = {0};

	memset(x, 0, sizeof(*x));
	if (!am_bit(c->sr[SR_SCTLR_EL1], 0))
		return walk_off(c, va, kind, x);

	unsigned va_bits = 64 - r.txsz;
	unsigned stride = r.grain - 3;
	int64_t top = (int64_t)va >> va_bits;

	if (r.disabled || top != (high ? -1 : 0))
		return fault(x, FSC_TRANSLATION + 0);

	unsigned level = 4 - (va_bits - r.grain + stride - 1) / stride;
	unsigned shift = r.grain + (3 - level) * stride; /* of the address bits below this level */
	uint64_t table = r.ttbr & AM_MASK(47, 1);

	/* The first table is aligned to its own size (D8.2.6). */
	table &= ~(AM_BIT(va_bits - shift + 3) - 1);
	if (r.pa_bits < 48 && table >> r.pa_bits)
		return fault(x, FSC_ADDRESS_SIZE + 0);

	unsigned index_bits = va_bits - shift;

	for (;; level++, shift -= stride, index_bits = stride) {
		uint64_t index = am_bits(va, shift + index_bits - 1, shift);
		uint64_t desc = 0;

		if (!read_descriptor(c, table + index * 8, &desc, x))
			return false;
		if (!(desc & 1))
			return fault(x, FSC_TRANSLATION + level);
		if (level == 3) {
			if (!(desc & 2))
				return fault(x, FSC_TRANSLATION + level);
			return leaf(c, va, desc, level, shift, a, kind, el, x, r.pa_bits);
		}
		if (!(desc & 2)) {
			/* Blocks: 4K at levels 1 and 2, 16K and 64K at level 2 (D8.3.1). */
			if (level != 2 && !(level == 1 && r.grain == 12))
				return fault(x, FSC_TRANSLATION + level);
			return leaf(c, va, desc, level, shift, a, kind, el, x, r.pa_bits);
		}
		a.pxn |= am_bit(desc, 59);
		a.uxn |= am_bit(desc, 60);
		a.ap_no_user |= am_bit(desc, 61);
		a.ap_ro |= am_bit(desc, 62);
		table = desc & AM_MASK(47, r.grain);
		if (r.pa_bits < 48 && table >> r.pa_bits)
			return fault(x, FSC_ADDRESS_SIZE + level);
	}
}
