/* SPDX-License-Identifier: MIT */
/* The least of a GICv3 driver: one group, one CPU at a time (IHI 0069H 12.9, 12.11). */
#include "guest.h"

static u64 redist(void)
{
	return GICR + 0x20000 * (mrs(mpidr_el1) & 0xff);
}

void gic_init_cpu(void)
{
	u64 r = redist();

	write32(GICD, 0x12); /* ARE, group 1 */
	write32(r + 0x14, 0);
	while (read32(r + 0x14) & 4) /* GICR_WAKER.ChildrenAsleep */
		;
	write32(r + 0x10080, 0xffffffff); /* GICR_IGROUPR0 */
	msr(S3_0_C12_C12_5, 1);		  /* ICC_SRE_EL1 */
	isb();
	msr(S3_0_C4_C6_0, 0xff); /* ICC_PMR_EL1 */
	msr(S3_0_C12_C12_3, 0);	 /* ICC_BPR1_EL1 */
	msr(S3_0_C12_C12_4, 0);	 /* ICC_CTLR_EL1: EOI deactivates */
	msr(S3_0_C12_C12_7, 1);	 /* ICC_IGRPEN1_EL1 */
	isb();
}

void gic_enable(u32 intid, u8 priority)
{
	u64 base = intid < 32 ? redist() + 0x10000 : GICD;
	u64 prio = base + 0x400 + (intid & ~3u);
	unsigned shift = (intid & 3) * 8;

	write32(prio, (read32(prio) & ~(0xffu << shift)) | (u32)priority << shift);
	if (intid >= 32) {
		write32(GICD + 0x80 + intid / 32 * 4,
			read32(GICD + 0x80 + intid / 32 * 4) | 1u << intid % 32);
		write64(GICD + 0x6000 + intid * 8, mrs(mpidr_el1) & 0xffffff);
	}
	write32(base + 0x100 + intid / 32 * 4, 1u << intid % 32);
	dsb();
}

void gic_disable(u32 intid)
{
	u64 base = intid < 32 ? redist() + 0x10000 : GICD;

	write32(base + 0x180 + intid / 32 * 4, 1u << intid % 32);
	dsb();
	isb();
}
