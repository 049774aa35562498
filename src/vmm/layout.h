/* SPDX-License-Identifier: MIT */
/*
 * Where things are in the guest's physical address space: that of QEMU's "virt" machine, so that
 * images built for it run here; how large that space is; and where the boot files go in RAM.
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct options;

#define LAYOUT_GICD  UINT64_C(0x08000000)
#define LAYOUT_GICC  UINT64_C(0x08010000)
#define LAYOUT_ITS   UINT64_C(0x08080000)
#define LAYOUT_GICR  UINT64_C(0x080a0000)
#define LAYOUT_UART  UINT64_C(0x09000000)
#define LAYOUT_RTC   UINT64_C(0x09010000)
#define LAYOUT_FRAME UINT64_C(0x00001000)
#define LAYOUT_ECAM  UINT64_C(0x3f000000)
#define LAYOUT_RAM   UINT64_C(0x40000000)
/* One bus; QEMU has 16 there. */
#define LAYOUT_ECAM_SIZE UINT64_C(0x100000)
/* PCI devices' memory: the largest part of this that has no redistributors. */
#define LAYOUT_PCI	 UINT64_C(0x10000000)
#define LAYOUT_PCI_END	 UINT64_C(0x3eff0000)
#define LAYOUT_PCI_LEAST UINT64_C(0x100000)
/* More redistributors: at 256 GiB, or above RAM when that is there. */
#define LAYOUT_GICR_HIGH  UINT64_C(0x4000000000)
#define LAYOUT_GICR_STEP  UINT64_C(0x00020000)
#define LAYOUT_GICR_ALIGN UINT64_C(0x00010000)

/* Redistributors between LAYOUT_GICR and the UART. */
#define LAYOUT_GICR_LOW_MAX ((unsigned)((LAYOUT_UART - LAYOUT_GICR) / LAYOUT_GICR_STEP))

/* KVM counts the redistributors of a region in 12 bits. */
#define LAYOUT_GICR_MAX_COUNT 4095u
/* SGIs and targets of a GICv2 name a CPU by one of 8 bits. */
#define LAYOUT_V2_MAX_CPUS 8u
/* Regions: with one CPU in each there cannot be a use for more. */
#define LAYOUT_MAX_GICR 512u

#define LAYOUT_UART_SPI 1
#define LAYOUT_RTC_SPI	2
#define LAYOUT_PCI_SPI	3 /* INTA to INTD */
#define LAYOUT_NR_LINES 7 /* all devices' SPIs are below */

/* "Booting AArch64 Linux": the tree is at most 2 MiB and must not cross a 2 MiB boundary. */
#define LAYOUT_DTB_MAX (UINT64_C(2) << 20)
/* What the kernel is placed relative to. */
#define LAYOUT_RAM_ALIGN (UINT64_C(2) << 20)

/* Sizes of the address space that KVM offers, in bits, and the one it takes if not told. */
#define LAYOUT_IPA_MIN	 32u
#define LAYOUT_IPA_MAX	 52u
#define LAYOUT_IPA_USUAL 40u

/* A slot of KVM's has at most 2^31 - 1 pages, so large RAM has several. */
#define LAYOUT_SLOT_MAX (UINT64_C(1) << 42)

/* One range of redistributors. */
struct layout_gicr {
	uint64_t base;
	unsigned count;
};

struct layout_map {
	unsigned ipa_bits;
	uint64_t ram_base;
	uint64_t ram_size;
	unsigned gic_version;
	unsigned nr_gicr; /* of a GICv3 */
	struct layout_gicr gicr[LAYOUT_MAX_GICR];
	uint64_t pci_window; /* memory of PCI devices */
	uint64_t pci_window_size;
};

/*
 * Lays the machine out in an address space of the size asked for or, if none was, in the usual one
 * or a larger one that all of it needs. @ipa_limit is the largest that the accelerator offers in
 * bits; 0: only the usual one. Returns 0, or VMM_USAGE having said what does not fit.
 */
int layout_plan(struct layout_map *map, const struct options *o, unsigned ipa_limit);

/* What is in the address space, of @map's machine. */
struct layout_range {
	const char *what;
	uint64_t base;
	uint64_t size;
};

#define LAYOUT_MAX_RANGES 6

/* The ranges that are there besides redistributors and PCI devices; returns how many. */
unsigned layout_ranges(const struct layout_map *map, struct layout_range r[LAYOUT_MAX_RANGES]);

/*
 * Adjoining regions that a guest has to look at as one, in a device tree: GICR_TYPER.Last is clear
 * on the last redistributor of one that another follows. Regions without a CPU are left out.
 * Returns how many.
 */
unsigned layout_merge_gicr(const struct layout_map *map, unsigned cpus,
			   struct layout_gicr r[LAYOUT_MAX_GICR]);

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
 * more than there is (UINT64_MAX: more than any kernel needs).
 */
uint64_t layout_place(struct layout *l, const struct layout_map *map, uint64_t text_offset,
		      uint64_t kernel_size);

/* "64M", "63G", "65600K": a size as the command line takes it; exact. */
const char *layout_size_text(uint64_t size, char buf[24]);

#endif
