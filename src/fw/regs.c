/* SPDX-License-Identifier: MIT */
/*
 * The firmware pseudo-registers: what user space says a guest finds, and what a migrated guest
 * relied on where it came from.
 */
#include <errno.h>

#include "base/bits.h"
#include "fw/fw.h"

/* ---- KVM_REG_ARM_FW ---- */

enum { REG_PSCI_VERSION, REG_WORKAROUND_1, REG_WORKAROUND_2, REG_WORKAROUND_3, REG_COUNT };

/* Levels of workarounds 1 and 3, and of 2 with its "enabled" bit. */
enum { LEVEL_NOT_REQUIRED = 2, LEVEL_2_NOT_REQUIRED = 3, LEVEL_2_AVAILABLE = 2, LEVEL_2_ON = 16 };

unsigned fw_reg_count(void)
{
	return REG_COUNT;
}

int fw_get_reg(const struct fw *fw, bool has_0_2, unsigned index, uint64_t *v)
{
	switch (index) {
	case REG_PSCI_VERSION:
		*v = fw_psci_version(fw, has_0_2);
		return 0;
	case REG_WORKAROUND_1:
	case REG_WORKAROUND_3:
		*v = LEVEL_NOT_REQUIRED;
		return 0;
	case REG_WORKAROUND_2:
		*v = LEVEL_2_NOT_REQUIRED;
		return 0;
	default:
		return -ENOENT;
	}
}

static int set_psci_version(struct fw *fw, bool has_0_2, uint64_t v)
{
	switch (v) {
	case FW_PSCI_0_1:
		if (has_0_2)
			return -EINVAL;
		break;
	case FW_PSCI_0_2:
	case FW_PSCI_1_0:
	case FW_PSCI_1_1:
	case FW_PSCI_1_2:
	case FW_PSCI_1_3:
		if (!has_0_2)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	fw->psci_version = (uint32_t)v;
	return 0;
}

/* The levels only assert what a migrated guest may count on: nothing is stored. */
static int check_workaround_2(uint64_t v)
{
	if (v & ~UINT64_C(0x1f))
		return -EINVAL;
	if ((v & LEVEL_2_ON) && (v & 0xf) != LEVEL_2_AVAILABLE)
		return -EINVAL;
	return (v & 0xf) <= LEVEL_2_NOT_REQUIRED ? 0 : -EINVAL;
}

int fw_set_reg(struct fw *fw, bool has_0_2, unsigned index, uint64_t v)
{
	switch (index) {
	case REG_PSCI_VERSION:
		return set_psci_version(fw, has_0_2, v);
	case REG_WORKAROUND_1:
	case REG_WORKAROUND_3:
		return v <= LEVEL_NOT_REQUIRED ? 0 : -EINVAL;
	case REG_WORKAROUND_2:
		return check_workaround_2(v);
	default:
		return -ENOENT;
	}
}

/* ---- KVM_REG_ARM_FW_FEAT_BMAP ---- */

uint64_t fw_bitmap_all(enum fw_bitmap which)
{
	static const uint64_t all[FW_NR_BITMAPS] = {
	    [FW_STD] = FW_STD_TRNG,
	    [FW_STD_HYP] = FW_STD_HYP_PV_TIME,
	    [FW_VENDOR_HYP] = FW_VENDOR_FEATURES | FW_VENDOR_PTP,
	};

	return all[which];
}

uint64_t fw_bitmap_get(const struct fw *fw, enum fw_bitmap which)
{
	return fw_bitmap_all(which) &
	       ~atomic_load_explicit(&fw->taken_away[which], memory_order_relaxed);
}

int fw_bitmap_set(struct fw *fw, enum fw_bitmap which, uint64_t v, bool frozen)
{
	uint64_t all = fw_bitmap_all(which);

	if (v & ~all)
		return -EINVAL;
	if (frozen && v != fw_bitmap_get(fw, which))
		return -EBUSY;
	atomic_store_explicit(&fw->taken_away[which], all & ~v, memory_order_relaxed);
	return 0;
}
