/* SPDX-License-Identifier: MIT */
/*
 * Where the frames are: the distributor's address, a GICv2's CPU interface, the legacy
 * redistributor region that grows with the vCPUs, and the regions of fixed size. Checks and errors
 * are KVM's, in KVM's order; what it leaves unchecked until the first run is left so.
 *
 * A vCPU takes a slot in the first region with room, in the order in which vCPUs and regions come;
 * a vCPU that finds none waits for the next region.
 */
#include "gic/state.h"

#include "base/trace.h"

static uint64_t ipa_end(const struct am_gic *gic)
{
	return UINT64_C(1) << gic->config.ipa_bits;
}

/* Of a frame or region: -EINVAL misaligned or wrapping, -E2BIG beyond the IPA space. */
static int check_range(const struct am_gic *gic, uint64_t base, uint64_t size)
{
	if (!am_aligned(base, gic->v2 ? 0x1000 : 0x10000) || base + size < base)
		return -EINVAL;
	if (base >= ipa_end(gic) || base + size > ipa_end(gic))
		return -E2BIG;
	return 0;
}

static uint64_t dist_size(const struct am_gic *gic)
{
	return gic->v2 ? GIC_DIST2_SIZE : GIC_DIST_SIZE;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static uint64_t region_size(const struct am_gic *gic, const struct gic_region *r)
{
	return (r->count ? r->count : am_gic_nr_vcpus(gic)) * GIC_REDIST_SIZE;
}

static bool overlaps_dist(const struct am_gic *gic, uint64_t base, uint64_t size)
{
	uint64_t dist = am_gic_dist_base(gic);

	return dist != AM_GIC_UNDEF && overlap(dist, GIC_DIST_SIZE, base, size);
}

/* Regions may have grown, and the distributor may have come later. */
static bool layout_is_sound(const struct am_gic *gic)
{
	for (const struct gic_region *r = gic->regions; r; r = r->next) {
		uint64_t size = region_size(gic, r);

		if (r->base + size < r->base || r->base + size > ipa_end(gic))
			return false;
		if (overlaps_dist(gic, r->base, size))
			return false;
	}
	return true;
}

int gic_redist_attach(struct am_gic *gic, struct gic_cpu *cpu)
{
	struct gic_region *r = gic->regions;

	if (cpu->region)
		return 0;
	while (r && r->count && r->used >= r->count)
		r = r->next;
	if (!r)
		return 0;
	if (!layout_is_sound(gic))
		return -EINVAL;
	cpu->region = r;
	cpu->slot = r->used++;
	return 0;
}

/*
 * GICR_TYPER.Last, IHI 0069 12.11: the last redistributor of a run of frames. A region that begins
 * exactly where a full one ends continues it.
 */
static bool redist_is_last(const struct gic_cpu *cpu)
{
	const struct gic_region *mine = cpu->region, *r;

	if (!mine || cpu->slot + 1 < mine->used)
		return false;
	if (!mine->count || cpu->slot + 1 < mine->count)
		return true;
	for (r = cpu->gic->regions; r; r = r->next)
		if (r->used && r != mine && r->base == mine->base + mine->count * GIC_REDIST_SIZE)
			return false;
	return true;
}

void gic_layout_changed(struct am_gic *gic)
{
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++) {
		struct gic_cpu *cpu = gic_cpu_nth(gic, i);

		atomic_store_explicit(&cpu->last, redist_is_last(cpu), memory_order_relaxed);
	}
}

static int attach_all(struct am_gic *gic)
{
	int err = 0;

	for (unsigned i = 0; i < am_gic_nr_vcpus(gic) && !err; i++)
		err = gic_redist_attach(gic, gic_cpu_nth(gic, i));
	return err;
}

static void region_unlink_last(struct am_gic *gic)
{
	struct gic_region **link = &gic->regions, *prev = NULL, *last = gic->last_region;

	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++) {
		struct gic_cpu *cpu = gic_cpu_nth(gic, i);

		if (cpu->region == last)
			cpu->region = NULL;
	}
	while (*link != last) {
		prev = *link;
		link = &prev->next;
	}
	*link = NULL;
	gic->last_region = prev;
	gic->config.ops.free(gic->config.opaque, last, sizeof(*last));
}

/* Everything that KVM checks before it makes a region, in its order. */
static int check_region(const struct am_gic *gic, unsigned index, uint64_t base, unsigned count)
{
	const struct gic_region *r, *last = gic->last_region;
	uint64_t size = (count ? count : am_gic_nr_vcpus(gic)) * GIC_REDIST_SIZE;

	if (base + size < base)
		return -EINVAL;
	if (!last && index)
		return -EINVAL;
	if (last && !count)
		return last->count ? -EINVAL : -EEXIST;
	if (last && index != last->index + 1)
		return -EINVAL;
	if (!count && overlaps_dist(gic, base, size))
		return -EINVAL;
	for (r = gic->regions; r; r = r->next)
		if (overlap(r->base, region_size(gic, r), base, size))
			return -EINVAL;
	return check_range(gic, base, size);
}

static int region_add(struct am_gic *gic, unsigned index, uint64_t base, unsigned count)
{
	struct gic_region *r;
	int err = check_region(gic, index, base, count);

	if (err)
		return err;
	r = gic->config.ops.alloc(gic->config.opaque, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct gic_region){.base = base, .count = count, .index = index};
	if (gic->last_region)
		gic->last_region->next = r;
	else
		gic->regions = r;
	gic->last_region = r;
	err = attach_all(gic);
	if (err)
		region_unlink_last(gic);
	gic_layout_changed(gic);
	return err;
}

int am_gic_set_dist_base(struct am_gic *gic, uint64_t ipa)
{
	int err = -EEXIST;

	am_lock(&gic->lock);
	if (am_gic_dist_base(gic) == AM_GIC_UNDEF)
		err = check_range(gic, ipa, dist_size(gic));
	if (!err)
		atomic_store(&gic->dist_base, ipa);
	am_unlock(&gic->lock);
	return err;
}

int am_gic_set_cpuif_base(struct am_gic *gic, uint64_t ipa)
{
	int err = -EEXIST;

	if (!gic->v2)
		return -ENODEV;
	am_lock(&gic->lock);
	if (am_gic_cpuif_base(gic) == AM_GIC_UNDEF)
		err = check_range(gic, ipa, GIC_CPUIF_SIZE);
	if (!err)
		atomic_store(&gic->cpuif_base, ipa);
	am_unlock(&gic->lock);
	return err;
}

uint64_t am_gic_cpuif_base(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->cpuif_base, memory_order_relaxed);
}

uint64_t am_gic_dist_base(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->dist_base, memory_order_relaxed);
}

int am_gic_set_redist_base(struct am_gic *gic, uint64_t ipa)
{
	int err;

	if (gic->v2)
		return -ENODEV;
	am_lock(&gic->lock);
	err = region_add(gic, 0, ipa, 0);
	am_unlock(&gic->lock);
	return err;
}

uint64_t am_gic_redist_base(const struct am_gic *const_gic)
{
	struct am_gic *gic = (struct am_gic *)const_gic;
	uint64_t base;

	am_lock(&gic->lock);
	base = gic->regions ? gic->regions->base : AM_GIC_UNDEF;
	am_unlock(&gic->lock);
	return base;
}

int am_gic_add_redist_region(struct am_gic *gic, uint64_t value)
{
	unsigned count = (unsigned)am_bits(value, 63, 52);
	int err;

	if (gic->v2)
		return -ENODEV;
	if (!count || am_bits(value, 15, 12))
		return -EINVAL;
	am_lock(&gic->lock);
	err = region_add(gic, (unsigned)am_bits(value, 11, 0), value & AM_MASK(51, 16), count);
	am_unlock(&gic->lock);
	return err;
}

int am_gic_get_redist_region(const struct am_gic *const_gic, uint64_t *value)
{
	struct am_gic *gic = (struct am_gic *)const_gic;
	unsigned index = *value & 0xff; /* as KVM: of the 12 bits of the index it reads 8 */
	const struct gic_region *r;

	am_lock(&gic->lock);
	r = gic->regions;
	while (r && r->index != index)
		r = r->next;
	if (r)
		*value = (uint64_t)r->count << 52 | r->base | index;
	am_unlock(&gic->lock);
	return r ? 0 : -ENOENT;
}

static void unmap(struct am_gic *gic, struct am_bus *bus)
{
	am_bus_remove(bus, &gic->frame.frame);
	am_bus_remove(bus, &gic->gicc_frame.frame);
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++)
		am_bus_remove(bus, &gic_cpu_nth(gic, i)->frame.frame);
}

static int check_complete(const struct am_gic *gic)
{
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++)
		if (!gic_cpu_nth(gic, i)->region)
			return -ENXIO;
	if (am_gic_dist_base(gic) == AM_GIC_UNDEF)
		return -ENXIO;
	if (!layout_is_sound(gic))
		return -EINVAL;
	return am_gic_initialized(gic) ? 0 : -EBUSY;
}

/* A GICv2 that nobody has initialised is now. */
static int check_complete2(struct am_gic *gic)
{
	uint64_t dist = am_gic_dist_base(gic), cpuif = am_gic_cpuif_base(gic);

	if (dist == AM_GIC_UNDEF || cpuif == AM_GIC_UNDEF)
		return -ENXIO;
	if (overlap(dist, GIC_DIST2_SIZE, cpuif, GIC_CPUIF_SIZE))
		return -EINVAL;
	return am_gic_initialized(gic) ? 0 : gic_init_locked(gic);
}

static int map_frames(struct am_gic *gic, struct am_bus *bus)
{
	int err = am_bus_add_over(bus, am_gic_dist_base(gic), &gic->frame.frame);

	if (gic->v2 && !err)
		err = am_bus_add_over(bus, am_gic_cpuif_base(gic), &gic->gicc_frame.frame);
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic) && !gic->v2 && !err; i++) {
		struct gic_cpu *cpu = gic_cpu_nth(gic, i);

		err = am_bus_add_over(bus, cpu->region->base + cpu->slot * GIC_REDIST_SIZE,
				      &cpu->frame.frame);
	}
	if (err)
		unmap(gic, bus);
	return err;
}

int am_gic_map(struct am_gic *gic, struct am_bus *bus)
{
	int err = 0;

	am_lock(&gic->lock);
	if (!gic->bus) {
		err = gic->v2 ? check_complete2(gic) : check_complete(gic);
		if (!err)
			err = map_frames(gic, bus);
		if (!err)
			gic->bus = bus;
		AM_TRACE(gic_map, (unsigned long long)am_gic_dist_base(gic),
			 (unsigned long long)(gic->regions ? gic->regions->base : AM_GIC_UNDEF),
			 err);
	}
	am_unlock(&gic->lock);
	return err;
}

bool am_gic_mapped(const struct am_gic *const_gic)
{
	struct am_gic *gic = (struct am_gic *)const_gic;
	bool mapped;

	am_lock(&gic->lock);
	mapped = gic->bus != NULL;
	am_unlock(&gic->lock);
	return mapped;
}

void gic_layout_finish(struct am_gic *gic)
{
	struct gic_region *r, *next;

	if (gic->bus)
		unmap(gic, gic->bus);
	for (r = gic->regions; r; r = next) {
		next = r->next;
		gic->config.ops.free(gic->config.opaque, r, sizeof(*r));
	}
}
