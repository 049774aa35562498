/* SPDX-License-Identifier: MIT */
/*
 * A GIC's life: creation, vCPUs, init, end; and the interrupts that devices raise. See state.h for
 * who may touch what.
 */
#include "base/cstring.h"
#include "gic/hot.h"

#include "base/trace.h"

enum { GIC_PENDBASER_RESET = 0x580 };

static void *gic_alloc(struct am_gic *gic, size_t size)
{
	void *p = gic->config.ops.alloc(gic->config.opaque, size);

	if (p)
		memset(p, 0, size);
	return p;
}

static void gic_free(struct am_gic *gic, void *p, size_t size)
{
	if (p)
		gic->config.ops.free(gic->config.opaque, p, size);
}

static bool nr_irqs_ok(unsigned nr)
{
	return nr >= 64 && nr <= AM_GIC_MAX_IRQS && nr % 32 == 0;
}

enum { GIC_CACHE_LINES = 128 }; /* processors fetch two at a time */

/* vCPUs begin at cache lines, so that they do not disturb each other. */
static struct gic_cpu *gic_cpu_alloc(struct am_gic *gic)
{
	void *memory = gic_alloc(gic, sizeof(struct gic_cpu) + GIC_CACHE_LINES);
	struct gic_cpu *cpu;

	if (!memory)
		return NULL;
	cpu = (struct gic_cpu *)am_align_up((uintptr_t)memory, GIC_CACHE_LINES);
	cpu->memory = memory;
	return cpu;
}

static void gic_cpu_free(struct am_gic *gic, struct gic_cpu *cpu)
{
	gic_free(gic, cpu->memory, sizeof(*cpu) + GIC_CACHE_LINES);
}

static unsigned nr_spi_blocks(unsigned nr_irqs)
{
	return nr_irqs / 32 - 1;
}

static bool config_ok(const struct am_gic_config *c)
{
	unsigned max = c && c->version == 2 ? AM_GIC_V2_MAX_VCPUS : AM_GIC_MAX_VCPUS;

	return c && (!c->version || c->version == 2 || c->version == 3) &&
	       c->ops.irq_line_changed && c->ops.alloc && c->ops.free && c->max_vcpus <= max &&
	       c->ipa_bits <= 52 && (!c->ipa_bits || c->ipa_bits >= 17) &&
	       (!c->nr_irqs || nr_irqs_ok(c->nr_irqs));
}

static void gic_cpu_init(struct am_gic *gic, struct gic_cpu *cpu, unsigned id, uint64_t mpidr)
{
	am_lock_init(&cpu->lock);
	cpu->id = (uint16_t)id;
	cpu->gic = gic;
	atomic_init(&cpu->mpidr, mpidr);
	atomic_init(&cpu->pendbaser, GIC_PENDBASER_RESET);
	atomic_init(&cpu->lines, 0);
	cpu->levels[0] = cpu->levels[1] = 0;
	for (unsigned i = 0; i < 2 * GIC_LEVELS; i++)
		cpu->list[i] = (struct gic_list){GIC_SPURIOUS, GIC_SPURIOUS};
	gic_cpuif_init(&cpu->ifc, gic->v2);
	gic_block_init(gic, &cpu->block, 0, id);
	cpu->port = (struct gic_port){.gic = gic, .cpu = cpu};
	am_reg_frame_init(&cpu->frame, &gic_redist_table, gic->second_index, &cpu->port,
			  GIC_NR_PRIVATE);
}

static const struct am_reg_table *dist_table(const struct am_gic *gic)
{
	return gic->v2 ? &gic_dist2_table : &gic_dist_table;
}

/* The table of the other kind of frame: redistributors, or the CPU interface. */
static const struct am_reg_table *second_table(const struct am_gic *gic)
{
	return gic->v2 ? &gic_gicc_table : &gic_redist_table;
}

static int gic_frames_init(struct am_gic *gic)
{
	gic->dist_index = gic_alloc(gic, am_reg_index_size(dist_table(gic)));
	gic->second_index = gic_alloc(gic, am_reg_index_size(second_table(gic)));
	if (!gic->dist_index || !gic->second_index)
		return -ENOMEM;
	am_reg_index_build(dist_table(gic), gic->dist_index);
	am_reg_index_build(second_table(gic), gic->second_index);
	gic->port = (struct gic_port){.gic = gic};
	am_reg_frame_init(&gic->frame, dist_table(gic), gic->dist_index, &gic->port,
			  am_gic_nr_irqs(gic));
	if (gic->v2)
		am_reg_frame_init(&gic->gicc_frame, &gic_gicc_table, gic->second_index, &gic->port,
				  0);
	return 0;
}

int am_gic_create(const struct am_gic_config *config, struct am_gic **out)
{
	struct am_gic *gic;

	*out = NULL;
	if (!config_ok(config))
		return -EINVAL;
	gic = config->ops.alloc(config->opaque, sizeof(*gic));
	if (!gic)
		return -ENOMEM;
	memset(gic, 0, sizeof(*gic));
	gic->config = *config;
	gic->v2 = config->version == 2;
	gic->config.version = gic->v2 ? 2 : 3;
	if (!gic->config.max_vcpus)
		gic->config.max_vcpus = gic->v2 ? AM_GIC_V2_MAX_VCPUS : AM_GIC_MAX_VCPUS;
	if (!gic->config.ipa_bits)
		gic->config.ipa_bits = 40;
	am_lock_init(&gic->lock);
	atomic_init(&gic->nr_irqs, config->nr_irqs ? config->nr_irqs : GIC_NR_PRIVATE);
	gic->nr_irqs_set = config->nr_irqs != 0;
	atomic_init(&gic->dist_base, AM_GIC_UNDEF);
	atomic_init(&gic->cpuif_base, AM_GIC_UNDEF);
	atomic_init(&gic->revision, 3);
	if (gic_frames_init(gic)) {
		am_gic_destroy(gic);
		return -ENOMEM;
	}
	gic_cpu_init(gic, &gic->limbo, GIC_LIMBO, AM_GIC_UNDEF);
	*out = gic;
	return 0;
}

void am_gic_destroy(struct am_gic *gic)
{
	if (!gic)
		return;
	gic_lpis_destroy(gic);
	gic_layout_finish(gic);
	gic_free(gic, gic->spis, nr_spi_blocks(am_gic_nr_irqs(gic)) * sizeof(struct gic_block));
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++)
		gic_cpu_free(gic, gic_cpu_nth(gic, i));
	gic_free(gic, gic->dist_index, am_reg_index_size(dist_table(gic)));
	gic_free(gic, gic->second_index, am_reg_index_size(second_table(gic)));
	gic_free(gic, gic, sizeof(*gic));
}

/* ---- vCPUs ---- */

unsigned am_gic_nr_vcpus(const struct am_gic *gic)
{
	return gic_nr_cpus(gic);
}

/* While vCPUs are added only those already counted are looked at. */
struct gic_cpu *gic_cpu_get_early(const struct am_gic *gic, unsigned vcpu)
{
	unsigned nr = am_gic_nr_vcpus(gic);

	for (unsigned i = 0; i < nr; i++)
		if (gic->order[i] == vcpu)
			return gic->cpus[vcpu];
	return NULL;
}

/* The vCPU number from which KVM makes this affinity. */
static uint64_t regular_vcpu(uint64_t affinity)
{
	return am_bits(affinity, 3, 0) | am_bits(affinity, 15, 8) << 4 |
	       am_bits(affinity, 23, 16) << 12;
}

static bool is_regular(unsigned vcpu, uint64_t mpidr)
{
	return (mpidr & GIC_AFFINITY) ==
	       ((vcpu & 15) | (vcpu >> 4 & 0xff) << 8 | (uint64_t)(vcpu >> 12) << 16);
}

static unsigned affinity_hash(uint64_t affinity)
{
	_Static_assert(2 * AM_GIC_MAX_VCPUS == 1 << 10, "ten bits of hash");
	return (unsigned)(affinity * UINT64_C(0x9e3779b97f4a7c15) >> 54);
}

static uint64_t cpu_affinity(const struct gic_cpu *cpu)
{
	return atomic_load_explicit(&cpu->mpidr, memory_order_relaxed) & GIC_AFFINITY;
}

/*
 * An affinity is new or has changed; [config]. Of several vCPUs with one affinity the first counts,
 * as in KVM. A lookup at this moment may miss an entry, and searches then.
 */
static void affinity_changed(struct am_gic *gic, unsigned vcpu, uint64_t mpidr)
{
	if (!is_regular(vcpu, mpidr))
		atomic_store_explicit(&gic->irregular, true, memory_order_relaxed);
	if (!atomic_load_explicit(&gic->irregular, memory_order_relaxed))
		return;
	for (unsigned i = 0; i < AM_ARRAY_SIZE(gic->by_affinity); i++)
		atomic_store_explicit(&gic->by_affinity[i], 0, memory_order_relaxed);
	for (unsigned i = 0; i < am_gic_nr_vcpus(gic); i++) {
		unsigned at = affinity_hash(cpu_affinity(gic_cpu_nth(gic, i)));

		while (atomic_load_explicit(&gic->by_affinity[at], memory_order_relaxed))
			at = (at + 1) % AM_ARRAY_SIZE(gic->by_affinity);
		atomic_store_explicit(&gic->by_affinity[at], (uint16_t)(i + 1),
				      memory_order_relaxed);
	}
}

static AM_NOINLINE struct gic_cpu *find_affinity(const struct am_gic *gic, uint64_t affinity)
{
	unsigned at = affinity_hash(affinity), nr = am_gic_nr_vcpus(gic), n;

	for (unsigned i = 0; i < AM_ARRAY_SIZE(gic->by_affinity); i++) {
		n = atomic_load_explicit(&gic->by_affinity[at], memory_order_relaxed);
		if (!n)
			break;
		if (n <= nr && cpu_affinity(gic_cpu_nth(gic, n - 1)) == affinity)
			return gic_cpu_nth(gic, n - 1);
		at = (at + 1) % AM_ARRAY_SIZE(gic->by_affinity);
	}
	for (unsigned i = 0; i < nr; i++)
		if (cpu_affinity(gic_cpu_nth(gic, i)) == affinity)
			return gic_cpu_nth(gic, i);
	return NULL;
}

/* While all affinities are KVM's own, the number says where to look. */
struct gic_cpu *gic_cpu_by_affinity(const struct am_gic *gic, uint64_t affinity)
{
	uint64_t guess = regular_vcpu(affinity);

	affinity &= GIC_AFFINITY;
	if (am_unlikely(atomic_load_explicit(&gic->irregular, memory_order_relaxed)))
		return find_affinity(gic, affinity);
	if (guess < AM_GIC_MAX_VCPUS && is_regular((unsigned)guess, affinity))
		return gic_cpu_get(gic, (unsigned)guess);
	return NULL;
}

struct gic_cpu *gic_route_cpu(const struct am_gic *gic, uint32_t route)
{
	if (!gic->v2)
		return gic_cpu_by_affinity(gic, route);
	/* The first of the targets; when there is none KVM leaves the interrupt with vCPU 0. */
	return gic_nr_cpus(gic) ? gic_cpu_nth(gic, route ? (unsigned)__builtin_ctz(route) : 0)
				: NULL;
}

static int add_vcpu(struct am_gic *gic, unsigned vcpu, uint64_t mpidr)
{
	unsigned nr = am_gic_nr_vcpus(gic);
	struct gic_cpu *cpu;
	int err;

	if (atomic_load(&gic->ready))
		return -EBUSY;
	if (vcpu >= gic->config.max_vcpus)
		return -EINVAL;
	if (gic->cpus[vcpu])
		return -EEXIST;
	cpu = gic_cpu_alloc(gic);
	if (!cpu)
		return -ENOMEM;
	gic_cpu_init(gic, cpu, vcpu, mpidr);
	/* As in KVM the legacy region does not count the new vCPU when it is checked. */
	err = gic_redist_attach(gic, cpu);
	if (err) {
		gic_cpu_free(gic, cpu);
		return err;
	}
	cpu->nth = (uint16_t)nr;
	gic->cpus[vcpu] = cpu;
	gic->order[nr] = (uint16_t)vcpu;
	atomic_store_explicit(&gic->nr_cpus, nr + 1, memory_order_release);
	affinity_changed(gic, vcpu, mpidr);
	gic_layout_changed(gic);
	return 0;
}

int am_gic_add_vcpu(struct am_gic *gic, unsigned vcpu, uint64_t mpidr)
{
	int err;

	am_lock(&gic->lock);
	err = add_vcpu(gic, vcpu, mpidr);
	am_unlock(&gic->lock);
	return err;
}

int am_gic_set_mpidr(struct am_gic *gic, unsigned vcpu, uint64_t mpidr)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	if (!cpu)
		return -EINVAL;
	am_lock(&gic->lock);
	atomic_store_explicit(&cpu->mpidr, mpidr, memory_order_relaxed);
	affinity_changed(gic, vcpu, mpidr);
	am_unlock(&gic->lock);
	return 0;
}

int am_gic_reset_vcpu(struct am_gic *gic, unsigned vcpu)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);
	struct gic_block fresh;

	if (!cpu)
		return -EINVAL;
	gic_block_init(gic, &fresh, 0, vcpu);
	am_lock(&cpu->lock);
	gic_cpuif_init(&cpu->ifc, gic->v2);
	for (unsigned i = 0; i < GIC_NR_PRIVATE; i++) {
		struct gic_irq *irq = &cpu->block.irq[i];

		atomic_store_explicit(&irq->sources, 0, memory_order_relaxed);
		gic_irq_set_priority(cpu, irq, 0);
		gic_irq_change(cpu, irq, gic_irq_flags(&fresh.irq[i]),
			       0xff & ~(GIC_LINE | GIC_OWNED));
	}
	gic_cpuif_changed(cpu);
	am_unlock(&cpu->lock);
	return 0;
}

/* ---- init ---- */

int am_gic_set_nr_irqs(struct am_gic *gic, unsigned nr_irqs)
{
	int err = -EBUSY;

	if (!nr_irqs_ok(nr_irqs))
		return -EINVAL;
	am_lock(&gic->lock);
	if (!gic->nr_irqs_set && !atomic_load(&gic->ready)) {
		atomic_store(&gic->nr_irqs, nr_irqs);
		gic->frame.nr_irqs = nr_irqs;
		gic->nr_irqs_set = true;
		err = 0;
	}
	am_unlock(&gic->lock);
	return err;
}

unsigned am_gic_nr_irqs(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->nr_irqs, memory_order_relaxed);
}

/* [config] */
int gic_init_locked(struct am_gic *gic)
{
	unsigned nr = gic->nr_irqs_set ? am_gic_nr_irqs(gic) : GIC_DEFAULT_IRQS;
	unsigned home = am_gic_nr_vcpus(gic) ? gic->order[0] : GIC_LIMBO;
	struct gic_block *spis = gic_alloc(gic, nr_spi_blocks(nr) * sizeof(*spis));

	if (!spis)
		return -ENOMEM;
	for (unsigned i = 0; i < nr_spi_blocks(nr); i++)
		gic_block_init(gic, &spis[i], (i + 1) * 32, home);
	gic->spis = spis;
	atomic_store(&gic->nr_irqs, nr);
	gic->frame.nr_irqs = nr;
	AM_TRACE(gic_init, nr, am_gic_nr_vcpus(gic));
	/* Everything above is seen by who sees this. */
	atomic_store_explicit(&gic->ready, true, memory_order_release);
	return 0;
}

int am_gic_init(struct am_gic *gic)
{
	int err = 0;

	am_lock(&gic->lock);
	if (!atomic_load(&gic->ready))
		err = gic_init_locked(gic);
	am_unlock(&gic->lock);
	return err;
}

int am_gic_lazy_init(struct am_gic *gic)
{
	if (am_likely(am_gic_initialized(gic)))
		return 0;
	return gic->v2 ? am_gic_init(gic) : -EBUSY;
}

unsigned am_gic_version(const struct am_gic *gic)
{
	return gic->config.version;
}

bool am_gic_initialized(const struct am_gic *gic)
{
	return atomic_load_explicit(&gic->ready, memory_order_acquire);
}

/* ---- interrupts in, lines out ---- */

int am_gic_set_spi(struct am_gic *gic, unsigned intid, bool level)
{
	struct gic_irq *irq;
	int err;

	if (intid < GIC_NR_PRIVATE)
		return -EINVAL;
	err = am_gic_lazy_init(gic);
	if (err)
		return err;
	irq = gic_irq_get(gic, NULL, intid);
	if (!irq)
		return -EINVAL;
	AM_TRACE(gic_line, -1, intid, level);
	gic_irq_input(gic, irq, level);
	return 0;
}

int am_gic_own_ppi(struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	if (!cpu || intid < GIC_NR_SGIS || intid >= GIC_NR_PRIVATE)
		return -EINVAL;
	gic_irq_update(gic, &cpu->block.irq[intid], GIC_OWNED, 0);
	return 0;
}

bool am_gic_ppi_is_owned(const struct am_gic *gic, unsigned vcpu, unsigned intid)
{
	const struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	return cpu && intid < GIC_NR_PRIVATE && (gic_irq_flags(&cpu->block.irq[intid]) & GIC_OWNED);
}

int am_gic_set_ppi(struct am_gic *gic, unsigned vcpu, unsigned intid, bool level)
{
	struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);
	int err;

	if (!cpu || intid < GIC_NR_SGIS || intid >= GIC_NR_PRIVATE)
		return -EINVAL;
	err = am_gic_lazy_init(gic);
	if (err)
		return err;
	AM_TRACE(gic_line, (int)vcpu, intid, level);
	gic_irq_input(gic, &cpu->block.irq[intid], level);
	return 0;
}

unsigned am_gic_irq_pending(const struct am_gic *gic, unsigned vcpu)
{
	const struct gic_cpu *cpu = gic_cpu_get(gic, vcpu);

	return cpu ? atomic_load_explicit(&cpu->lines, memory_order_acquire) : 0;
}
