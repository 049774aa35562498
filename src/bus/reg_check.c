/* SPDX-License-Identifier: MIT */
/*
 * What a register table must be for the dispatcher to need no checks of its own. Unit tests run it
 * over every table: the tables are constants, so once is enough.
 */
#include <armature/mmio.h>

#include "base/bits.h"

static unsigned check_unit_bits(const struct am_reg_row *r)
{
	return r->bits ? r->bits : r->widths & AM_REG_64 ? 64 : 32;
}

static const char *check_place(const struct am_reg_row *r, uint32_t expect, uint32_t end)
{
	if (!r->name || !r->section)
		return "no name or no section";
	if (r->offset != expect)
		return "does not begin where the row before it ends";
	if (!r->length || (r->length & 3) || r->length > end - expect)
		return "bad length";
	return NULL;
}

static const char *check_shape(const struct am_reg_row *r)
{
	uint64_t unit = AM_MASK(check_unit_bits(r) - 1, 0);
	uint32_t bytes = r->widths & AM_REG_64 ? 8 : 4;

	if (!(r->widths & AM_REG_32) || (r->widths & ~(AM_REG_8 | AM_REG_32 | AM_REG_64)))
		return "bad widths: 32 bits always, 8 and 64 perhaps";
	if (r->offset % bytes || r->length % bytes)
		return "registers not aligned in their row";
	if (r->bits != 0 && r->bits != 1 && r->bits != 2 && r->bits != 8 && r->bits != 64)
		return "bad number of bits per interrupt";
	if (r->bits && (r->bits == 64) != !!(r->widths & AM_REG_64))
		return "64-bit fields and 64-bit accesses go together";
	/* A byte of narrower fields would be legal only if some specification had it. */
	if (r->bits && r->bits < 8 && (r->widths & AM_REG_8))
		return "byte access to fields of bits";
	if ((r->reset & ~unit) || (r->ro & ~unit))
		return "reset or read-only mask wider than the register";
	if (r->first && !r->bits)
		return "a first interrupt without interrupts";
	return NULL;
}

static const char *check_reserved(const struct am_reg_row *r)
{
	if (r->widths || r->bits || r->get || r->set || r->user_get || r->user_set || r->order ||
	    r->reset || !r->constant)
		return "a reserved row has a reason and nothing else";
	return NULL;
}

static const char *check_constant(const struct am_reg_row *r)
{
	if (r->get || r->set || r->user_get || r->user_set)
		return "a constant row needs no handlers";
	if (r->order || (r->flags & ~AM_REG_GUEST))
		return "a constant row is not saved and has no flags";
	return NULL;
}

static const char *check_handlers(const struct am_reg_row *r)
{
	uint64_t unit = AM_MASK(check_unit_bits(r) - 1, 0);
	bool saved = r->order != 0;

	if ((r->flags & AM_REG_GUEST) && (saved || r->user_get || r->user_set))
		return "the guest's alone, but user space has a part in it";
	if (!r->get && !(r->flags & AM_REG_WO))
		return "cannot be read";
	if (!r->set != (r->ro == unit))
		return "has a setter exactly if a bit can be written";
	if ((r->flags & AM_REG_W1) && !r->bits)
		return "write-one is for interrupts' fields";
	if ((r->flags & AM_REG_WO) && (r->get || saved))
		return "write-only has nothing to read or save";
	if ((r->flags & AM_REG_RESTORE1) && (!(r->flags & AM_REG_ALIAS) || !saved))
		return "only a saved alias can be restored by ones";
	if ((r->flags & AM_REG_ALIAS) && saved && !(r->flags & AM_REG_RESTORE1))
		return "an alias is saved by the row it is an alias of";
	if (r->set && !saved && !(r->flags & (AM_REG_ALIAS | AM_REG_WO | AM_REG_GUEST)))
		return "state without a way to save it";
	if (saved && !r->set && !r->user_set)
		return "saved, but cannot be restored";
	return NULL;
}

static const char *check_row(const struct am_reg_row *r, uint32_t expect, uint32_t end)
{
	const char *bad = check_place(r, expect, end);

	if (bad)
		return bad;
	if (r->flags & AM_REG_RESERVED)
		return check_reserved(r);
	bad = check_shape(r);
	if (bad)
		return bad;
	return r->constant ? check_constant(r) : check_handlers(r);
}

const char *am_reg_table_check(const struct am_reg_table *t, unsigned *row)
{
	uint32_t expect = 0;
	unsigned i, k;

	*row = 0;
	if (!t->name || !t->nr_rows || t->nr_rows > 256 || !t->size || (t->size & 7))
		return "bad table";
	for (i = 0; i < t->nr_rows; i++) {
		const struct am_reg_row *r = &t->rows[i];
		const char *bad = check_row(r, expect, t->size);

		*row = i;
		if (bad)
			return bad;
		for (k = 0; r->order && k < i; k++)
			if (t->rows[k].order == r->order)
				return "two rows with one place in the save order";
		expect = r->offset + r->length;
	}
	return expect == t->size ? NULL : "does not cover the frame";
}
