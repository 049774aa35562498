/* SPDX-License-Identifier: MIT */
/*
 * Device attributes of a VGIC_ITS: which exist, and KVM's errors. Registers are the rows of
 * its_regs.c; unlike the GIC's, those of 64 bits are one value.
 */
#include "gic/its.h"

enum { ADDR_ITS = 4 };

/* As KVM: the first two and those that identify have 32 bits, the rest must be aligned to 64. */
static int check_offset(uint64_t offset)
{
	return am_aligned(offset, offset < 8 || offset >= 0xffd0 ? 4 : 8) ? 0 : -EINVAL;
}

static bool has_ctrl(uint64_t attr)
{
	return attr == AM_ITS_CTRL_INIT || attr == AM_ITS_CTRL_SAVE_TABLES ||
	       attr == AM_ITS_CTRL_RESTORE_TABLES || attr == AM_ITS_CTRL_RESET;
}

int am_its_attr_check(uint32_t group, uint64_t attr, bool set)
{
	switch (group) {
	case AM_ITS_GRP_ADDR:
		return attr == ADDR_ITS ? 0 : -ENODEV;
	case AM_ITS_GRP_CTRL:
		return set ? 0 : -ENXIO;
	case AM_ITS_GRP_REGS:
		return 0;
	default:
		return -ENXIO;
	}
}

int am_its_attr_check_offset(uint32_t group, uint64_t attr)
{
	return group == AM_ITS_GRP_REGS ? check_offset(attr) : 0;
}

unsigned am_its_attr_size(uint32_t group, uint64_t attr)
{
	return group == AM_ITS_GRP_CTRL ? 0 : 8;
}

bool am_its_attr_stops_vcpus(uint32_t group, uint64_t attr)
{
	return group == AM_ITS_GRP_REGS || (group == AM_ITS_GRP_CTRL && attr != AM_ITS_CTRL_INIT);
}

/* The row that user space finds, or NULL. */
static const struct am_reg_row *attr_row(uint64_t offset)
{
	for (unsigned i = 0; i < its_table.nr_rows; i++) {
		const struct am_reg_row *row = &its_table.rows[i];

		if (offset - row->offset >= row->length || offset < row->offset)
			continue;
		return row->flags & (AM_REG_RESERVED | AM_REG_GUEST) ? NULL : row;
	}
	return NULL;
}

int am_its_has_attr(struct am_its *its, uint32_t group, uint64_t attr)
{
	switch (group) {
	case AM_ITS_GRP_ADDR:
		return attr == ADDR_ITS ? 0 : -ENXIO;
	case AM_ITS_GRP_CTRL:
		return has_ctrl(attr) ? 0 : -ENXIO;
	case AM_ITS_GRP_REGS:
		if (check_offset(attr))
			return -EINVAL;
		return attr_row(attr) ? 0 : -ENXIO;
	default:
		return -ENXIO;
	}
}

static int reg_get(struct am_its *its, uint64_t offset, uint64_t *value)
{
	const struct am_reg_row *row = attr_row(offset);
	const struct am_access a = {.dev = its, .user = true};

	if (check_offset(offset))
		return -EINVAL;
	if (am_its_base(its) == AM_GIC_UNDEF || !row)
		return -ENXIO;
	*value = row->constant ? row->reset : row->get(&a, 0);
	return 0;
}

static int reg_set(struct am_its *its, uint64_t offset, uint64_t value)
{
	const struct am_reg_row *row = attr_row(offset);
	const struct am_access a = {.dev = its, .user = true};
	uint64_t mask;

	if (check_offset(offset))
		return -EINVAL;
	if (am_its_base(its) == AM_GIC_UNDEF)
		return its_bad("a register before the ITS has its address", offset, -ENXIO);
	if (!row)
		return -ENXIO;
	mask = row->widths & AM_REG_64 ? UINT64_MAX : UINT32_MAX;
	if (row->user_set)
		return row->user_set(&a, 0, value & mask, mask);
	mask &= ~row->ro;
	if (row->set)
		row->set(&a, 0, value & mask, mask);
	return 0;
}

static int ctrl(struct am_its *its, uint64_t attr)
{
	switch (attr) {
	case AM_ITS_CTRL_SAVE_TABLES:
		return am_its_save_tables(its);
	case AM_ITS_CTRL_RESTORE_TABLES:
		return am_its_restore_tables(its);
	case AM_ITS_CTRL_RESET:
		am_its_reset(its);
		return 0;
	default:
		/* KVM says nothing about attributes that it does not know. */
		return 0;
	}
}

int am_its_get_attr(struct am_its *its, uint32_t group, uint64_t attr, uint64_t *value)
{
	int err = am_its_attr_check(group, attr, false);

	if (err)
		return err;
	if (group == AM_ITS_GRP_REGS)
		return reg_get(its, attr, value);
	*value = am_its_base(its);
	return 0;
}

int am_its_set_attr(struct am_its *its, uint32_t group, uint64_t attr, uint64_t value)
{
	int err = am_its_attr_check(group, attr, true);

	if (err)
		return err;
	switch (group) {
	case AM_ITS_GRP_ADDR:
		return am_its_set_base(its, value);
	case AM_ITS_GRP_REGS:
		return reg_set(its, attr, value);
	default:
		return ctrl(its, attr);
	}
}

/* ---- tables ---- */

int am_its_save_tables(struct am_its *its)
{
	int err;

	am_lock(&its->lock);
	err = its_save(its);
	am_unlock(&its->lock);
	AM_TRACE(its_save, its->number, err);
	return err;
}

int am_its_restore_tables(struct am_its *its)
{
	int err;

	am_lock(&its->lock);
	err = its_restore(its);
	am_unlock(&its->lock);
	AM_TRACE(its_restore, its->number, err);
	return err;
}

void am_its_reset(struct am_its *its)
{
	am_lock(&its->lock);
	its_regs_reset(its);
	its_unmap_devices(its);
	its_delete_colls(its);
	am_unlock(&its->lock);
	AM_TRACE(its_reset, its->number);
}
