/* SPDX-License-Identifier: MIT */
/*
 * An ITS's life, its place in the address space, and what it is for: translating messages.
 */
#include "gic/hot.h"
#include "gic/its.h"

/* ---- life ---- */

static void *its_alloc(struct am_gic *gic, size_t size)
{
	void *p = gic->config.ops.alloc(gic->config.opaque, size);

	if (p)
		memset(p, 0, size);
	return p;
}

static void its_free(struct am_gic *gic, void *p, size_t size)
{
	if (p)
		gic->config.ops.free(gic->config.opaque, p, size);
}

/* Gives the ITS a number and shows it to am_gic_msi. */
static int its_enlist(struct am_gic *gic, struct am_its *its)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	unsigned n = 0;

	am_lock(&lpis->lock);
	while (n < AM_ITS_MAX && atomic_load_explicit(&lpis->its[n], memory_order_relaxed))
		n++;
	if (n < AM_ITS_MAX) {
		its->number = n;
		atomic_store_explicit(&lpis->its[n], its, memory_order_release);
		if (n >= atomic_load_explicit(&lpis->nr_its, memory_order_relaxed))
			atomic_store_explicit(&lpis->nr_its, n + 1, memory_order_release);
		atomic_store(&gic->propbaser, GIC_PROPBASER_RESET);
	}
	am_unlock(&lpis->lock);
	return n < AM_ITS_MAX ? 0 : -ENOSPC;
}

int am_its_create(struct am_gic *gic, const struct am_its_config *config, struct am_its **out)
{
	struct am_its *its;
	int err;

	*out = NULL;
	if (!config || !config->ops.read || !config->ops.write)
		return -EINVAL;
	if (gic->v2)
		return -ENODEV;
	its = its_alloc(gic, sizeof(*its));
	if (!its)
		return -ENOMEM;
	its->gic = gic;
	its->config = *config;
	if (!its->config.max_bytes)
		its->config.max_bytes = AM_ITS_DEFAULT_BYTES;
	am_lock_init(&its->lock);
	atomic_init(&its->base, AM_GIC_UNDEF);
	atomic_init(&its->epoch, 1);
	its->first_coll = its->last_coll = ITS_NO_ICID;
	its_regs_reset(its);
	its->index = its_alloc(gic, am_reg_index_size(&its_table));
	err = its->index ? gic_lpis_create(gic, &config->ops, config->opaque) : -ENOMEM;
	if (!err)
		err = its_enlist(gic, its);
	if (err) {
		its_free(gic, its->index, am_reg_index_size(&its_table));
		its_free(gic, its, sizeof(*its));
		return err;
	}
	am_reg_index_build(&its_table, its->index);
	am_reg_frame_init(&its->frame, &its_table, its->index, its, 0);
	*out = its;
	return 0;
}

void am_its_destroy(struct am_its *its)
{
	struct gic_lpis *lpis;
	struct am_gic *gic;

	if (!its)
		return;
	gic = its->gic;
	lpis = gic_lpis_get(gic);
	if (its->config.bus)
		am_bus_remove(its->config.bus, &its->frame.frame);
	am_lock(&its->lock);
	its_unmap_devices(its);
	its_delete_colls(its);
	am_unlock(&its->lock);
	atomic_store_explicit(&lpis->its[its->number], NULL, memory_order_release);
	its_map_finish(its);
	its_free(gic, its->index, am_reg_index_size(&its_table));
	its_free(gic, its, sizeof(*its));
}

bool am_gic_has_its(const struct am_gic *gic)
{
	return gic_lpis_get(gic) != NULL;
}

/* ---- the frame ---- */

uint64_t am_its_base(const struct am_its *its)
{
	return atomic_load_explicit(&its->base, memory_order_acquire);
}

static int its_check_base(const struct am_its *its, uint64_t ipa)
{
	uint64_t end = UINT64_C(1) << its->gic->config.ipa_bits;

	if (am_its_base(its) != AM_GIC_UNDEF)
		return -EEXIST;
	if (!am_aligned(ipa, ITS_PAGE) || ipa + AM_ITS_SIZE < ipa)
		return -EINVAL;
	return ipa >= end || ipa + AM_ITS_SIZE > end ? -E2BIG : 0;
}

int am_its_set_base(struct am_its *its, uint64_t ipa)
{
	int err;

	am_lock(&its->lock);
	err = its_check_base(its, ipa);
	if (!err && its->config.bus)
		err = am_bus_add_over(its->config.bus, ipa, &its->frame.frame);
	if (!err)
		atomic_store_explicit(&its->base, ipa, memory_order_release);
	am_unlock(&its->lock);
	return err;
}

/* ---- messages ---- */

void its_forget(struct am_its *its)
{
	uint32_t epoch = atomic_load_explicit(&its->epoch, memory_order_relaxed), next;

	do
		next = epoch == EVENT_EPOCH_MASK ? 1 : epoch + 1;
	while (!atomic_compare_exchange_weak(&its->epoch, &epoch, next));
}

void its_forget_all(struct am_gic *gic)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	unsigned nr = atomic_load_explicit(&lpis->nr_its, memory_order_acquire);

	for (unsigned i = 0; i < nr; i++) {
		struct am_its *its = atomic_load_explicit(&lpis->its[i], memory_order_acquire);

		if (its)
			its_forget(its);
	}
}

static inline bool its_seq_is(const struct am_its *its, unsigned seq)
{
	return atomic_load_explicit(&its->seq, memory_order_relaxed) == seq;
}

/* The place of the event's word as of @seq, NULL if there is none. Loads are checked before use. */
static inline its_word *its_find(const struct am_its *its, uint32_t devid, uint32_t event,
				 unsigned seq)
{
	const struct its_device *dev;
	unsigned bits, shift;
	void *at;

	dev = atomic_load_explicit(&its->devs[devid / ITS_CHUNK], memory_order_acquire);
	if (!dev)
		return NULL;
	dev += devid % ITS_CHUNK;
	at = atomic_load_explicit(&dev->root, memory_order_acquire);
	bits = atomic_load_explicit(&dev->bits, memory_order_acquire);
	if (!at || event >> bits || !its_seq_is(its, seq))
		return NULL;
	if (am_likely(bits <= ITS_LEAF_BITS))
		return (its_word *)at + event;
	for (shift = bits > 2 * ITS_LEAF_BITS ? 2 * ITS_LEAF_BITS : ITS_LEAF_BITS; shift;
	     shift -= ITS_LEAF_BITS) {
		struct its_node *node = at;

		at = atomic_load_explicit(&node->child[event >> shift & (ITS_LEAF - 1)],
					  memory_order_acquire);
		if (!at || !its_seq_is(its, seq))
			return NULL;
	}
	return (its_word *)at + (event & (ITS_LEAF - 1));
}

static inline uint64_t its_translate(struct am_its *its, uint32_t devid, uint32_t event,
				     its_word **place)
{
	unsigned spins = 0;

	if (devid >= ITS_NR_IDS || event >= ITS_NR_IDS)
		return 0;
	for (;;) {
		unsigned seq = atomic_load_explicit(&its->seq, memory_order_acquire);
		its_word *word = its_find(its, devid, event, seq);
		uint64_t w = word ? atomic_load_explicit(word, memory_order_acquire) : 0;

		*place = word;
		if (am_likely(!(seq & 1) && its_seq_is(its, seq)))
			return w;
		am_cpu_relax(spins++);
	}
}

static inline void its_post(struct am_gic *gic, unsigned intid)
{
	struct gic_irq *irq = gic_lpi_irq(gic, intid);
	struct gic_cpu *cpu;
	unsigned flags;

	if (!irq)
		return;
	cpu = gic_irq_lock(gic, irq);
	flags = gic_irq_flags(irq);
	/* It may have been unmapped meanwhile. */
	if ((flags & (GIC_GROUP1 | GIC_LATCH)) == GIC_GROUP1) {
		gic_irq_change(cpu, irq, GIC_LATCH, 0);
		gic_cpu_update(cpu);
	}
	am_unlock(&cpu->lock);
}

/* KVM would have the translation in its cache from now on. */
static AM_NOINLINE void its_remember(its_word *word, uint64_t w, uint32_t epoch)
{
	uint64_t mark = (uint64_t)epoch << EVENT_EPOCH_SHIFT;

	atomic_compare_exchange_strong(word, &w, (w & (AM_BIT(EVENT_EPOCH_SHIFT) - 1)) | mark);
}

int am_its_msi(struct am_its *its, uint32_t devid, uint32_t event)
{
	uint32_t epoch = atomic_load_explicit(&its->epoch, memory_order_acquire);
	struct gic_cpu *cpu;
	its_word *word = NULL;
	uint64_t w;

	if (!atomic_load_explicit(&its->enabled, memory_order_acquire))
		return -EBUSY;
	w = its_translate(its, devid, event, &word);
	if (am_unlikely(EVENT_EPOCH(w) != epoch)) {
		if (!w || EVENT_CPU(w) == ITS_NO_CPU) {
			AM_TRACE(its_msi_drop, devid, event);
			return 0;
		}
		cpu = its->gic->cpus[EVENT_CPU(w)];
		if (!atomic_load_explicit(&cpu->lpis, memory_order_acquire))
			return -EBUSY;
		its_remember(word, w, epoch);
	}
	AM_TRACE(its_msi, devid, event, EVENT_INTID(w));
	its_post(its->gic, EVENT_INTID(w));
	return 1;
}

int am_gic_msi(struct am_gic *gic, uint64_t address, bool has_devid, uint32_t devid, uint32_t data)
{
	struct gic_lpis *lpis = gic_lpis_get(gic);
	struct am_its *its = NULL;
	its_word *word;
	unsigned nr;

	if (!lpis)
		return -ENODEV;
	nr = atomic_load_explicit(&lpis->nr_its, memory_order_acquire);
	for (unsigned i = 0;; i++) {
		uint64_t base;

		if (i == nr)
			return -EINVAL;
		its = atomic_load_explicit(&lpis->its[i], memory_order_acquire);
		base = its ? am_its_base(its) : AM_GIC_UNDEF;
		if (base != AM_GIC_UNDEF && address - base < AM_ITS_SIZE)
			break;
	}
	if (am_unlikely(!has_devid) && EVENT_EPOCH(its_translate(its, devid, data, &word)) !=
					   atomic_load_explicit(&its->epoch, memory_order_relaxed))
		return -EINVAL;
	return am_its_msi(its, devid, data);
}
