/* SPDX-License-Identifier: MIT */
/*
 * Software generated interrupts: whom a write of ICC_SGI1R_EL1 and its like (IHI 0069 12.2) or of
 * GICD_SGIR (IHI 0048 4.3.15) reaches.
 */
#include "gic/hot.h"

/* With one security state, ICC_SGI0R and ICC_ASGI1R reach only SGIs of group 0 (IHI 0069 12.2). */
static inline void sgi_to(struct gic_cpu *from, struct gic_cpu *to, unsigned intid, bool any_group)
{
	struct gic_irq *irq = &to->block.irq[intid];

	AM_TRACE(gic_sgi, from->id, to->id, intid);
	am_lock(&to->lock);
	if (any_group || !gic_irq_group(irq)) {
		gic_irq_change(to, irq, GIC_LATCH, 0);
		gic_cpu_update(to);
	}
	am_unlock(&to->lock);
}

void gic_send_sgi(struct gic_cpu *from, uint64_t value, bool any_group)
{
	unsigned intid = (unsigned)am_bits(value, 27, 24);
	uint64_t cluster = am_bits(value, 55, 48) << 32 | am_bits(value, 39, 32) << 16 |
			   am_bits(value, 23, 16) << 8;
	unsigned nr = am_gic_nr_vcpus(from->gic);
	struct gic_cpu *to;

	if (am_bit(value, 40)) {
		for (unsigned i = 0; i < nr; i++) {
			to = gic_cpu_nth(from->gic, i);
			if (to != from)
				sgi_to(from, to, intid, any_group);
		}
		return;
	}
	for (unsigned list = value & 0xffff; list; list &= list - 1) {
		to = gic_cpu_by_affinity(from->gic, cluster | (unsigned)__builtin_ctz(list));
		if (to)
			sgi_to(from, to, intid, any_group);
	}
}

/* Bit n of a target list is the n-th vCPU; the source is the sender's number. NSATT is ignored. */
void gic_send_sgi2(struct gic_cpu *from, uint32_t value)
{
	unsigned nr = am_gic_nr_vcpus(from->gic), intid = value & 15, targets = value >> 16 & 0xff;

	switch (value >> 24 & 3) {
	case 0:
		break;
	case 1:
		targets = 0xff & ~(1u << from->nth);
		break;
	case 2:
		targets = 1u << from->nth;
		break;
	default:
		return;
	}
	for (targets &= (1u << nr) - 1; targets; targets &= targets - 1) {
		struct gic_cpu *to = gic_cpu_nth(from->gic, (unsigned)__builtin_ctz(targets));

		AM_TRACE(gic_sgi, from->id, to->id, intid);
		am_lock(&to->lock);
		gic_sgi_sources(to, intid, 1u << from->id, 0);
		gic_cpu_update(to);
		am_unlock(&to->lock);
	}
}
