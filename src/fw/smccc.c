/* SPDX-License-Identifier: MIT */
/*
 * Who answers a call: user space's filter says first; then SMCCC 1.1's own (DEN0028 chapter 7) are
 * answered here, and services go to their files. What nobody knows goes to PSCI, which answers
 * NOT_SUPPORTED.
 */
#include "base/bits.h"
#include "base/trace.h"
#include "fw/fw.h"
#include "fw/sdei.h"

#define SMCCC_VERSION	    0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u
#define SMCCC_WORKAROUND_1  0x80008000u
#define SMCCC_WORKAROUND_2  0x80007fffu
#define SMCCC_WORKAROUND_3  0x80003fffu

#define SMCCC_1_1 0x10001

#define PV_TIME_FEATURES 0xc5000020u

/* Nothing of this CPU is speculative: the guest needs no help against Spectre. */
enum { WORKAROUND_UNAFFECTED = 1, WORKAROUND_2_NOT_REQUIRED = -2 };

static int64_t arch_features(const struct fw_caller *c, uint32_t id)
{
	switch (id) {
	case SMCCC_WORKAROUND_1:
	case SMCCC_WORKAROUND_3:
		return WORKAROUND_UNAFFECTED;
	case SMCCC_WORKAROUND_2:
		return WORKAROUND_2_NOT_REQUIRED;
	case PV_TIME_FEATURES:
		if (fw_bitmap_get(c->fw, FW_STD_HYP) & FW_STD_HYP_PV_TIME)
			return FW_SUCCESS;
		return FW_NOT_SUPPORTED;
	default:
		return FW_NOT_SUPPORTED;
	}
}

/* x1-x3 of a call that returns are results as well (DEN0028 2.7): zero where there is none. */
static void answer(uint64_t x[4], int64_t v)
{
	x[0] = (uint64_t)v;
	x[1] = x[2] = x[3] = 0;
}

static enum fw_action dispatch(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	switch ((uint32_t)x[0]) {
	case SMCCC_VERSION:
		answer(x, SMCCC_1_1);
		return FW_RETURN;
	case SMCCC_ARCH_FEATURES:
		answer(x, arch_features(c, (uint32_t)x[1]));
		return FW_RETURN;
	case SMCCC_WORKAROUND_1:
	case SMCCC_WORKAROUND_2:
	case SMCCC_WORKAROUND_3:
		/* KVM serves these on the short way that only HVC takes, and only x0 changes. */
		if (c->smc)
			answer(x, FW_NOT_SUPPORTED);
		else
			x[0] = FW_SUCCESS;
		return FW_RETURN;
	}
	if (sdei_is_call((uint32_t)x[0]) && c->fw->sdei && sdei_enabled(c->fw->sdei))
		return FW_SDEI;
	if (fw_trng_call(c, x) || fw_pv_time_call(c, x) || fw_vendor_call(c, x))
		return FW_RETURN;
	return fw_psci_call(c, x, event_flags);
}

static enum fw_action filtered(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	switch (fw_filter_find(&c->fw->filter, (uint32_t)x[0])) {
	case FW_FILTER_DENY:
		answer(x, FW_NOT_SUPPORTED);
		return FW_RETURN;
	case FW_FILTER_FORWARD:
		return FW_FORWARD;
	default:
		return dispatch(c, x, event_flags);
	}
}

enum fw_action fw_call(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	enum fw_action action;

	AM_TRACE(fw_call, c->id, (unsigned)x[0], (unsigned long long)x[1], (unsigned long long)x[2],
		 (unsigned long long)x[3]);
	action = filtered(c, x, event_flags);
	if (action == FW_RETURN)
		AM_TRACE(fw_result, c->id, (unsigned long long)x[0]);
	return action;
}
