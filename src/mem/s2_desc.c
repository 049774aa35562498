/* SPDX-License-Identifier: MIT */
/* What the attributes of a stage 2 descriptor mean (DDI 0487 D8.4, D8.6). */
#include "mem/s2_desc.h"

/*
 * XN[1:0] with FEAT_XNX (D8.4.2): EL1 and EL0, EL0 alone, none, EL1 alone. Without it bit 53 is
 * RES0, and bit 54 is for both.
 */
static const uint8_t xnx_prot[4] = {AM_S2_X, AM_S2_X_EL0, 0, AM_S2_X_EL1};

uint64_t s2_prot_bits(const struct am_s2 *s2, unsigned prot)
{
	uint64_t bits = 0;
	unsigned xn = 2;

	if (prot & AM_S2_R)
		bits |= AM_S2_DESC_READ;
	if (prot & AM_S2_W)
		bits |= AM_S2_DESC_WRITE;
	for (unsigned n = 0; n < 4; n++) {
		if ((prot & AM_S2_X) == xnx_prot[n])
			xn = n;
	}
	return bits | (uint64_t)xn << S2_XN_SHIFT;
}

unsigned s2_prot(const struct am_s2 *s2, uint64_t desc)
{
	unsigned xn = (desc >> S2_XN_SHIFT) & (s2->config.flags & AM_S2_XNX ? 3 : 2);

	return xnx_prot[xn] | (desc & AM_S2_DESC_READ ? AM_S2_R : 0) |
	       (desc & AM_S2_DESC_WRITE ? AM_S2_W : 0);
}

/* MemAttr[3:0] without FWB (R_HMNDG), and with it (R_VRJSW, R_RHWZM). 255: none. */
static const uint8_t memattr[2][AM_S2_STAGE1 + 1] = {
    {
	[AM_S2_NORMAL_WB] = 15,
	[AM_S2_NORMAL_WT] = 10,
	[AM_S2_NORMAL_NC] = 5,
	[AM_S2_DEVICE_nGnRnE] = 0,
	[AM_S2_DEVICE_nGnRE] = 1,
	[AM_S2_DEVICE_nGRE] = 2,
	[AM_S2_DEVICE_GRE] = 3,
	[AM_S2_STAGE1] = 15,
    },
    {
	[AM_S2_NORMAL_WB] = 6,
	[AM_S2_NORMAL_WT] = 255,
	[AM_S2_NORMAL_NC] = 5,
	[AM_S2_DEVICE_nGnRnE] = 0,
	[AM_S2_DEVICE_nGnRE] = 1,
	[AM_S2_DEVICE_nGRE] = 2,
	[AM_S2_DEVICE_GRE] = 3,
	[AM_S2_STAGE1] = 7,
    },
};

static const uint8_t *memattr_of(const struct am_s2 *s2)
{
	return memattr[s2->config.flags & AM_S2_FWB ? 1 : 0];
}

bool s2_memory_bits(const struct am_s2 *s2, enum am_s2_memory memory, uint64_t *bits)
{
	if ((unsigned)memory > AM_S2_STAGE1 || memattr_of(s2)[memory] > 15)
		return false;
	*bits = (uint64_t)memattr_of(s2)[memory] << S2_MEMATTR_SHIFT;
	/* With LPA2 shareability is VTCR_EL2.SH0's, and its bits belong to the address. */
	if (!(s2->config.flags & AM_S2_LPA2))
		*bits |= S2_SH_IS;
	return true;
}

enum am_s2_memory s2_memory(const struct am_s2 *s2, uint64_t desc)
{
	unsigned attr = (desc >> S2_MEMATTR_SHIFT) & 15;

	for (unsigned m = 0; m <= AM_S2_STAGE1; m++) {
		if (memattr_of(s2)[m] == attr)
			return (enum am_s2_memory)m;
	}
	return AM_S2_NORMAL_NC; /* nothing that this library writes */
}

bool s2_is_device(uint64_t desc)
{
	return ((desc >> S2_MEMATTR_SHIFT) & 12) == 0;
}
