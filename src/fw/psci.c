/* SPDX-License-Identifier: MIT */
/*
 * PSCI 1.3 to 1.0, 0.2 and 0.1 (DEN0022 chapter 5), the way KVM answers it. One row per function
 * says since which version it exists and in which widths; FEATURES goes by the same table.
 *
 * A guest finds 1.1 unless user space chooses: that is what Linux 6.12 can take over, while 1.2 and
 * 1.3 are known since 6.13.
 */
#include "base/bits.h"
#include "fw/fw.h"

#define PSCI_BASE   0x84000000u
#define PSCI_BASE64 0xc4000000u
#define PSCI_64BIT  AM_BIT(30)
#define PSCI_0_1    0x95c1ba5eu

#define SMCCC_VERSION 0x80000000u

/* Aff3 and Aff2..Aff0 of MPIDR_EL1; other bits of a target must be zero (DEN0022 5.1.4). */
#define AFFINITY UINT64_C(0xff00ffffff)

#define RESET2_VENDOR	   AM_BIT(31)
#define OFF2_HIBERNATE_OFF 1
#define EVENT_RESET2	   1
#define EVENT_OFF2	   1

typedef enum fw_action psci_fn(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags);

uint32_t fw_psci_version(const struct fw *fw, bool has_0_2)
{
	uint32_t chosen = atomic_load_explicit(&fw->psci_version, memory_order_relaxed);

	if (!has_0_2)
		return FW_PSCI_0_1;
	return chosen ? chosen : FW_PSCI_1_1;
}

static uint32_t version(const struct fw_caller *c)
{
	return fw_psci_version(c->fw, c->has_0_2);
}

/* x1-x3 are results as well: zero where there is none (DEN0028 2.7). */
static enum fw_action answer(uint64_t x[4], int64_t v)
{
	x[0] = (uint64_t)v;
	x[1] = x[2] = x[3] = 0;
	return FW_RETURN;
}

static enum fw_action psci_version(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	return answer(x, version(c));
}

static enum fw_action cpu_suspend(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	/* Every state requested is a standby state: context is kept, any interrupt wakes. */
	answer(x, FW_SUCCESS);
	return FW_WAIT;
}

static enum fw_action cpu_off(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	answer(x, FW_SUCCESS);
	return FW_CPU_OFF;
}

static enum fw_action cpu_on(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	void *target = x[1] & ~AFFINITY ? NULL : c->fw->ops->find(c->fw->vm, x[1]);

	if (!target)
		return answer(x, FW_INVALID_PARAMS);
	if (!c->fw->ops->power_on(target, x[2], x[3])) {
		bool old = version(c) == FW_PSCI_0_1;

		return answer(x, old ? FW_INVALID_PARAMS : FW_ALREADY_ON);
	}
	return answer(x, FW_SUCCESS);
}

static enum fw_action affinity_info(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	/* Level n ignores the affinity fields below n. */
	static const uint64_t masks[] = {AFFINITY, AFFINITY & ~UINT64_C(0xff),
					 AFFINITY & ~UINT64_C(0xffff),
					 AFFINITY & ~UINT64_C(0xffffff)};
	bool found = false;

	if ((x[1] & ~AFFINITY) || x[2] >= AM_ARRAY_SIZE(masks))
		return answer(x, FW_INVALID_PARAMS);
	uint64_t mask = masks[x[2]], aff;
	void *vcpu;

	for (unsigned n = 0; (vcpu = c->fw->ops->nth(c->fw->vm, n, &aff)); n++) {
		if ((aff ^ x[1]) & mask)
			continue;
		found = true;
		if (!c->fw->ops->is_off(vcpu))
			return answer(x, 0); /* ON */
	}
	return answer(x, found ? 1 : FW_INVALID_PARAMS); /* OFF */
}

static enum fw_action migrate_info_type(const struct fw_caller *c, uint64_t x[4],
					uint64_t *event_flags)
{
	return answer(x, 2); /* no trusted OS, or one that does not care */
}

static enum fw_action system_off(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	*event_flags = 0;
	answer(x, FW_INTERNAL_FAILURE);
	return FW_SYSTEM_OFF;
}

static enum fw_action system_reset(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	*event_flags = 0;
	answer(x, FW_INTERNAL_FAILURE);
	return FW_SYSTEM_RESET;
}

static enum fw_action system_reset2(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	/* Type 0 is SYSTEM_WARM_RESET; bit 31: a type of the vendor's own. 32 bits in both widths.
	 */
	uint32_t type = (uint32_t)x[1];

	if (type != 0 && !(type & RESET2_VENDOR))
		return answer(x, FW_INVALID_PARAMS);
	*event_flags = EVENT_RESET2;
	/* Type and cookie stay: user space may want them. */
	x[0] = (uint64_t)FW_INTERNAL_FAILURE;
	return FW_SYSTEM_RESET;
}

static enum fw_action system_off2(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	uint32_t type = (uint32_t)x[1];

	/* 0 means the one type that there is (DEN0022 F.b 5.11); the cookie is zero. */
	if ((type && type != OFF2_HIBERNATE_OFF) || x[2])
		return answer(x, FW_INVALID_PARAMS);
	*event_flags = EVENT_OFF2;
	answer(x, FW_INTERNAL_FAILURE);
	return FW_SYSTEM_OFF;
}

static enum fw_action system_suspend(const struct fw_caller *c, uint64_t x[4],
				     uint64_t *event_flags)
{
	return FW_SYSTEM_SUSPEND;
}

static psci_fn *find(const struct fw_caller *c, uint32_t id);

static enum fw_action features(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	uint32_t id = (uint32_t)x[1];
	psci_fn *fn = find(c, id);

	if (id == SMCCC_VERSION)
		return answer(x, FW_SUCCESS);
	if (!fn)
		return answer(x, FW_NOT_SUPPORTED);
	/* The flags of a function: which types of SYSTEM_OFF2 there are. */
	return answer(x, fn == system_off2 ? OFF2_HIBERNATE_OFF : FW_SUCCESS);
}

static const struct {
	uint8_t number;
	bool wide; /* also as a 64-bit call */
	uint32_t since;
	psci_fn *fn;
} functions[] = {
    {0, false, FW_PSCI_0_2, psci_version},  {1, true, FW_PSCI_0_2, cpu_suspend},
    {2, false, FW_PSCI_0_2, cpu_off},	    {3, true, FW_PSCI_0_2, cpu_on},
    {4, true, FW_PSCI_0_2, affinity_info},  {6, false, FW_PSCI_0_2, migrate_info_type},
    {8, false, FW_PSCI_0_2, system_off},    {9, false, FW_PSCI_0_2, system_reset},
    {10, false, FW_PSCI_1_0, features},	    {14, true, FW_PSCI_1_0, system_suspend},
    {18, true, FW_PSCI_1_1, system_reset2}, {21, true, FW_PSCI_1_3, system_off2},
};

static psci_fn *find(const struct fw_caller *c, uint32_t id)
{
	if (version(c) == FW_PSCI_0_1)
		return NULL;
	for (unsigned n = 0; n < AM_ARRAY_SIZE(functions); n++) {
		bool same = id == PSCI_BASE + functions[n].number ||
			    (functions[n].wide && id == PSCI_BASE64 + functions[n].number);

		if (!same || version(c) < functions[n].since)
			continue;
		if (functions[n].fn == system_suspend && !c->fw->system_suspend)
			return NULL;
		return functions[n].fn;
	}
	return NULL;
}

enum fw_action fw_psci_call(const struct fw_caller *c, uint64_t x[4], uint64_t *event_flags)
{
	uint32_t id = (uint32_t)x[0];
	psci_fn *fn = find(c, id);

	if (version(c) == FW_PSCI_0_1) {
		/* Its ids say nothing about widths: registers count whole. */
		if (id == PSCI_0_1 + 1)
			return cpu_off(c, x, event_flags);
		if (id == PSCI_0_1 + 2)
			return cpu_on(c, x, event_flags);
	}
	if (!fn)
		return answer(x, FW_NOT_SUPPORTED);
	/* A 32-bit call passes the low halves (DEN0028 2.5). */
	if (!(id & PSCI_64BIT)) {
		for (int n = 1; n < 4; n++)
			x[n] = (uint32_t)x[n];
	}
	return fn(c, x, event_flags);
}
