/* SPDX-License-Identifier: MIT */
/*
 * Runs the README's second example: what a guest's driver would set up, then the interrupt. Linked
 * with libarmature-gic's parts and nothing else of the project.
 */
#include "example_gic.h"

#include <stdio.h>

#define GICD		 0x08000000u
#define GICD_CTLR	 (GICD + 0x000)
#define GICD_ISENABLER1	 (GICD + 0x104)
#define ICC_PMR_EL1	 AM_GIC_SYSREG(3, 0, 4, 6, 0)
#define ICC_IGRPEN1_EL1	 AM_GIC_SYSREG(3, 0, 12, 12, 7)
#define GICD_ENABLE_GRP1 2
#define IDLE		 1023

int main(void)
{
	struct board b;
	uint64_t intid;

	if (board_init(&b)) {
		fprintf(stderr, "board_init failed\n");
		return 1;
	}
	intid = board_acknowledge(&b);
	if (intid != IDLE) {
		fprintf(stderr, "nothing is enabled, yet %u was acknowledged\n", (unsigned)intid);
		return 1;
	}
	am_bus_write(b.bus, 0, GICD_CTLR, 4, GICD_ENABLE_GRP1);
	am_bus_write(b.bus, 0, GICD_ISENABLER1, 4, 1u << (33 - 32));
	am_gic_icc_write(b.gic, 0, ICC_PMR_EL1, 0xff);
	am_gic_icc_write(b.gic, 0, ICC_IGRPEN1_EL1, 1);
	if (am_gic_irq_pending(b.gic, 0) != AM_GIC_IRQ) {
		fprintf(stderr, "the line is high and enabled, but no interrupt is pending\n");
		return 1;
	}
	intid = board_acknowledge(&b);
	if (intid != 33) {
		fprintf(stderr, "acknowledged %u, not 33\n", (unsigned)intid);
		return 1;
	}
	am_gic_destroy(b.gic);
	am_bus_destroy(b.bus);
	return 0;
}
