/* SPDX-License-Identifier: MIT */
/*
 * The model of the registers that are made of a field of each interrupt (IHI 0069H 12.9; of a GICv2
 * IHI 0048B 4.3), which a distributor and a redistributor's SGI frame have at the same offsets.
 */
#include "model.h"

#include <stddef.h>

#include "cover.h"

enum {
	IGROUPR = 0x80,
	ISENABLER = 0x100,
	ICENABLER = 0x180,
	ISPENDR = 0x200,
	ICPENDR = 0x280,
	ISACTIVER = 0x300,
	ICACTIVER = 0x380,
	IPRIORITYR = 0x400,
	ITARGETSR = 0x800, /* this and xPENDSGIR: GICv2 */
	ICFGR = 0xc00,
	CPENDSGIR = 0xf10,
	SPENDSGIR = 0xf20,
};

struct block {
	unsigned reg;	/* one of the above, or 0: no fields here */
	unsigned first; /* INTID of the first field of the word */
	unsigned bits;	/* of each */
};

/* What the word at @offset of a distributor or SGI frame is made of. */
static struct block block_at(bool v2, uint32_t offset)
{
	struct block b = {.bits = 1};

	if (offset >= IGROUPR && offset < 0x400)
		b.reg = offset & ~0x7fu;
	else if (offset >= IPRIORITYR && offset < 0x800)
		b = (struct block){.reg = IPRIORITYR, .bits = 8};
	else if (v2 && offset >= ITARGETSR && offset < 0xc00)
		b = (struct block){.reg = ITARGETSR, .bits = 8};
	else if (offset >= ICFGR && offset < 0xd00)
		b = (struct block){.reg = ICFGR, .bits = 2};
	else if (v2 && offset >= CPENDSGIR && offset < 0xf30)
		b = (struct block){.reg = offset & ~0xfu, .bits = 8};
	if (b.reg)
		b.first = (offset - b.reg) * 8 / b.bits;
	return b;
}

/*
 * Private interrupts are in the redistributors' frames, SPIs in the distributor's. A GICv2 has all
 * in the distributor's, where each vCPU sees its own private ones.
 */
static struct m_irq *field_irq(const struct m_access *a, unsigned intid)
{
	struct model *m = a->m;

	if (a->frame != M_GICD)
		return intid < M_PRIVATE ? &m->cpu[a->frame].irq[intid] : NULL;
	if (intid >= m->nr_irqs)
		cover(COV_access_beyond);
	if (intid < M_PRIVATE)
		return m->v2 ? &m->cpu[a->cpu].irq[intid] : NULL;
	return intid < m->nr_irqs ? &m->spi[intid] : NULL;
}

/* Of a PPI that a device drives KVM asks the device. */
static unsigned pending_read(const struct m_irq *irq)
{
	if (irq->owned && !irq->edge) {
		if (irq->latch && !irq->line)
			cover(COV_owned_latched);
		return irq->line;
	}
	return m_is_pending(irq);
}

static unsigned field_read(const struct m_access *a, const struct m_irq *irq, unsigned intid,
			   unsigned reg)
{
	/* A GICv3's user space sees the latch and the line apart. */
	bool apart = a->user && !a->m->v2;

	switch (reg) {
	case IGROUPR:
		return irq->group1;
	case ISENABLER:
	case ICENABLER:
		return irq->enabled;
	case ISPENDR:
		return apart ? irq->latch : pending_read(irq);
	case ICPENDR:
		return apart ? 0 : pending_read(irq);
	case ISACTIVER:
	case ICACTIVER:
		return irq->active;
	case IPRIORITYR:
		return irq->priority;
	case ITARGETSR:
		return intid < M_PRIVATE ? 1u << a->m->cpu[a->cpu].id : irq->route;
	case CPENDSGIR:
	case SPENDSGIR:
		return irq->sources;
	default:
		return irq->edge ? 2 : 0;
	}
}

static void cover_write(const struct m_irq *irq, unsigned reg, unsigned value)
{
	bool pending = irq->enabled && m_is_pending(irq);

	if (reg == ICPENDR && !irq->edge && irq->line)
		cover(COV_clear_line_high);
	if (reg == ISPENDR && !irq->edge)
		cover(COV_set_pending_level);
	if (reg == ISACTIVER)
		cover(COV_set_active);
	if (reg == ICACTIVER && irq->active)
		cover(COV_clear_active);
	if (reg == ICENABLER && pending)
		cover(COV_disable_pending);
	if (reg == IGROUPR && pending && value != irq->group1)
		cover(COV_regroup_pending);
	if (reg == IPRIORITYR && pending && (value & 0xf8) != irq->priority)
		cover(irq->active ? COV_priority_active : COV_priority_pending);
	if (reg == ICFGR && irq->line && !!(value & 2) != irq->edge)
		cover(COV_config_line_high);
}

/* User space's GICv3: latches as they are written. */
static void user_write_latch(struct m_irq *irq, unsigned reg, unsigned value)
{
	if (reg == ISPENDR) {
		cover(COV_user_latch);
		irq->latch = value;
	}
}

/* A GICv2's SGIs: not by the guest, and user space makes the vCPU itself the source. */
static void write_sgi_pending(const struct m_access *a, struct m_irq *irq, unsigned reg)
{
	unsigned self = 1u << a->m->cpu[a->cpu].id;

	cover(a->user ? COV_v2_user_sgi : COV_v2_sgi_pend_ignored);
	if (a->user)
		m_set_sources(irq, reg == ISPENDR ? irq->sources | self : 0);
}

static void write_group(const struct m_access *a, struct m_irq *irq, unsigned value)
{
	if (a->user && a->m->v2)
		cover(a->m->user_groups ? COV_v2_user_groups : COV_v2_user_groups_ignored);
	if (a->user && a->m->v2 && !a->m->user_groups)
		return;
	irq->group1 = value;
}

static void write_config(struct m_irq *irq, unsigned intid, unsigned reg, unsigned value)
{
	switch (reg) {
	case ISENABLER:
	case ICENABLER:
		irq->enabled = reg == ISENABLER;
		break;
	case ISACTIVER:
	case ICACTIVER:
		irq->active = reg == ISACTIVER;
		break;
	case IPRIORITYR:
		irq->priority = value & 0xf8;
		break;
	case ICFGR:
		if (intid >= M_PRIVATE)
			irq->edge = value & 2;
		break;
	default:
		break;
	}
}

static void field_write(const struct m_access *a, struct m_irq *irq, unsigned intid, unsigned reg,
			unsigned value)
{
	bool pending = reg == ISPENDR || reg == ICPENDR;

	if (pending && a->user && !a->m->v2) {
		user_write_latch(irq, reg, value);
		return;
	}
	if (reg >= ISENABLER && reg <= ICACTIVER && !value)
		return;
	cover_write(irq, reg, value);
	if (pending && a->m->v2 && intid < M_SGIS) {
		write_sgi_pending(a, irq, reg);
	} else if (pending) {
		irq->latch = reg == ISPENDR;
	} else if (reg == IGROUPR) {
		write_group(a, irq, value);
	} else if (reg == ITARGETSR) {
		if (intid >= M_PRIVATE)
			m_targets(a->m, irq, value);
	} else if (reg == CPENDSGIR || reg == SPENDSGIR) {
		cover(COV_v2_sources_written);
		m_set_sources(irq, reg == SPENDSGIR ? irq->sources | value : irq->sources & ~value);
	} else {
		write_config(irq, intid, reg, value);
	}
}

uint32_t m_fields_read(const struct m_access *a, uint32_t offset)
{
	struct block b = block_at(a->m->v2, offset);
	uint32_t value = 0;

	for (unsigned i = 0; b.reg && i < 32 / b.bits; i++) {
		const struct m_irq *irq = field_irq(a, b.first + i);

		if (irq)
			value |= (uint32_t)field_read(a, irq, b.first + i, b.reg) << (i * b.bits);
	}
	return value;
}

void m_fields_write(const struct m_access *a, uint32_t offset, unsigned len, uint32_t value)
{
	struct block b = block_at(a->m->v2, offset);

	for (unsigned i = 0; b.reg && i < len * 8 / b.bits; i++) {
		struct m_irq *irq = field_irq(a, b.first + i);
		unsigned field = value >> (i * b.bits) & ((1u << b.bits) - 1);

		if (irq)
			field_write(a, irq, b.first + i, b.reg, field);
	}
}
