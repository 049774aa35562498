/* SPDX-License-Identifier: MIT */
/*
 * Where things are in the guest's physical address space: that of QEMU's "virt" machine, so that
 * images built for it run here; and where the boot files go in RAM.
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#include <stdint.h>

#define LAYOUT_GICD	 UINT64_C(0x08000000)
#define LAYOUT_GICD_SIZE UINT64_C(0x00010000)
#define LAYOUT_GICR	 UINT64_C(0x080a0000)
#define LAYOUT_UART	 UINT64_C(0x09000000)
#define LAYOUT_RTC	 UINT64_C(0x09010000)
#define LAYOUT_FRAME	 UINT64_C(0x00001000)
#define LAYOUT_RAM	 UINT64_C(0x40000000)
/* More redistributors: at 256 GiB, or above RAM when there is more of it. */
#define LAYOUT_GICR_HIGH UINT64_C(0x4000000000)
#define LAYOUT_GICR_STEP UINT64_C(0x00020000)
#define LAYOUT_IPA_LIMIT (UINT64_C(1) << 40)

/* Redistributors between LAYOUT_GICR and the UART. */
#define LAYOUT_GICR_LOW_MAX ((unsigned)((LAYOUT_UART - LAYOUT_GICR) / LAYOUT_GICR_STEP))

#define LAYOUT_UART_SPI 1
#define LAYOUT_RTC_SPI	2

/* "Booting AArch64 Linux": the tree is at most 2 MiB and must not cross a 2 MiB boundary. */
#define LAYOUT_DTB_MAX (UINT64_C(2) << 20)

/* One range of redistributors. */
struct layout_gicr {
	uint64_t base;
	unsigned count;
};

/* Fills @r for @cpus vCPUs and @ram bytes of RAM; returns how many ranges, 0 if there is no room.
 */
unsigned layout_redistributors(unsigned cpus, uint64_t ram, struct layout_gicr r[2]);

/* The boot files' guest addresses. */
struct layout {
	uint64_t kernel;
	uint64_t kernel_room; /* from there to the end of RAM */
	uint64_t dtb;
	uint64_t initrd;
	uint64_t initrd_room;
};

/*
 * Places a kernel that needs @kernel_size bytes from RAM + @text_offset on, the device tree in the
 * next 2 MiB and the initrd behind that. Returns 0, or the bytes of RAM it would take if that is
 * more than @ram (UINT64_MAX: more than there can be).
 */
uint64_t layout_place(struct layout *l, uint64_t ram, uint64_t text_offset, uint64_t kernel_size);

#endif
