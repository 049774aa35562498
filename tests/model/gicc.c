/* SPDX-License-Identifier: MIT */
/*
 * The model of a GICv2's CPU interface (IHI 0048B 4.4) with one security state: GICC_IAR, EOIR and
 * HPPIR are group 0's, or with AckCtl both groups'; AIAR, AEOIR and AHPPIR are group 1's.
 */
#include "model.h"

#include "cover.h"

enum {
	CTLR = 0x00,
	PMR = 0x04,
	BPR = 0x08,
	IAR = 0x0c,
	EOIR = 0x10,
	RPR = 0x14,
	HPPIR = 0x18,
	ABPR = 0x1c,
	AIAR = 0x20,
	AEOIR = 0x24,
	AHPPIR = 0x28,
	APR0 = 0xd0,
	IIDR = 0xfc,
	DIR = 0x1000,
	GROUP1_PENDING = 1022,
};

static unsigned both(const struct m_cpu *c)
{
	return c->ackctl ? 3 : 1;
}

static uint32_t ctlr(const struct m_cpu *c)
{
	return (uint32_t)c->enable[0] | (uint32_t)c->enable[1] << 1 | (uint32_t)c->ackctl << 2 |
	       (uint32_t)c->fiqen << 3 | (uint32_t)c->cbpr << 4 | (uint32_t)c->eoimode << 9;
}

static void write_ctlr(struct m_cpu *c, uint32_t value)
{
	c->enable[0] = value & 1;
	c->enable[1] = value & 2;
	c->ackctl = value & 4;
	c->fiqen = value & 8;
	c->cbpr = value & 0x10;
	c->eoimode = value & 0x200;
}

static void cover_iar(const struct m_cpu *c, uint32_t answer)
{
	if (answer == GROUP1_PENDING)
		cover(COV_v2_group1_pending);
	if (c->ackctl && answer < 1020)
		cover(COV_v2_ackctl);
}

uint32_t m_gicc_read(struct model *m, unsigned cpu, uint32_t offset, uint32_t got)
{
	struct m_cpu *c = &m->cpu[cpu];

	switch (offset) {
	case CTLR:
		return ctlr(c);
	case PMR:
		return c->pmr & 0xf8;
	case BPR:
		return m_least_bpr(0, c->bpr[0]);
	case ABPR:
		return m_least_bpr(1, c->bpr[1]);
	case IAR:
		got = m_ack(m, cpu, both(c), GROUP1_PENDING, got);
		cover_iar(c, got);
		return got;
	case AIAR:
		return m_ack(m, cpu, 2, M_SPURIOUS, got);
	case RPR:
		return m_running(c);
	case HPPIR:
		return m_hppi(m, cpu, both(c), GROUP1_PENDING, got);
	case AHPPIR:
		return m_hppi(m, cpu, 2, M_SPURIOUS, got);
	case APR0:
		return c->apr[0];
	case IIDR:
		return 0x04b2043b;
	default:
		return 0;
	}
}

void m_gicc_write(struct model *m, unsigned cpu, uint32_t offset, uint32_t value)
{
	struct m_cpu *c = &m->cpu[cpu];

	switch (offset) {
	case CTLR:
		write_ctlr(c, value);
		break;
	case PMR:
		c->pmr = value & 0xf8;
		break;
	case BPR:
	case ABPR:
		c->bpr[offset == ABPR] = (uint8_t)m_least_bpr(offset == ABPR, value & 7);
		break;
	case EOIR:
		m_eoi(m, cpu, both(c), value & 0x3ff);
		break;
	case AEOIR:
		m_eoi(m, cpu, 2, value & 0x3ff);
		break;
	case APR0:
		cover(COV_apr_written);
		c->apr[0] = value;
		break;
	case DIR:
		m_dir(m, cpu, value & 0x3ff);
		break;
	default:
		break;
	}
}

/* ---- User space: the kernel's arm-vgic document, KVM_DEV_ARM_VGIC_GRP_CPU_REGS ---- */

uint32_t m_gicc_user_read(struct model *m, unsigned cpu, uint32_t offset)
{
	struct m_cpu *c = &m->cpu[cpu];

	switch (offset) {
	case CTLR:
	case APR0:
	case IIDR:
		return m_gicc_read(m, cpu, offset, 0);
	case PMR: /* five bits */
		return c->pmr >> 3;
	case BPR:
	case ABPR:
		return c->bpr[offset == ABPR];
	default:
		return 0;
	}
}

void m_gicc_user_write(struct model *m, unsigned cpu, uint32_t offset, uint32_t value)
{
	struct m_cpu *c = &m->cpu[cpu];

	switch (offset) {
	case CTLR:
	case APR0:
		m_gicc_write(m, cpu, offset, value);
		break;
	case PMR:
		c->pmr = (uint8_t)(value << 3);
		break;
	case BPR:
	case ABPR:
		c->bpr[offset == ABPR] = value & 7;
		break;
	default:
		break;
	}
}
