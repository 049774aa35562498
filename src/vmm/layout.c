/* SPDX-License-Identifier: MIT */
/* The guest's physical address space: see layout.h. */
#include "vmm/layout.h"

#include <string.h>

unsigned layout_redistributors(unsigned cpus, uint64_t ram, struct layout_gicr r[2])
{
	const uint64_t gib = UINT64_C(1) << 30;
	uint64_t top;

	r[0].base = LAYOUT_GICR;
	r[0].count = cpus < LAYOUT_GICR_LOW_MAX ? cpus : LAYOUT_GICR_LOW_MAX;
	if (cpus == r[0].count)
		return 1;
	if (ram > LAYOUT_IPA_LIMIT - LAYOUT_RAM)
		return 0;
	top = (LAYOUT_RAM + ram + gib - 1) & ~(gib - 1);
	r[1].base = top > LAYOUT_GICR_HIGH ? top : LAYOUT_GICR_HIGH;
	r[1].count = cpus - r[0].count;
	if (r[1].base + r[1].count * LAYOUT_GICR_STEP > LAYOUT_IPA_LIMIT)
		return 0;
	return 2;
}

uint64_t layout_place(struct layout *l, uint64_t ram, uint64_t text_offset, uint64_t kernel_size)
{
	uint64_t end, dtb;

	memset(l, 0, sizeof(*l));
	if (__builtin_add_overflow(text_offset, kernel_size, &end) ||
	    end > LAYOUT_IPA_LIMIT - LAYOUT_RAM)
		return UINT64_MAX;
	dtb = (end + LAYOUT_DTB_MAX - 1) & ~(LAYOUT_DTB_MAX - 1);
	if (dtb + LAYOUT_DTB_MAX > ram)
		return dtb + LAYOUT_DTB_MAX;
	l->kernel = LAYOUT_RAM + text_offset;
	l->kernel_room = ram - text_offset;
	l->dtb = LAYOUT_RAM + dtb;
	l->initrd = l->dtb + LAYOUT_DTB_MAX;
	l->initrd_room = ram - dtb - LAYOUT_DTB_MAX;
	return 0;
}
