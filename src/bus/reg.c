/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher of register rows: from an access (offset, length) to a row, and from its value to
 * the fields of interrupts or to a register, whole or in part. The rules of IHI 0069 12.1.3 on
 * access sizes live here and nowhere else; where they leave a choice, KVM's is taken (read 0,
 * ignore).
 */
#include <armature/mmio.h>

#include "base/bits.h"
#include "base/cstring.h"

void am_reg_index_build(const struct am_reg_table *table, uint8_t *index)
{
	memset(index, 0, am_reg_index_size(table));
	for (unsigned i = 0; i < table->nr_rows; i++) {
		const struct am_reg_row *row = &table->rows[i];

		memset(index + row->offset / 4, (int)i, row->length / 4);
	}
}

static inline uint64_t reg_ones(unsigned bits)
{
	return bits >= 64 ? UINT64_MAX : AM_BIT(bits) - 1;
}

/* Bits per interrupt are a power of two. */
static inline unsigned reg_first_irq(const struct am_reg_row *row, uint32_t offset)
{
	return row->first + ((offset - row->offset) * 8 >> __builtin_ctz(row->bits));
}

/* @field in each of a word's fields. */
static inline uint32_t reg_spread(unsigned bits, uint64_t field)
{
	return (uint32_t)field * (bits == 1 ? UINT32_MAX : UINT32_C(0x55555555));
}

/* The row that answers, or NULL when nothing does. */
static inline const struct am_reg_row *reg_row(const struct am_reg_frame *f, uint32_t offset,
					       unsigned len)
{
	const struct am_reg_row *row;

	if (am_unlikely(offset >= f->frame.size || (offset & (len - 1))))
		return NULL;
	row = &f->rows[f->index[offset / 4]];
	/* Reserved rows have no widths; 2 is no width at all. */
	if (!(row->widths & len))
		return NULL;
	if (row->bits && reg_first_irq(row, offset) >= f->nr_irqs)
		return NULL;
	return row;
}

/* Registers of a row are 64 bits wide if that is one of its widths. */
static inline unsigned reg_size(const struct am_reg_row *row)
{
	return row->widths & AM_REG_64 ? 8 : 4;
}

static inline uint64_t reg_get(const struct am_reg_row *row, const struct am_access *a, unsigned n)
{
	if (a->user && row->user_get)
		return row->user_get(a, n);
	return row->get ? row->get(a, n) : 0;
}

/* @ro: the bits that writes never change, of what @value is. */
static inline int reg_set(const struct am_reg_row *row, const struct am_access *a, unsigned n,
			  uint64_t value, uint64_t mask, uint64_t ro)
{
	if (a->user && row->user_set)
		return row->user_set(a, n, value & mask, mask);
	mask &= ~ro;
	value &= mask;
	if (!row->set || !mask || ((row->flags & AM_REG_W1) && !value))
		return 0;
	row->set(a, n, value, mask);
	return 0;
}

/* Fields of eight bits: each interrupt in turn, in INTID order. */
static uint64_t reg_read_bytes(const struct am_reg_row *row, const struct am_access *a,
			       unsigned irq, unsigned len)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < len; i++)
		value |= (reg_get(row, a, irq + i) & 0xff) << (i * 8);
	return value;
}

static int reg_write_bytes(const struct am_reg_row *row, const struct am_access *a, unsigned irq,
			   unsigned len, uint64_t value)
{
	int err = 0;

	for (unsigned i = 0; i < len && !err; i++)
		err = reg_set(row, a, irq + i, value >> (i * 8) & 0xff, 0xff, row->ro);
	return err;
}

/* What a constant reads as: fields narrower than the access repeat. */
static uint64_t reg_constant(const struct am_reg_row *row, uint32_t offset, unsigned len)
{
	uint64_t value = row->reset;

	if (row->bits == 1 || row->bits == 2)
		value = reg_spread(row->bits, value);
	else if (row->bits == 8)
		value *= UINT64_C(0x0101010101010101);
	else
		value >>= 8 * (offset & (reg_size(row) - 1));
	return value & reg_ones(8 * len);
}

static inline uint64_t reg_read(const struct am_reg_row *row, const struct am_access *a,
				uint32_t offset, unsigned len)
{
	unsigned size = reg_size(row), n;

	if (row->constant)
		return reg_constant(row, offset, len);
	if (row->bits) {
		n = reg_first_irq(row, offset);
		if (row->bits == 8)
			return reg_read_bytes(row, a, n, len);
		/* Fields of bits are read a word at a time, which begins with interrupt n. */
		if (row->bits < 8)
			return reg_get(row, a, n);
	} else {
		n = (offset - row->offset) >> (size == 8 ? 3 : 2);
	}
	return (reg_get(row, a, n) >> (8 * (offset & (size - 1)))) & reg_ones(8 * len);
}

static inline int reg_write(const struct am_reg_row *row, const struct am_access *a,
			    uint32_t offset, unsigned len, uint64_t value)
{
	unsigned size = reg_size(row), shift, n;

	if (row->constant)
		return 0;
	if (row->bits) {
		n = reg_first_irq(row, offset);
		if (row->bits == 8)
			return reg_write_bytes(row, a, n, len, value);
		if (row->bits < 8)
			return reg_set(row, a, n, (uint32_t)value, UINT32_MAX,
				       reg_spread(row->bits, row->ro));
	} else {
		n = (offset - row->offset) >> (size == 8 ? 3 : 2);
	}
	shift = 8 * (offset & (size - 1));
	value &= reg_ones(8 * len);
	return reg_set(row, a, n, value << shift, reg_ones(8 * len) << shift, row->ro);
}

uint64_t am_reg_read(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, unsigned len)
{
	const struct am_reg_row *row = reg_row(f, offset, len);
	const struct am_access a = {.dev = f->dev, .vcpu = vcpu};

	return row ? reg_read(row, &a, offset, len) : 0;
}

void am_reg_write(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, unsigned len,
		  uint64_t value)
{
	const struct am_reg_row *row = reg_row(f, offset, len);
	const struct am_access a = {.dev = f->dev, .vcpu = vcpu};

	if (row)
		reg_write(row, &a, offset, len, value);
}

/* ---- user space ---- */

static const struct am_reg_row *reg_user_row(const struct am_reg_frame *f, uint32_t offset)
{
	const struct am_reg_row *row = reg_row(f, offset, 4);

	return row && !(row->flags & AM_REG_GUEST) ? row : NULL;
}

int am_reg_user_read(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, uint32_t *value)
{
	const struct am_reg_row *row = reg_user_row(f, offset);
	const struct am_access a = {.dev = f->dev, .vcpu = vcpu, .user = true};

	*value = row ? (uint32_t)reg_read(row, &a, offset, 4) : 0;
	return 0;
}

int am_reg_user_write(const struct am_reg_frame *f, unsigned vcpu, uint32_t offset, uint32_t value)
{
	const struct am_reg_row *row = reg_user_row(f, offset);
	const struct am_access a = {.dev = f->dev, .vcpu = vcpu, .user = true};

	return row ? reg_write(row, &a, offset, 4, value) : 0;
}

bool am_reg_user_has(const struct am_reg_frame *f, uint32_t offset)
{
	return reg_user_row(f, offset) != NULL;
}

/* ---- frames ---- */

static uint64_t reg_frame_read(struct am_frame *frame, unsigned vcpu, uint32_t offset, unsigned len)
{
	return am_reg_read((struct am_reg_frame *)frame, vcpu, offset, len);
}

static void reg_frame_write(struct am_frame *frame, unsigned vcpu, uint32_t offset, unsigned len,
			    uint64_t value)
{
	am_reg_write((struct am_reg_frame *)frame, vcpu, offset, len, value);
}

static const struct am_frame_ops reg_frame_ops = {
    .read = reg_frame_read,
    .write = reg_frame_write,
};

void am_reg_frame_init(struct am_reg_frame *f, const struct am_reg_table *table,
		       const uint8_t *index, void *dev, unsigned nr_irqs)
{
	*f = (struct am_reg_frame){
	    .frame = {.ops = &reg_frame_ops, .name = table->name, .size = table->size},
	    .rows = table->rows,
	    .index = index,
	    .dev = dev,
	    .nr_irqs = nr_irqs,
	};
}
