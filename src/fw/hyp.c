/* SPDX-License-Identifier: MIT */
/*
 * Services of a hypervisor: stolen time (DEN0057), and those that KVM has given itself, by which
 * a guest knows it: its UID, its feature bitmap and the clock pair of PTP.
 */
#include "base/bits.h"
#include "fw/fw.h"

#define PV_TIME_FEATURES 0xc5000020u
#define PV_TIME_ST	 0xc5000021u
#define VENDOR_FEATURES	 0x86000000u
#define VENDOR_PTP	 0x86000001u
#define VENDOR_CALL_UID	 0x8600ff01u

static void answer(uint64_t x[4], uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	x[0] = a;
	x[1] = b;
	x[2] = c;
	x[3] = d;
}

/* ---- Stolen time ---- */

bool fw_pv_time_call(const struct fw_caller *c, uint64_t x[4])
{
	uint32_t id = (uint32_t)x[0], asked = (uint32_t)x[1];
	uint64_t address;

	if ((id != PV_TIME_FEATURES && id != PV_TIME_ST) ||
	    !(fw_bitmap_get(c->fw, FW_STD_HYP) & FW_STD_HYP_PV_TIME))
		return false;
	address = c->fw->ops->stolen_time(c->vcpu);
	if (id == PV_TIME_ST) {
		if (address != FW_NO_ADDRESS)
			c->fw->ops->stolen_time_begin(c->vcpu);
		answer(x, address, 0, 0, 0); /* FW_NO_ADDRESS is NOT_SUPPORTED */
		return true;
	}
	if ((asked == PV_TIME_FEATURES || asked == PV_TIME_ST) && address != FW_NO_ADDRESS)
		answer(x, FW_SUCCESS, 0, 0, 0);
	else
		answer(x, (uint64_t)(int64_t)FW_NOT_SUPPORTED, 0, 0, 0);
	return true;
}

/* ---- KVM's own ---- */

static void ptp(const struct fw_caller *c, uint64_t x[4])
{
	uint32_t counter = (uint32_t)x[1];
	uint64_t count, ns;

	if (counter > 1) {
		answer(x, (uint64_t)(int64_t)FW_NOT_SUPPORTED, 0, 0, 0);
		return;
	}
	c->fw->ops->clocks(c->vcpu, counter, &count, &ns);
	answer(x, ns >> 32, (uint32_t)ns, count >> 32, (uint32_t)count);
}

bool fw_vendor_call(const struct fw_caller *c, uint64_t x[4])
{
	uint64_t services = fw_bitmap_get(c->fw, FW_VENDOR_HYP);

	switch ((uint32_t)x[0]) {
	case VENDOR_CALL_UID:
		if (!(services & FW_VENDOR_FEATURES))
			return false;
		answer(x, 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d);
		return true;
	case VENDOR_FEATURES:
		if (!(services & FW_VENDOR_FEATURES))
			return false;
		answer(x, services, 0, 0, 0);
		return true;
	case VENDOR_PTP:
		if (!(services & FW_VENDOR_PTP))
			return false;
		ptp(c, x);
		return true;
	default:
		return false;
	}
}
