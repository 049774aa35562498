/* SPDX-License-Identifier: MIT */
/*
 * SMCCC 1.1 calls of the Arm architecture owner (DEN0028 chapter 7), and the firmware
 * pseudo-registers that say what a guest is told. What is not listed goes to PSCI, which answers
 * NOT_SUPPORTED.
 */
#include <errno.h>

#include "base/bits.h"
#include "base/trace.h"
#include "fw/fw.h"

#define SMCCC_VERSION	    0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u
#define SMCCC_WORKAROUND_1  0x80008000u
#define SMCCC_WORKAROUND_2  0x80007fffu
#define SMCCC_WORKAROUND_3  0x80003fffu

#define SMCCC_1_1 0x10001

/* Nothing of this CPU is speculative: the guest needs no help against Spectre. */
enum { WORKAROUND_UNAFFECTED = 1, WORKAROUND_2_NOT_REQUIRED = -2 };

static int64_t arch_features(uint32_t id)
{
	switch (id) {
	case SMCCC_WORKAROUND_1:
	case SMCCC_WORKAROUND_3:
		return WORKAROUND_UNAFFECTED;
	case SMCCC_WORKAROUND_2:
		return WORKAROUND_2_NOT_REQUIRED;
	default:
		return FW_NOT_SUPPORTED;
	}
}

enum fw_action fw_call(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	enum fw_action action = FW_RETURN;

	AM_TRACE(fw_call, c->id, (unsigned)x[0], (unsigned long long)x[1], (unsigned long long)x[2],
		 (unsigned long long)x[3]);
	switch ((uint32_t)x[0]) {
	case SMCCC_VERSION:
		x[0] = SMCCC_1_1;
		break;
	case SMCCC_ARCH_FEATURES:
		x[0] = (uint64_t)arch_features((uint32_t)x[1]);
		break;
	case SMCCC_WORKAROUND_1:
	case SMCCC_WORKAROUND_2:
	case SMCCC_WORKAROUND_3:
		x[0] = FW_SUCCESS;
		break;
	default:
		action = fw_psci_call(c, x, event_flags);
	}
	if (action == FW_RETURN)
		AM_TRACE(fw_result, c->id, (unsigned long long)x[0]);
	return action;
}

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
