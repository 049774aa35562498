/* SPDX-License-Identifier: MIT */
/*
 * The model of ICC_*_EL1 (IHI 0069H 12.2): the guest's view, and user space's (the kernel's
 * arm-vgic-v3 document, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS), which sees values as they were stored.
 */
#include "model.h"

#include <armature/gic.h>
#include <errno.h>

#include "cover.h"

enum { CTLR_A3V = 1 << 15, CTLR_SEIS = 1 << 14 };

static unsigned ctlr(const struct m_cpu *c, unsigned pri_bits, unsigned id_bits)
{
	return (unsigned)c->cbpr | (unsigned)c->eoimode << 1 | (pri_bits - 1) << 8 | id_bits << 11 |
	       CTLR_A3V;
}

int m_icc_read(struct model *m, unsigned cpu, unsigned reg, uint64_t got, uint64_t *want)
{
	struct m_cpu *c = &m->cpu[cpu];

	if (m->v2) {
		cover(COV_sysreg_undefined);
		return -ENOENT;
	}
	switch (reg) {
	case ICC_PMR:
		*want = c->pmr & 0xf8;
		return 0;
	case ICC_IAR0:
	case ICC_IAR1:
		*want = m_ack(m, cpu, 1u << (reg == ICC_IAR1), M_SPURIOUS, (unsigned)got);
		return 0;
	case ICC_HPPIR0:
	case ICC_HPPIR1:
		*want = m_hppi(m, cpu, 1u << (reg == ICC_HPPIR1), M_SPURIOUS, (unsigned)got);
		return 0;
	case ICC_BPR0:
	case ICC_BPR1:
		*want = m_bpr(c, reg == ICC_BPR1);
		return 0;
	case ICC_AP0R0:
	case ICC_AP1R0:
		*want = c->apr[reg == ICC_AP1R0];
		return 0;
	case ICC_RPR:
		*want = m_running(c);
		return 0;
	case ICC_CTLR:
		*want = ctlr(c, 5, 1);
		return 0;
	case ICC_SRE:
		*want = 7;
		return 0;
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		*want = c->enable[reg == ICC_IGRPEN1];
		return 0;
	default:
		cover(COV_sysreg_undefined);
		return -ENOENT;
	}
}

static void write_bpr(struct m_cpu *c, unsigned group, unsigned value)
{
	if (group && c->cbpr) {
		cover(COV_bpr1_ignored);
		return;
	}
	c->bpr[group] = (uint8_t)m_least_bpr(group, value);
}

int m_icc_write(struct model *m, unsigned cpu, unsigned reg, uint64_t value)
{
	struct m_cpu *c = &m->cpu[cpu];

	if (m->v2) {
		cover(COV_sysreg_undefined);
		return -ENOENT;
	}
	switch (reg) {
	case ICC_PMR:
		c->pmr = value & 0xf8;
		return 0;
	case ICC_EOIR0:
	case ICC_EOIR1:
		m_eoi(m, cpu, 1u << (reg == ICC_EOIR1), value & 0xffffff);
		return 0;
	case ICC_BPR0:
	case ICC_BPR1:
		write_bpr(c, reg == ICC_BPR1, value & 7);
		return 0;
	case ICC_AP0R0:
	case ICC_AP1R0:
		cover(COV_apr_written);
		c->apr[reg == ICC_AP1R0] = (uint32_t)value;
		return 0;
	case ICC_DIR:
		m_dir(m, cpu, value & 0xffffff);
		return 0;
	case ICC_SGI1R:
	case ICC_ASGI1R:
	case ICC_SGI0R:
		m_sgi(m, cpu, value, reg == ICC_SGI1R);
		return 0;
	case ICC_CTLR:
		c->cbpr = value & 1;
		c->eoimode = value >> 1 & 1;
		return 0;
	case ICC_SRE:
		return 0;
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		c->enable[reg == ICC_IGRPEN1] = value & 1;
		return 0;
	default:
		cover(COV_sysreg_undefined);
		return -ENOENT;
	}
}

/* ICC_AP0R1-3 and ICC_AP1R1-3 would need more than five bits. */
static bool is_upper_apr(unsigned reg)
{
	return (reg > ICC_AP0R0 && reg <= ICC_AP0R0 + 3) ||
	       (reg > ICC_AP1R0 && reg <= ICC_AP1R0 + 3);
}

int m_icc_user_read(struct model *m, unsigned cpu, unsigned reg, uint64_t *want)
{
	struct m_cpu *c = &m->cpu[cpu];

	if (is_upper_apr(reg))
		return -EINVAL;
	switch (reg) {
	case ICC_PMR:
		*want = c->pmr;
		return 0;
	case ICC_BPR0:
		*want = c->bpr[0];
		return 0;
	case ICC_BPR1:
		*want = c->bpr[1];
		if (c->cbpr)
			*want = c->bpr[0] + 1 > 7 ? 7 : c->bpr[0] + 1;
		return 0;
	case ICC_CTLR:
		*want = ctlr(c, c->pri_bits, c->id_bits);
		return 0;
	case ICC_AP0R0:
	case ICC_AP1R0:
	case ICC_SRE:
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		return m_icc_read(m, cpu, reg, 0, want);
	default:
		return -ENOENT;
	}
}

/* As in KVM a lowered number of bits stays, also when a later check refuses the rest. */
static int user_write_ctlr(struct m_cpu *c, uint64_t value)
{
	unsigned pri_bits = (value >> 8 & 7) + 1, id_bits = value >> 11 & 7;

	if (pri_bits > c->pri_bits)
		return -EINVAL;
	if (pri_bits < c->pri_bits)
		cover(COV_user_ctlr_lowers);
	c->pri_bits = pri_bits;
	if (id_bits > c->id_bits)
		return -EINVAL;
	c->id_bits = id_bits;
	if ((value & CTLR_SEIS) || !(value & CTLR_A3V))
		return -EINVAL;
	c->cbpr = value & 1;
	c->eoimode = value >> 1 & 1;
	return 0;
}

int m_icc_user_write(struct model *m, unsigned cpu, unsigned reg, uint64_t value)
{
	struct m_cpu *c = &m->cpu[cpu];
	int err = 0;

	if (is_upper_apr(reg))
		return -EINVAL;
	switch (reg) {
	case ICC_PMR:
		c->pmr = (uint8_t)value;
		return 0;
	case ICC_BPR0:
		c->bpr[0] = value & 7;
		return 0;
	case ICC_BPR1:
		if (!c->cbpr)
			c->bpr[1] = value & 7;
		return 0;
	case ICC_CTLR:
		err = user_write_ctlr(c, value);
		break;
	case ICC_SRE:
		err = value & 1 ? 0 : -EINVAL;
		break;
	case ICC_AP0R0:
	case ICC_AP1R0:
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		return m_icc_write(m, cpu, reg, value);
	default:
		return -ENOENT;
	}
	if (err)
		cover(COV_user_refused);
	return err;
}
