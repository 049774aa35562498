/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <string.h>

static uint64_t field(uint64_t v, unsigned hi, unsigned lo)
{
	return (v >> lo) & ((2ull << (hi - lo)) - 1);
}

struct params {
	unsigned iasize, granulebits, stride, outputsize;
	int startlevel;
	bool ds, ha, pa52;
};

/* AArch64.S2StartLevel, S2InvalidSL. */
static bool start_level(const struct oracle *o, struct params *p)
{
	unsigned sl0 = (unsigned)field(o->vtcr, 7, 6), sl2 = (unsigned)field(o->vtcr, 33, 33);

	switch (p->granulebits) {
	case 12:
		if (sl2 && !p->ds)
			return false;
		if (sl2) {
			p->startlevel = -1;
			return sl0 == 0;
		}
		p->startlevel = sl0 == 0 ? 2 : sl0 == 1 ? 1 : sl0 == 2 ? 0 : 3;
		return sl0 < 2 || (sl0 == 2 && o->pamax >= 44); /* 3: FEAT_TTST only */
	case 14:
		p->startlevel = 3 - (int)sl0;
		return sl0 == 3 ? p->ds : sl0 != 2 || o->pamax >= 42;
	default:
		p->startlevel = 3 - (int)sl0;
		return sl0 != 3 && (sl0 != 2 || o->pamax >= 44);
	}
}

static bool decode(const struct oracle *o, struct params *p)
{
	static const unsigned sizes[] = {32, 36, 40, 42, 44, 48, 52, 56};
	static const unsigned granules[] = {12, 16, 14, 0};
	unsigned t0sz = (unsigned)field(o->vtcr, 5, 0), levels, least, most;

	p->granulebits = granules[field(o->vtcr, 15, 14)];
	if (!p->granulebits || !field(o->vtcr, 31, 31))
		return false;
	p->ds = p->granulebits != 16 && field(o->vtcr, 32, 32);
	if (p->granulebits == 16 && field(o->vtcr, 33, 32))
		return false; /* RES0 */
	p->ha = field(o->vtcr, 21, 21);
	p->pa52 = p->ds || (p->granulebits == 16 && o->pamax == 52);
	p->stride = p->granulebits - 3;
	p->iasize = 64 - t0sz;
	/* S2TxSZFaults; an IPA is never larger than a physical address. */
	if (t0sz < (p->pa52 ? 12u : 16u) || t0sz > 39 || p->iasize > o->pamax)
		return false;
	p->outputsize = sizes[field(o->vtcr, 18, 16)];
	if (p->outputsize > o->pamax)
		p->outputsize = o->pamax;
	if (!p->ds && p->granulebits != 16 && p->outputsize > 48)
		p->outputsize = 48;
	if (!start_level(o, p))
		return false;
	/* AArch64.S2InconsistentSL. */
	levels = (unsigned)(3 - p->startlevel);
	least = levels * p->stride + p->granulebits + 1;
	most = least + (p->stride - 1) + 4;
	return p->iasize >= least && p->iasize <= most;
}

/* AArch64.S2TTBaseAddress. */
static uint64_t table_base(const struct oracle *o, const struct params *p)
{
	unsigned levels = (unsigned)(3 - p->startlevel);
	unsigned tsize = p->iasize - (levels * p->stride + p->granulebits) + 3;
	uint64_t base;

	if (p->pa52) {
		if (tsize < 6)
			tsize = 6;
		base = field(o->vttbr, 5, 2) << 48 | field(o->vttbr, 47, 6) << 6;
	} else {
		base = field(o->vttbr, 47, 1) << 1;
	}
	return base >> tsize << tsize;
}

/* AArch64.NextTableBase and LeafBase: the address, down to bit @low. */
static uint64_t address(const struct oracle *o, const struct params *p, uint64_t desc, unsigned low)
{
	uint64_t base = field(desc, 47, low) << low;

	if (p->granulebits == 16 && o->pamax == 52)
		base |= field(desc, 15, 12) << 48;
	else if (p->ds)
		base |= field(desc, 9, 8) << 50 | field(desc, 49, 48) << 48;
	return base;
}

/* AArch64.BlockDescSupported. */
static bool block_ok(const struct oracle *o, const struct params *p, int level)
{
	switch (p->granulebits) {
	case 12:
		return (level == 0 && p->ds) || level == 1 || level == 2;
	case 14:
		return (level == 1 && p->ds) || level == 2;
	default:
		return (level == 1 && o->pamax == 52) || level == 2;
	}
}

/* AArch64.S2DirectBasePermissions. */
static void permissions(const struct oracle *o, uint64_t desc, struct oracle_result *res)
{
	unsigned xn = (unsigned)field(desc, 54, 53);

	res->r = field(desc, 6, 6);
	res->w = field(desc, 7, 7);
	if (!o->xnx)
		xn &= 2;
	res->x1 = xn == 0 || xn == 3;
	res->x0 = xn == 0 || xn == 1;
}

static int at(int code, int level)
{
	if (level == -1)
		return code == 0 ? 0x29 : 0x2b;
	return code + level;
}

void oracle_walk(const struct oracle *o, uint64_t ipa, struct oracle_result *res)
{
	struct params p = {0};
	uint64_t base, desc, index;
	unsigned low;
	int level;

	memset(res, 0, sizeof(*res));
	res->fault = 0x04;
	if (!decode(o, &p) || ipa >> p.iasize)
		return;
	base = table_base(o, &p);
	if (base >> p.outputsize) {
		res->fault = 0;
		return;
	}
	for (level = p.startlevel;; level++) {
		low = p.granulebits + p.stride * (unsigned)(3 - level);
		index = level == p.startlevel ? ipa >> low : field(ipa, low + p.stride - 1, low);
		res->desc_pa = base + index * 8;
		res->level = level;
		res->log2 = low;
		if (!o->read(o->opaque, res->desc_pa, &desc)) {
			res->fault = -2;
			return;
		}
		res->desc = desc;
		if (!(desc & 1) || (level == 3 && !(desc & 2)) ||
		    (level < 3 && !(desc & 2) && !block_ok(o, &p, level))) {
			res->fault = at(4, level);
			return;
		}
		if (level == 3 || !(desc & 2))
			break;
		base = address(o, &p, desc, p.granulebits);
		if (base >> p.outputsize) {
			res->fault = at(0, level);
			return;
		}
	}
	base = address(o, &p, desc, low);
	if (base >> p.outputsize) {
		res->fault = at(0, level);
		return;
	}
	res->leaf = true;
	res->oa = base + (ipa & ((1ull << low) - 1));
	res->af = field(desc, 10, 10);
	res->memattr = (unsigned)field(desc, 5, 2);
	res->sh = (unsigned)(p.ds ? field(o->vtcr, 13, 12) : field(desc, 9, 8));
	permissions(o, desc, res);
	if (!res->af && !p.ha)
		res->fault = at(8, level);
	else if (!res->r)
		res->fault = at(12, level);
	else
		res->fault = -1;
}
