/* SPDX-License-Identifier: MIT */
/* The guest's physical address space: see layout.h. */
#include "vmm/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/options.h"
#include "vmm/report.h"

#define GIB (UINT64_C(1) << 30)

/* A kernel of this size is a damaged header. */
#define KERNEL_MAX (UINT64_C(1) << 40)

const char *layout_size_text(uint64_t size, char buf[24])
{
	static const char units[] = "KMGT";
	unsigned u = 0;

	/* In terabytes only what is large and even: 1024G is said as 1T, 1536G stays. */
	size >>= 10;
	while (u < 3 && size && !(size & 1023)) {
		size >>= 10;
		u++;
	}
	snprintf(buf, 24, "%" PRIu64 "%c", size, units[u]);
	return buf;
}

/* ---- The size of the address space ---- */

/* Bits that an address below @end needs. */
static unsigned bits_for(uint64_t end)
{
	return end <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(end - 1);
}

/* The largest size that may be taken. */
static int check_limit(const struct options *o, unsigned limit, unsigned *max)
{
	if (!limit)
		limit = LAYOUT_IPA_USUAL; /* a KVM that has no choice */
	if (o->ipa_bits > limit)
		return vmm_fail(VMM_USAGE, "--ipa-bits %u: at most %u are offered here",
				o->ipa_bits, limit);
	*max = o->ipa_bits ? o->ipa_bits : limit;
	return 0;
}

/* What is taken when the user does not say, as far as nothing needs more. */
static unsigned usual_bits(unsigned max)
{
	return max < LAYOUT_IPA_USUAL ? max : LAYOUT_IPA_USUAL;
}

/* ---- RAM ---- */

static int ram_too_large(const struct options *o, unsigned max, uint64_t base)
{
	const uint64_t end = UINT64_C(1) << max;
	char asked[24], most[24];

	layout_size_text(o->memory, asked);
	if (base >= end || end - base < OPTIONS_MIN_MEMORY)
		return vmm_fail(VMM_USAGE,
				"--ram-base 0x%" PRIx64
				": no room for memory there below 2^%u, the "
				"end of the guest's physical addresses",
				base, max);
	return vmm_fail(VMM_USAGE,
			"--memory %s does not fit between 0x%" PRIx64 " and 2^%u, the end of the "
			"guest's physical addresses%s: at most %s",
			asked, base, max, o->ipa_bits ? " (--ipa-bits)" : "",
			layout_size_text(end - base, most));
}

static int place_ram(struct layout_map *map, const struct options *o, unsigned max)
{
	const uint64_t end = UINT64_C(1) << max;
	uint64_t base = o->ram_base ? o->ram_base : LAYOUT_RAM;
	unsigned bits;

	map->ram_size = o->memory;
	map->ram_base = base;
	if (base >= end || o->memory > end - base)
		return ram_too_large(o, max, base);
	if (!o->ram_top)
		return 0;
	if (o->memory & (LAYOUT_RAM_ALIGN - 1))
		return vmm_fail(VMM_USAGE, "--ram-base top: give a --memory that is a multiple of "
					   "2M");
	/* An address space larger than usual only for what does not fit in that. */
	bits = o->ipa_bits ? o->ipa_bits : usual_bits(max);
	if (bits < bits_for(base + o->memory))
		bits = bits_for(base + o->memory);
	map->ram_base = (UINT64_C(1) << bits) - o->memory;
	return 0;
}

static uint64_t ram_end(const struct layout_map *map)
{
	return map->ram_base + map->ram_size;
}

/* ---- Redistributors ---- */

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static uint64_t gicr_size(const struct layout_gicr *r)
{
	return r->count * LAYOUT_GICR_STEP;
}

unsigned layout_ranges(const struct layout_map *map, struct layout_range r[LAYOUT_MAX_RANGES])
{
	unsigned n = 0;

	r[n++] = (struct layout_range){"memory", map->ram_base, map->ram_size};
	r[n++] = (struct layout_range){"the UART", LAYOUT_UART, LAYOUT_FRAME};
	r[n++] = (struct layout_range){"the clock", LAYOUT_RTC, LAYOUT_FRAME};
	r[n++] = (struct layout_range){"the PCI bus", LAYOUT_ECAM, LAYOUT_ECAM_SIZE};
	if (map->gic_version == 2) {
		r[n++] = (struct layout_range){"the GIC's distributor", LAYOUT_GICD,
					       KVM_VGIC_V2_DIST_SIZE};
		r[n++] = (struct layout_range){"the GIC's CPU interface", LAYOUT_GICC,
					       KVM_VGIC_V2_CPU_SIZE};
	} else {
		r[n++] = (struct layout_range){"the GIC's distributor", LAYOUT_GICD,
					       KVM_VGIC_V3_DIST_SIZE};
		r[n++] = (struct layout_range){"the ITS", LAYOUT_ITS, KVM_VGIC_V3_ITS_SIZE};
	}
	return n;
}

/* Region @i of those that the user gave. */
static int check_region(const struct layout_map *map, unsigned i, unsigned max)
{
	const struct layout_gicr *r = &map->gicr[i];
	const unsigned long long base = r->base;
	struct layout_range ranges[LAYOUT_MAX_RANGES];
	unsigned n = layout_ranges(map, ranges);

	if (r->base >= UINT64_C(1) << max || gicr_size(r) > (UINT64_C(1) << max) - r->base)
		return vmm_fail(VMM_USAGE,
				"--redist-region 0x%llx,%u goes beyond 2^%u, the end of the "
				"guest's physical addresses",
				base, r->count, max);
	for (unsigned k = 0; k < n; k++)
		if (overlap(r->base, gicr_size(r), ranges[k].base, ranges[k].size))
			return vmm_fail(
			    VMM_USAGE, "--redist-region 0x%llx,%u: %s is there, at 0x%llx", base,
			    r->count, ranges[k].what, (unsigned long long)ranges[k].base);
	for (unsigned k = 0; k < i; k++)
		if (overlap(r->base, gicr_size(r), map->gicr[k].base, gicr_size(&map->gicr[k])))
			return vmm_fail(VMM_USAGE, "--redist-region 0x%llx,%u overlaps 0x%llx,%u",
					base, r->count, (unsigned long long)map->gicr[k].base,
					map->gicr[k].count);
	return 0;
}

static int take_regions(struct layout_map *map, const struct options *o, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < o->nr_redist; i++) {
		int status;

		map->gicr[i] = o->redist[i];
		map->nr_gicr = i + 1;
		status = check_region(map, i, max);
		if (status)
			return status;
		count += o->redist[i].count;
	}
	if (count < o->cpus)
		return vmm_fail(VMM_USAGE,
				"--redist-region: %u redistributors for %u CPUs: give %u more",
				count, o->cpus, o->cpus - count);
	return 0;
}

/* The redistributors of region @i that CPUs have: they fill the regions in order. */
static unsigned used(const struct layout_map *map, unsigned i, unsigned cpus)
{
	for (unsigned k = 0; k < i; k++)
		cpus -= map->gicr[k].count < cpus ? map->gicr[k].count : cpus;
	return cpus < map->gicr[i].count ? cpus : map->gicr[i].count;
}

/* The used region that begins where the full region @i ends, or -1. */
static int follower(const struct layout_map *map, unsigned i, unsigned cpus)
{
	const struct layout_gicr *r = &map->gicr[i];

	if (used(map, i, cpus) < r->count)
		return -1;
	for (unsigned k = 0; k < map->nr_gicr; k++)
		if (map->gicr[k].base == r->base + gicr_size(r) && used(map, k, cpus))
			return (int)k;
	return -1;
}

unsigned layout_merge_gicr(const struct layout_map *map, unsigned cpus,
			   struct layout_gicr r[LAYOUT_MAX_GICR])
{
	bool follows[LAYOUT_MAX_GICR] = {false};
	unsigned n = 0;

	for (unsigned i = 0; i < map->nr_gicr; i++) {
		int k = used(map, i, cpus) ? follower(map, i, cpus) : -1;

		if (k >= 0)
			follows[k] = true;
	}
	for (unsigned i = 0; i < map->nr_gicr; i++) {
		if (follows[i] || !used(map, i, cpus))
			continue;
		r[n] = map->gicr[i];
		for (int k = follower(map, i, cpus); k >= 0; k = follower(map, (unsigned)k, cpus))
			r[n].count += map->gicr[k].count;
		n++;
	}
	return n;
}

/* As many as go in front of the UART; the others where QEMU has them, or above RAM. */
static int place_redistributors(struct layout_map *map, unsigned cpus, unsigned max)
{
	const uint64_t end = UINT64_C(1) << max;
	struct layout_gicr *low = &map->gicr[0], *high = &map->gicr[1];

	map->nr_gicr = 1;
	low->base = LAYOUT_GICR;
	low->count = cpus < LAYOUT_GICR_LOW_MAX ? cpus : LAYOUT_GICR_LOW_MAX;
	if (cpus == low->count)
		return 0;
	map->nr_gicr = 2;
	high->count = cpus - low->count;
	high->base = LAYOUT_GICR_HIGH;
	if (overlap(high->base, gicr_size(high), map->ram_base, map->ram_size))
		high->base = (ram_end(map) + GIB - 1) & ~(GIB - 1);
	if (high->base < end && gicr_size(high) <= end - high->base)
		return 0;
	return vmm_fail(VMM_USAGE,
			"--cpus %u: beyond %u CPUs, room is needed at 0x%llx or above memory, and "
			"there is none below 2^%u, the end of the guest's physical addresses: give "
			"fewer CPUs, more --ipa-bits or less --memory",
			cpus, LAYOUT_GICR_LOW_MAX, (unsigned long long)LAYOUT_GICR_HIGH, max);
}

/* ---- PCI ---- */

/* How much is free from @base on: 0 if a redistributor is there. */
static uint64_t free_from(const struct layout_map *map, uint64_t base)
{
	uint64_t end = LAYOUT_PCI_END;

	if (base < LAYOUT_PCI || base >= end)
		return 0;
	for (unsigned i = 0; i < map->nr_gicr; i++) {
		const struct layout_gicr *r = &map->gicr[i];

		if (overlap(base, 1, r->base, gicr_size(r)))
			return 0;
		if (r->base > base && r->base < end)
			end = r->base;
	}
	return end - base;
}

/* The lowest of the largest free parts, which begins where something else ends. */
static int place_pci_window(struct layout_map *map)
{
	for (unsigned i = 0; i <= map->nr_gicr; i++) {
		const struct layout_gicr *r = &map->gicr[i ? i - 1 : 0];
		uint64_t base = i ? r->base + gicr_size(r) : LAYOUT_PCI;
		uint64_t size = free_from(map, base);

		if (size > map->pci_window_size ||
		    (size == map->pci_window_size && base < map->pci_window)) {
			map->pci_window = base;
			map->pci_window_size = size;
		}
	}
	if (map->pci_window_size >= LAYOUT_PCI_LEAST)
		return 0;
	return vmm_fail(VMM_USAGE,
			"--redist-region: leave 1M in one piece for PCI devices between 0x%llx "
			"and 0x%llx",
			(unsigned long long)LAYOUT_PCI, (unsigned long long)LAYOUT_PCI_END);
}

/* ---- All of it ---- */

int layout_plan(struct layout_map *map, const struct options *o, unsigned ipa_limit)
{
	uint64_t end;
	unsigned max = 0;
	int status = check_limit(o, ipa_limit, &max);

	memset(map, 0, sizeof(*map));
	if (!status)
		status = place_ram(map, o, max);
	map->gic_version = o->gic_version ? o->gic_version : 3;
	if (!status && o->nr_redist)
		status = take_regions(map, o, max);
	else if (!status && map->gic_version == 3)
		status = place_redistributors(map, o->cpus, max);
	if (!status)
		status = place_pci_window(map);
	if (status)
		return status;
	end = ram_end(map);
	for (unsigned i = 0; i < map->nr_gicr; i++)
		if (map->gicr[i].base + gicr_size(&map->gicr[i]) > end)
			end = map->gicr[i].base + gicr_size(&map->gicr[i]);
	map->ipa_bits = o->ipa_bits ? o->ipa_bits : usual_bits(max);
	if (map->ipa_bits < bits_for(end))
		map->ipa_bits = bits_for(end);
	return 0;
}

uint64_t layout_place(struct layout *l, const struct layout_map *map, uint64_t text_offset,
		      uint64_t kernel_size)
{
	const uint64_t ram = map->ram_size;
	uint64_t end, dtb;

	memset(l, 0, sizeof(*l));
	if (__builtin_add_overflow(text_offset, kernel_size, &end) || end > KERNEL_MAX)
		return UINT64_MAX;
	dtb = (end + LAYOUT_DTB_MAX - 1) & ~(LAYOUT_DTB_MAX - 1);
	if (dtb + LAYOUT_DTB_MAX > ram)
		return dtb + LAYOUT_DTB_MAX;
	l->kernel = map->ram_base + text_offset;
	l->kernel_room = ram - text_offset;
	l->dtb = map->ram_base + dtb;
	l->initrd = l->dtb + LAYOUT_DTB_MAX;
	l->initrd_room = ram - dtb - LAYOUT_DTB_MAX;
	return 0;
}
