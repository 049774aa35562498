/* SPDX-License-Identifier: MIT */
/* See common.h. */
#include "common.h"

#include <stdlib.h>

static void *box_alloc(void *opaque, size_t size)
{
	struct box *b = opaque;
	void *p;

	if (b->fail_in && --b->fail_in == 0)
		return NULL;
	p = malloc(size);
	if (p) {
		memset(p, 0xa5, size); /* nobody may rely on zeroes */
		b->bytes += (long)size;
	}
	return p;
}

static void box_free(void *opaque, void *p, size_t size)
{
	struct box *b = opaque;

	b->bytes -= (long)size;
	free(p);
}

static void box_line(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	struct box *b = opaque;

	atomic_store(&b->lines[vcpu], (irq ? AM_GIC_IRQ : 0) | (fiq ? AM_GIC_FIQ : 0));
}

static bool there(struct box *b, uint64_t ipa, size_t len, uint64_t end)
{
	return ipa >= RAM && len <= end - RAM && ipa - RAM <= end - RAM - len &&
	       !(ipa < b->hole_end && b->hole < ipa + len);
}

static bool box_mem_read(void *opaque, uint64_t ipa, void *buf, size_t len)
{
	struct box *b = opaque;

	if (!there(b, ipa, len, RAM + RAM_SIZE))
		return false;
	b->bytes_read += len;
	memcpy(buf, b->ram + (ipa - RAM), len);
	return true;
}

static bool box_mem_write(void *opaque, uint64_t ipa, const void *buf, size_t len)
{
	struct box *b = opaque;

	if (!there(b, ipa, len, ROM))
		return false;
	b->writes++;
	memcpy(b->ram + (ipa - RAM), buf, len);
	return true;
}

struct am_its_config box_its_config(struct box *b)
{
	return (struct am_its_config){
	    .ops = {.read = box_mem_read, .write = box_mem_write},
	    .opaque = b,
	    .bus = b->bus,
	};
}

static uint64_t mpidr(unsigned vcpu)
{
	return UINT64_C(1) << 31 | (vcpu & 15) | (vcpu >> 4 & 0xff) << 8;
}

void box_bare(struct box *b, unsigned nr_cpus)
{
	struct am_alloc alloc = {.alloc = box_alloc, .free = box_free, .opaque = b};
	struct am_gic_config config = {
	    .ops = {.irq_line_changed = box_line, .alloc = box_alloc, .free = box_free},
	    .opaque = b,
	    .nr_irqs = 128,
	};

	memset(b, 0, sizeof(*b));
	b->nr_cpus = nr_cpus;
	b->ram = calloc(1, RAM_SIZE);
	assert_non_null(b->ram);
	assert_int_equal(am_bus_create(&alloc, &b->bus), 0);
	assert_int_equal(am_gic_create(&config, &b->gic), 0);
	for (unsigned i = 0; i < nr_cpus; i++)
		assert_int_equal(am_gic_add_vcpu(b->gic, i, mpidr(i)), 0);
	assert_int_equal(am_gic_set_dist_base(b->gic, GICD), 0);
	assert_int_equal(am_gic_set_redist_base(b->gic, GICR), 0);
	assert_int_equal(am_gic_init(b->gic), 0);
	assert_int_equal(am_gic_map(b->gic, b->bus), 0);
	wr(b, GICD, 4, 2);
	for (unsigned i = 0; i < nr_cpus; i++) {
		assert_int_equal(am_gic_icc_write(b->gic, i, PMR, 0xff), 0);
		assert_int_equal(am_gic_icc_write(b->gic, i, IGRPEN1, 1), 0);
	}
}

void box_its(struct box *b, unsigned nr_cpus)
{
	struct am_its_config config;

	box_bare(b, nr_cpus);
	config = box_its_config(b);
	assert_int_equal(am_its_create(b->gic, &config, &b->its), 0);
	assert_int_equal(am_its_set_base(b->its, GITS), 0);
}

void box_start(struct box *b, unsigned nr_cpus)
{
	box_its(b, nr_cpus);
	memset(at(b, PROP), 0xa1, 0xe000);
	wr(b, GICR + 0x70, 8, PROP | 15);
	for (unsigned i = 0; i < nr_cpus; i++) {
		wr(b, GICR + i * GICR_SIZE + 0x78, 8, PEND(i));
		wr(b, GICR + i * GICR_SIZE, 4, 1);
	}
	wr(b, GITS + CBASER, 8, VALID | CMDQ | (CMDQ_LEN / 4096 - 1));
	wr(b, GITS + BASER0, 8, VALID | DEVT);
	wr(b, GITS + BASER1, 8, VALID | COLT);
	wr(b, GITS + CTLR, 4, 1);
}

void box_end(struct box *b)
{
	am_its_destroy(b->its);
	am_gic_destroy(b->gic);
	am_bus_destroy(b->bus);
	free(b->ram);
	assert_int_equal(b->bytes, 0);
}

void *at(struct box *b, uint64_t ipa)
{
	assert_true(ipa >= RAM && ipa < RAM + RAM_SIZE);
	return b->ram + (ipa - RAM);
}

uint64_t ram64(struct box *b, uint64_t ipa)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)((unsigned char *)at(b, ipa))[i] << (8 * i);
	return v;
}

void ram64_set(struct box *b, uint64_t ipa, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		((unsigned char *)at(b, ipa))[i] = (unsigned char)(value >> (8 * i));
}

uint64_t rd(struct box *b, uint64_t ipa, unsigned len)
{
	uint64_t value = 0x5a5a5a5a5a5a5a5a;

	assert_int_equal(am_bus_read(b->bus, 0, ipa, len, &value), 0);
	return value;
}

void wr(struct box *b, uint64_t ipa, unsigned len, uint64_t value)
{
	assert_int_equal(am_bus_write(b->bus, 0, ipa, len, value), 0);
}

uint64_t its_get(struct box *b, uint64_t offset)
{
	uint64_t value = 0;

	assert_int_equal(am_its_get_attr(b->its, AM_ITS_GRP_REGS, offset, &value), 0);
	return value;
}

int its_set(struct box *b, uint64_t offset, uint64_t value)
{
	return am_its_set_attr(b->its, AM_ITS_GRP_REGS, offset, value);
}

int its_ctrl(struct box *b, unsigned attr)
{
	return am_its_set_attr(b->its, AM_ITS_GRP_CTRL, attr, 0);
}

uint32_t gicr_get(struct box *b, unsigned vcpu, unsigned offset)
{
	uint64_t value = 0, attr = (mpidr(vcpu) & 0xffffff) << 32 | offset;

	assert_int_equal(am_gic_get_attr(b->gic, AM_GIC_GRP_REDIST_REGS, attr, &value), 0);
	return (uint32_t)value;
}

void gicr_set(struct box *b, unsigned vcpu, unsigned offset, uint32_t value)
{
	uint64_t attr = (mpidr(vcpu) & 0xffffff) << 32 | offset;

	assert_int_equal(am_gic_set_attr(b->gic, AM_GIC_GRP_REDIST_REGS, attr, value), 0);
}

void queue(struct box *b, struct cmd c)
{
	uint64_t size = ((its_get(b, CBASER) & 0xff) + 1) * 4096;

	for (unsigned i = 0; i < 4; i++)
		ram64_set(b, CMDQ + b->cwriter + 8 * i, c.dw[i]);
	b->cwriter = (uint32_t)((b->cwriter + 32) % size);
}

void issue(struct box *b, struct cmd c)
{
	queue(b, c);
	wr(b, GITS + CWRITER, 8, b->cwriter);
	assert_int_equal(rd(b, GITS + CREADR, 8), b->cwriter);
}

unsigned take(struct box *b, unsigned vcpu)
{
	uint64_t intid = 0;

	assert_int_equal(am_gic_icc_read(b->gic, vcpu, IAR1, &intid), 0);
	if (intid != 1023)
		assert_int_equal(am_gic_icc_write(b->gic, vcpu, EOIR1, intid), 0);
	return (unsigned)intid;
}

int msi(struct box *b, unsigned dev, unsigned ev)
{
	return am_gic_msi(b->gic, GITS + AM_ITS_TRANSLATER, true, dev, ev);
}

void assert_delivered(struct box *b, unsigned dev, unsigned ev, unsigned vcpu, unsigned intid)
{
	assert_int_equal(msi(b, dev, ev), 1);
	for (unsigned i = 0; i < b->nr_cpus; i++) {
		assert_int_equal(am_gic_irq_pending(b->gic, i), i == vcpu ? AM_GIC_IRQ : 0);
		assert_int_equal(take(b, i), i == vcpu ? intid : 1023);
		assert_int_equal(am_gic_irq_pending(b->gic, i), 0);
	}
}
