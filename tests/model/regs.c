/* SPDX-License-Identifier: MIT */
/*
 * The model of the distributor's and redistributors' registers (IHI 0069H 12.9, 12.11; of a GICv2's
 * distributor IHI 0048B 4.3) as KVM has them, by offset, in words of 32 bits; other widths are made
 * of words.
 */
#include "model.h"

#include <errno.h>
#include <stddef.h>

#include "cover.h"

enum {
	SGI_FRAME = 0x10000,
	SGIR = 0xf00, /* GICv2 */
	IIDR = 0x4b00043b,
};

/* ---- The distributor ---- */

static uint32_t dist2_read(const struct m_access *a, uint32_t offset)
{
	const struct model *m = a->m;

	switch (offset) {
	case 0x0000:
		return m->enabled;
	case 0x0004: /* TYPER */
		return (m->nr_irqs / 32 - 1) | (m->nr_cpus - 1) << 5;
	case 0x0008:
		return IIDR | m->revision << 12;
	default:
		return m_fields_read(a, offset);
	}
}

static uint32_t dist_read(const struct m_access *a, uint32_t offset)
{
	const struct model *m = a->m;

	if (m->v2)
		return dist2_read(a, offset);
	/* The upper half of a route is zero: no Aff3. */
	if (offset >= 0x6100 && offset < 0x8000) {
		unsigned intid = (offset - 0x6000) / 8;

		return intid < m->nr_irqs && offset % 8 == 0 ? m->spi[intid].route : 0;
	}
	switch (offset) {
	case 0x0000: /* CTLR: DS, ARE, EnableGrp1 */
		return 0x50 | (m->enabled ? 2 : 0);
	case 0x0004: /* TYPER: 10 bits of INTID */
		return (m->nr_irqs / 32 - 1) | 9 << 19;
	case 0x0008:
		return IIDR | m->revision << 12;
	case 0x0010: /* STATUSR: KVM reads ones */
		return UINT32_MAX;
	case 0xffe8: /* PIDR2 */
		return 0x3b;
	default:
		return m_fields_read(a, offset);
	}
}

static void cover_dist_off(struct model *m)
{
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		if (m_some_lines(m, cpu))
			cover(COV_dist_off);
}

static void dist_write(const struct m_access *a, uint32_t offset, unsigned len, uint32_t value)
{
	uint32_t enable = a->m->v2 ? 1 : 2;
	unsigned intid = (offset - 0x6000) / 8;

	if (offset == 0) {
		if (!(value & enable))
			cover_dist_off(a->m);
		a->m->enabled = value & enable;
	} else if (a->m->v2 && offset == SGIR) {
		m_sgi2(a->m, a->cpu, value);
	} else if (!a->m->v2 && offset >= 0x6100 && offset < 0x8000) {
		if (intid < a->m->nr_irqs && offset % 8 == 0)
			m_route(a->m, &a->m->spi[intid], value);
	} else {
		m_fields_write(a, offset, len, value);
	}
}

/* ---- A redistributor ---- */

static uint32_t half(uint64_t v, uint32_t offset)
{
	return (uint32_t)(offset & 4 ? v >> 32 : v);
}

static uint64_t redist_typer(const struct m_cpu *c)
{
	return (c->mpidr & 0xffffff) << 32 | (uint64_t)c->id << 8 | (c->last ? 1 << 4 : 0);
}

static uint32_t redist_read(const struct m_access *a, uint32_t offset)
{
	const struct m_cpu *c = &a->m->cpu[a->frame];

	switch (offset) {
	case 0x0000: /* CTLR: IR, CES */
		return a->m->revision < 3 ? 0 : 6;
	case 0x0004:
		return IIDR;
	case 0x0008:
	case 0x000c:
		return half(redist_typer(c), offset);
	case 0x0070:
	case 0x0074:
		return half(a->m->propbaser, offset);
	case 0x0078:
	case 0x007c: /* PTZ reads as zero */
		return half(c->pendbaser & ~(UINT64_C(1) << 62), offset);
	case 0xffe8:
		return 0x3b;
	default:
		break;
	}
	return offset >= SGI_FRAME ? m_fields_read(a, offset - SGI_FRAME) : 0;
}

/* What KVM does not emulate of memory attributes it replaces. */
static uint64_t table_address(uint64_t v, uint64_t res0)
{
	if ((v >> 10 & 3) == 2) /* outer shareable becomes inner */
		v = (v & ~(UINT64_C(3) << 10)) | UINT64_C(1) << 10;
	if ((v >> 7 & 7) < 2) /* inner non-cacheable becomes write-back */
		v |= UINT64_C(3) << 7;
	if ((v >> 56 & 7) > 1) /* outer cacheability: as inner, or none */
		v &= ~(UINT64_C(7) << 56);
	return v & ~res0;
}

static void half_write(uint64_t *reg, uint32_t offset, uint32_t value, uint64_t res0)
{
	if (offset & 4)
		*reg = (*reg & UINT32_MAX) | (uint64_t)value << 32;
	else
		*reg = (*reg & ~(uint64_t)UINT32_MAX) | value;
	*reg = table_address(*reg, res0);
}

static void redist_write(const struct m_access *a, uint32_t offset, unsigned len, uint32_t value)
{
	uint64_t *pendbaser = &a->m->cpu[a->frame].pendbaser;

	if (offset == 0x70 || offset == 0x74)
		half_write(&a->m->propbaser, offset, value, UINT64_C(0xf8f0000000000060));
	else if (offset == 0x78 || offset == 0x7c)
		half_write(pendbaser, offset, value, UINT64_C(0xb8f000000000f07f));
	else if (offset >= SGI_FRAME)
		m_fields_write(a, offset - SGI_FRAME, len, value);
}

/* ---- Widths ---- */

static bool has_bytes(bool v2, int frame, uint32_t offset)
{
	if (frame == M_GICC)
		return false;
	if (frame != M_GICD)
		return offset >= SGI_FRAME + 0x400 && offset < SGI_FRAME + 0x420;
	return (offset >= 0x400 && offset < 0x800) ||
	       (v2 && ((offset >= 0x800 && offset < 0xc00) || (offset >= 0xf10 && offset < 0xf30)));
}

static bool has_64_bits(bool v2, int frame, uint32_t offset)
{
	if (frame == M_GICC || v2)
		return false;
	if (frame != M_GICD)
		return offset == 8 || offset == 0x70 || offset == 0x78;
	return offset >= 0x6100 && offset < 0x8000;
}

/* Words are always there. What is refused reads as zero and ignores writes. */
static bool access_ok(bool v2, int frame, uint32_t offset, unsigned len)
{
	bool ok = offset % len == 0 && (len == 4 || (len == 1 && has_bytes(v2, frame, offset)) ||
					(len == 8 && has_64_bits(v2, frame, offset)));

	if (!ok)
		cover(COV_access_refused);
	else if (len == 1)
		cover(COV_access_byte);
	else if (len == 8)
		cover(COV_access_wide);
	else if (has_64_bits(v2, frame, offset & ~7u))
		cover(COV_access_half);
	return ok;
}

static uint32_t word_read(const struct m_access *a, uint32_t offset, uint32_t got)
{
	if (a->frame == M_GICC)
		return m_gicc_read(a->m, a->cpu, offset, got);
	return a->frame == M_GICD ? dist_read(a, offset) : redist_read(a, offset);
}

static void word_write(const struct m_access *a, uint32_t offset, unsigned len, uint32_t value)
{
	if (a->frame == M_GICC)
		m_gicc_write(a->m, a->cpu, offset, value);
	else if (a->frame == M_GICD)
		dist_write(a, offset, len, value);
	else
		redist_write(a, offset, len, value);
}

uint64_t m_read(struct model *m, unsigned cpu, int frame, uint32_t offset, unsigned len,
		uint64_t got)
{
	const struct m_access a = {.m = m, .cpu = cpu, .frame = frame};

	if (!access_ok(m->v2, frame, offset, len))
		return 0;
	if (len == 1)
		return word_read(&a, offset & ~3u, 0) >> (offset % 4 * 8) & 0xff;
	if (len == 4)
		return word_read(&a, offset, (uint32_t)got);
	return word_read(&a, offset, 0) | (uint64_t)word_read(&a, offset + 4, 0) << 32;
}

void m_write(struct model *m, unsigned cpu, int frame, uint32_t offset, unsigned len,
	     uint64_t value)
{
	const struct m_access a = {.m = m, .cpu = cpu, .frame = frame};

	if (!access_ok(m->v2, frame, offset, len))
		return;
	word_write(&a, offset, len < 4 ? len : 4, (uint32_t)value);
	if (len == 8)
		word_write(&a, offset + 4, 4, (uint32_t)(value >> 32));
}

/* ---- User space ---- */

uint32_t m_user_read(struct model *m, unsigned cpu, int frame, uint32_t offset)
{
	const struct m_access a = {.m = m, .cpu = cpu, .frame = frame, .user = true};

	if (offset % 4)
		return 0;
	return frame == M_GICC ? m_gicc_user_read(m, cpu, offset) : word_read(&a, offset, 0);
}

/* Who chooses the revision of a GICv2 knows what groups are. */
static int user_write_iidr(struct model *m, uint32_t value)
{
	unsigned revision = value >> 12 & 15;

	if ((value & ~UINT32_C(0xf000)) != IIDR || revision < 2 || revision > 3)
		return -EINVAL;
	m->revision = revision;
	m->user_groups = true;
	return 0;
}

int m_user_write(struct model *m, unsigned cpu, int frame, uint32_t offset, uint32_t value)
{
	const struct m_access a = {.m = m, .cpu = cpu, .frame = frame, .user = true};
	int err = 0;

	if (offset % 4)
		return 0;
	if (frame == M_GICD && offset == 0x08)
		err = user_write_iidr(m, value);
	else if (frame == M_GICD && offset == 0x0c && !m->v2)
		err = value ? -EINVAL : 0;
	else if (frame == M_GICC)
		m_gicc_user_write(m, cpu, offset, value);
	else
		word_write(&a, offset, 4, value);
	if (err)
		cover(COV_user_refused);
	return err;
}

/* KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO: @attr is info << 10 | INTID. */
int m_user_read_lines(struct model *m, unsigned cpu, uint32_t attr, uint32_t *lines)
{
	*lines = 0;
	if (attr >> 10 || attr % 32)
		return -EINVAL;
	for (unsigned i = 0; i < 32; i++) {
		const struct m_irq *irq = m_irq(m, cpu, attr + i);

		if (irq && irq->line && !irq->edge)
			*lines |= UINT32_C(1) << i;
	}
	return 0;
}

int m_user_write_lines(struct model *m, unsigned cpu, uint32_t attr, uint32_t lines)
{
	if (attr >> 10 || attr % 32)
		return -EINVAL;
	for (unsigned i = 0; i < 32; i++) {
		struct m_irq *irq = m_irq(m, cpu, attr + i);

		if (!irq || attr + i < M_SGIS)
			continue;
		irq->line = lines >> i & 1;
		if (irq->line)
			cover(COV_user_line);
	}
	return 0;
}
