/* SPDX-License-Identifier: MIT */
/* See vif.h. */
#include "vif.h"

#define PENDING	 (UINT64_C(1) << 62)
#define ACTIVE	 (UINT64_C(1) << 63)
#define EOI	 (UINT64_C(1) << 41)
#define SPURIOUS 1023u

static unsigned lr_intid(uint64_t lr)
{
	return (uint32_t)lr;
}

static unsigned lr_priority(uint64_t lr)
{
	return lr >> 48 & 0xff;
}

static unsigned lr_group(uint64_t lr)
{
	return lr >> 60 & 1;
}

static unsigned bpr(const struct am_gic_lrs *s, unsigned group)
{
	unsigned b0 = s->vmcr >> 21 & 7, b1 = s->vmcr >> 18 & 7;

	if (b0 < 2)
		b0 = 2;
	if (b1 < 3)
		b1 = 3;
	if (!group)
		return b0;
	return s->vmcr >> 4 & 1 ? (b0 < 7 ? b0 + 1 : 7) : b1;
}

static unsigned level_of(const struct am_gic_lrs *s, unsigned group, unsigned priority)
{
	return priority & (0xffu << (bpr(s, group) + !group)) & 0xff;
}

unsigned vif_rpr(const struct am_gic_lrs *s)
{
	uint32_t active = s->apr[0][0] | s->apr[1][0];

	return active ? (unsigned)__builtin_ctz(active) << 3 : 0xff;
}

static int best(const struct am_gic_lrs *s)
{
	int n = -1;

	for (unsigned i = 0; i < s->nr; i++) {
		if ((s->lr[i] & (PENDING | ACTIVE)) != PENDING)
			continue;
		if (!(s->vmcr >> lr_group(s->lr[i]) & 1))
			continue;
		if (n < 0 || lr_priority(s->lr[i]) < lr_priority(s->lr[n]))
			n = (int)i;
	}
	return n;
}

static int signals(const struct am_gic_lrs *s, uint64_t lr)
{
	return lr_priority(lr) < (s->vmcr >> 24 & 0xf8) &&
	       level_of(s, lr_group(lr), lr_priority(lr)) < vif_rpr(s);
}

unsigned vif_lines(const struct am_gic_lrs *s)
{
	int n = best(s);

	if (n < 0 || !signals(s, s->lr[n]))
		return 0;
	return lr_group(s->lr[n]) ? AM_GIC_IRQ : AM_GIC_FIQ;
}

unsigned vif_hppir(const struct am_gic_lrs *s, unsigned group)
{
	int n = best(s);

	return n >= 0 && lr_group(s->lr[n]) == group ? lr_intid(s->lr[n]) : SPURIOUS;
}

unsigned vif_iar(struct am_gic_lrs *s, unsigned group)
{
	int n = best(s);
	unsigned level;

	if (n < 0 || lr_group(s->lr[n]) != group || !signals(s, s->lr[n]))
		return SPURIOUS;
	level = level_of(s, group, lr_priority(s->lr[n]));
	s->apr[group][0] |= UINT32_C(1) << (level >> 3);
	s->lr[n] = (s->lr[n] & ~PENDING) | ACTIVE;
	return lr_intid(s->lr[n]);
}

static void deactivate(struct am_gic_lrs *s, unsigned intid, int group)
{
	for (unsigned i = 0; i < s->nr; i++) {
		if (!(s->lr[i] & ACTIVE) || lr_intid(s->lr[i]) != intid)
			continue;
		if (group < 0 || lr_group(s->lr[i]) == (unsigned)group)
			s->lr[i] &= ~ACTIVE;
		return;
	}
	s->hcr += UINT32_C(1) << 27;
}

void vif_eoir(struct am_gic_lrs *s, unsigned group, unsigned intid)
{
	uint32_t active = s->apr[0][0] | s->apr[1][0], bit = active & -active;

	if (s->apr[1][0] & bit)
		s->apr[1][0] &= ~bit;
	else
		s->apr[0][0] &= ~bit;
	if (!(s->vmcr >> 9 & 1))
		deactivate(s, intid, (int)group);
}

void vif_dir(struct am_gic_lrs *s, unsigned intid)
{
	if (s->vmcr >> 9 & 1)
		deactivate(s, intid, -1);
}

int vif_maintenance(const struct am_gic_lrs *s)
{
	unsigned valid = 0, pending = 0, eoi = 0;

	for (unsigned i = 0; i < s->nr; i++) {
		valid += !!(s->lr[i] & (PENDING | ACTIVE));
		pending += (s->lr[i] & (PENDING | ACTIVE)) == PENDING;
		eoi += !(s->lr[i] & (PENDING | ACTIVE)) && (s->lr[i] & EOI);
	}
	return eoi || ((s->hcr & 2) && valid < 2) || ((s->hcr & 4) && s->hcr >> 27) ||
	       ((s->hcr & 8) && !pending) || ((s->hcr & 16) && (s->vmcr & 1)) ||
	       ((s->hcr & 32) && !(s->vmcr & 1)) || ((s->hcr & 64) && (s->vmcr & 2)) ||
	       ((s->hcr & 128) && !(s->vmcr & 2));
}
