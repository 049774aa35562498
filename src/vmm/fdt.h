/* SPDX-License-Identifier: MIT */
/* The device tree given to the guest: the hardware of layout.h, described with libfdt. */
#ifndef VMM_FDT_H
#define VMM_FDT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/layout.h"

struct fdt_machine {
	unsigned cpus;
	const uint64_t *mpidr; /* of each CPU, as the accelerator numbers them */
	const struct layout_map *map;
	bool has_its;  /* else PCI devices have interrupt lines only */
	bool has_sdei; /* firmware offers SDEI */
};

/* What differs from one boot to the next. */
struct fdt_boot {
	const char *bootargs; /* NULL: leave what is there */
	uint64_t initrd_start;
	uint64_t initrd_end; /* equal to the start: none */
	const struct layout_map *map;
};

/*
 * Writes a complete tree to @buf, @size bytes. Returns 0 or a negative libfdt error, of which
 * -FDT_ERR_NOSPACE is the one a correct caller can meet.
 */
int fdt_build(void *buf, int size, const struct fdt_machine *m);

/*
 * Checks a tree that came from a file, @len bytes at the start of @buf, and makes it @size long so
 * that it can be changed.
 */
int fdt_adopt(void *buf, uint64_t len, int size);

/* Fills in /chosen and, where the tree has one, the (first) memory node. */
int fdt_set_boot(void *buf, const struct fdt_boot *b);

/* Fresh seeds for the guest's random numbers and address space layout. */
int fdt_set_seeds(void *buf);

/* Shrinks the tree to what it needs; returns its length. */
uint64_t fdt_finish_tree(void *buf);

#endif
