/* SPDX-License-Identifier: MIT */
/*
 * The one road from a device to guest memory. A guest gives devices any address it likes: what is
 * not wholly in RAM is refused here, and nowhere else.
 */
#ifndef VMM_DMA_H
#define VMM_DMA_H

#include <stddef.h>
#include <stdint.h>

struct dma {
	uint8_t *ram;
	uint64_t base; /* guest physical address of ram[0] */
	uint64_t size;
};

/*
 * Guest memory [@gpa, @gpa + @len) as the host sees it, or NULL if some of it is not RAM. vCPUs
 * read and write it at the same time.
 */
static inline void *dma_map(const struct dma *d, uint64_t gpa, uint64_t len)
{
	if (gpa < d->base || gpa - d->base > d->size || len > d->size - (gpa - d->base))
		return NULL;
	return d->ram + (gpa - d->base);
}

#endif
