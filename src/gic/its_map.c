/* SPDX-License-Identifier: MIT */
/*
 * What the guest has mapped: devices with their events, and collections. See its.h for how it lies
 * in memory and why memory stays what it is. Everything here is done with the ITS's lock held.
 */
#include "gic/its.h"

/* ---- memory ---- */

enum { SLAB_OBJECTS = 4, SLAB_BYTES = 8192 };

/* Zeroed; NULL when there is none, or the ITS has had its share. */
static void *map_alloc(struct am_its *its, size_t size)
{
	void *p;

	if (size > its->config.max_bytes - its->bytes)
		return NULL;
	p = its->gic->config.ops.alloc(its->gic->config.opaque, size);
	if (!p)
		return NULL;
	memset(p, 0, size);
	its->bytes += size;
	return p;
}

static void map_free(struct am_its *its, void *p, size_t size)
{
	if (p)
		its->gic->config.ops.free(its->gic->config.opaque, p, size);
}

static size_t pool_size(unsigned class)
{
	return class == ITS_NODES ? sizeof(struct its_node) : sizeof(its_word) << class;
}

static bool pool_grow(struct am_its *its, unsigned class)
{
	struct its_pool *pool = &its->pool[class];
	size_t size = pool_size(class), n = pool->grown < SLAB_OBJECTS ? SLAB_OBJECTS : pool->grown;
	struct its_slab *slab;

	if (n > SLAB_BYTES / size)
		n = SLAB_BYTES / size;
	slab = map_alloc(its, sizeof(*slab) + n * size);
	if (!slab)
		return false;
	slab->next = its->slabs;
	slab->size = sizeof(*slab) + n * size;
	its->slabs = slab;
	pool->at = slab->bytes;
	pool->end = slab->bytes + n * size;
	pool->grown += (unsigned)n;
	return true;
}

/*
 * An object of zeroes. Those that were freed are chained by their first word, an atomic like the
 * rest: a translation may still be looking.
 */
static void *pool_get(struct am_its *its, unsigned class)
{
	struct its_pool *pool = &its->pool[class];
	_Atomic(void *) *first = pool->free;
	void *p;

	if (first) {
		pool->free = atomic_load_explicit(first, memory_order_relaxed);
		atomic_store_explicit(first, NULL, memory_order_release);
		return first;
	}
	if (pool->at == pool->end && !pool_grow(its, class))
		return NULL;
	p = pool->at;
	pool->at += pool_size(class);
	return p;
}

/* @p is all zeroes. */
static void pool_put(struct am_its *its, unsigned class, void *p)
{
	struct its_pool *pool = &its->pool[class];

	atomic_store_explicit((_Atomic(void *) *)p, pool->free, memory_order_release);
	pool->free = p;
}

_Static_assert(sizeof(_Atomic(void *)) <= sizeof(its_word), "the chain is in the first word");

void its_map_finish(struct am_its *its)
{
	struct its_slab *slab, *next;

	for (slab = its->slabs; slab; slab = next) {
		next = slab->next;
		map_free(its, slab, slab->size);
	}
	map_free(its, its->far, GIC_FIRST_LPI * sizeof(*its->far));
	for (unsigned i = 0; i < ITS_NR_CHUNKS; i++) {
		map_free(its, atomic_load_explicit(&its->devs[i], memory_order_relaxed),
			 ITS_CHUNK * sizeof(struct its_device));
		map_free(its, its->colls[i], ITS_CHUNK * sizeof(struct its_coll));
	}
}

/* ---- devices ---- */

static struct its_device *device_slot(struct am_its *its, uint32_t id)
{
	struct its_device *chunk =
	    atomic_load_explicit(&its->devs[id / ITS_CHUNK], memory_order_relaxed);

	return chunk ? &chunk[id % ITS_CHUNK] : NULL;
}

static unsigned device_bits(const struct its_device *dev)
{
	return atomic_load_explicit(&dev->bits, memory_order_relaxed);
}

static void *device_root(const struct its_device *dev)
{
	return atomic_load_explicit(&dev->root, memory_order_relaxed);
}

/* How much an EventID is shifted to be an index of the root, which is a node; 0: it is words. */
static unsigned root_shift(unsigned bits)
{
	return bits <= ITS_LEAF_BITS	   ? 0
	       : bits <= 2 * ITS_LEAF_BITS ? ITS_LEAF_BITS
					   : 2 * ITS_LEAF_BITS;
}

static unsigned leaf_class(unsigned bits)
{
	return bits <= ITS_LEAF_BITS ? bits : ITS_LEAF_BITS;
}

struct its_device *its_device(struct am_its *its, uint32_t id)
{
	struct its_device *dev = id < ITS_NR_IDS ? device_slot(its, id) : NULL;

	return dev && device_bits(dev) ? dev : NULL;
}

/* Translations begin again that have not ended, or wait if they are too early. */
static void device_set(struct am_its *its, struct its_device *dev, unsigned bits)
{
	unsigned seq = atomic_load_explicit(&its->seq, memory_order_relaxed);

	atomic_store_explicit(&its->seq, seq + 1, memory_order_relaxed);
	atomic_store_explicit(&dev->root, NULL, memory_order_release);
	atomic_store_explicit(&dev->bits, (uint8_t)bits, memory_order_release);
	atomic_store_explicit(&its->seq, seq + 2, memory_order_release);
}

int its_device_map(struct am_its *its, uint32_t id, unsigned bits, uint64_t itt)
{
	struct its_device *dev = device_slot(its, id), *chunk;

	if (!dev) {
		chunk = map_alloc(its, ITS_CHUNK * sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		atomic_store_explicit(&its->devs[id / ITS_CHUNK], chunk, memory_order_release);
		dev = &chunk[id % ITS_CHUNK];
	}
	dev->itt = itt;
	dev->nr_events = 0;
	device_set(its, dev, bits);
	return 0;
}

/* One event goes: its LPI and its collection have one less. */
static void word_drop(struct am_its *its, its_word *word, uint64_t w)
{
	atomic_store_explicit(word, 0, memory_order_release);
	gic_lpi_unmap(its->gic, EVENT_INTID(w));
	its->work += 64;
	if (w & EVENT_HAS_COLL)
		its_coll(its, EVENT_ICID(w))->nr_events--;
}

static void leaf_free(struct am_its *its, its_word *words, unsigned class)
{
	for (unsigned i = 0; i < 1u << class; i++) {
		uint64_t w = atomic_load_explicit(&words[i], memory_order_relaxed);

		if (w)
			word_drop(its, &words[i], w);
	}
	its->work += 1u << class;
	pool_put(its, class, words);
}

/* What is below @shift bits of EventIDs; at most three deep. */
static void tree_free(struct am_its *its, void *at, unsigned shift, unsigned class)
{
	struct its_node *node = at;

	if (!shift) {
		leaf_free(its, at, class);
		return;
	}
	for (unsigned i = 0; i < ITS_LEAF; i++) {
		void *child = atomic_load_explicit(&node->child[i], memory_order_relaxed);

		if (child)
			tree_free(its, child, shift - ITS_LEAF_BITS, class);
		atomic_store_explicit(&node->child[i], NULL, memory_order_release);
	}
	pool_put(its, ITS_NODES, node);
}

void its_device_unmap(struct am_its *its, uint32_t id)
{
	struct its_device *dev = its_device(its, id);
	unsigned bits = device_bits(dev);
	void *root = device_root(dev);

	device_set(its, dev, 0);
	if (root)
		tree_free(its, root, root_shift(bits), leaf_class(bits));
	dev->nr_events = 0;
}

uint32_t its_next_device(struct am_its *its, uint32_t id)
{
	for (; id < ITS_NR_IDS; id++) {
		struct its_device *dev = device_slot(its, id);

		if (!dev)
			id |= ITS_CHUNK - 1;
		else if (device_bits(dev))
			return id;
	}
	return ITS_NR_IDS;
}

void its_unmap_devices(struct am_its *its)
{
	for (uint32_t id = 0; (id = its_next_device(its, id)) < ITS_NR_IDS; id++)
		its_device_unmap(its, id);
	its->nr_far = its->far != NULL;
	its_forget(its);
}

/* ---- events ---- */

static void *node_child(const void *node, uint32_t event, unsigned shift)
{
	const struct its_node *n = node;

	return atomic_load_explicit(&n->child[event >> shift & (ITS_LEAF - 1)],
				    memory_order_relaxed);
}

static its_word *event_place(const struct its_device *dev, uint32_t event)
{
	void *at = device_root(dev);

	for (unsigned shift = root_shift(device_bits(dev)); at && shift; shift -= ITS_LEAF_BITS)
		at = node_child(at, event, shift);
	return at ? (its_word *)at + (event & (ITS_LEAF - 1)) : NULL;
}

uint64_t its_event(const struct its_device *dev, uint32_t event)
{
	its_word *word = event >> device_bits(dev) ? NULL : event_place(dev, event);

	return word ? atomic_load_explicit(word, memory_order_relaxed) : 0;
}

its_word *its_event_make(struct am_its *its, struct its_device *dev, uint32_t event)
{
	unsigned bits = device_bits(dev), shift = root_shift(bits);
	_Atomic(void *) *link = &dev->root;

	for (;;) {
		void *at = atomic_load_explicit(link, memory_order_relaxed);

		if (!at) {
			at = pool_get(its, shift ? ITS_NODES : leaf_class(bits));
			if (!at)
				return NULL;
			atomic_store_explicit(link, at, memory_order_release);
		}
		if (!shift)
			return (its_word *)at + (event & (ITS_LEAF - 1));
		link = &((struct its_node *)at)->child[event >> shift & (ITS_LEAF - 1)];
		shift -= ITS_LEAF_BITS;
	}
}

static struct gic_cpu *its_cpu(struct am_its *its, unsigned cpu)
{
	return cpu == ITS_NO_CPU ? NULL : its->gic->cpus[cpu];
}

static uint64_t word_make(unsigned intid, unsigned icid, unsigned cpu)
{
	return intid | (uint64_t)icid << 16 | (uint64_t)cpu << EVENT_CPU_SHIFT | EVENT_HAS_COLL;
}

/* The number by which a word knows an INTID beyond 65535; 0: there are too many. */
static unsigned far_number(struct am_its *its, uint32_t intid)
{
	if (!its->far) {
		its->far = map_alloc(its, GIC_FIRST_LPI * sizeof(*its->far));
		its->nr_far = 1;
	}
	if (!its->far || its->nr_far == GIC_FIRST_LPI)
		return 0;
	its->far[its->nr_far] = intid;
	return its->nr_far++;
}

static int lpi_map(struct am_its *its, uint32_t *intid, struct gic_cpu *to)
{
	int err;

	if (am_likely(*intid < GIC_FIRST_LPI + GIC_NR_LPIS))
		return gic_lpi_map(its->gic, *intid, to);
	err = gic_lpi_check_far(its->gic, *intid, to);
	if (err)
		return err;
	*intid = far_number(its, *intid);
	return *intid ? 0 : -ENOMEM;
}

int its_event_map(struct am_its *its, struct its_device *dev, uint32_t event, uint32_t intid,
		  unsigned icid)
{
	its_word *word = its_event_make(its, dev, event);
	struct its_coll *coll = its_coll(its, icid);
	int err;

	if (!word)
		return -ENOMEM;
	err = lpi_map(its, &intid, its_cpu(its, coll->cpu));
	if (err)
		return err;
	coll->nr_events++;
	dev->nr_events++;
	atomic_store_explicit(word, word_make(intid, icid, coll->cpu), memory_order_release);
	return 0;
}

void its_event_move(struct am_its *its, struct its_device *dev, uint32_t event, unsigned icid)
{
	its_word *word = event_place(dev, event);
	uint64_t w = atomic_load_explicit(word, memory_order_relaxed);
	struct its_coll *coll = its_coll(its, icid);

	if (w & EVENT_HAS_COLL)
		its_coll(its, EVENT_ICID(w))->nr_events--;
	coll->nr_events++;
	atomic_store_explicit(word, word_make(EVENT_INTID(w), icid, coll->cpu),
			      memory_order_release);
	gic_lpi_move(its->gic, EVENT_INTID(w), its_cpu(its, coll->cpu));
}

void its_event_unmap(struct am_its *its, struct its_device *dev, uint32_t event)
{
	its_word *word = event_place(dev, event);

	dev->nr_events--;
	word_drop(its, word, atomic_load_explicit(word, memory_order_relaxed));
}

its_word *its_events_from(const struct its_device *dev, uint32_t *event, unsigned *n)
{
	unsigned bits = device_bits(dev);

	*n = 1u << leaf_class(bits);
	while (*event < 1u << bits) {
		void *at = device_root(dev);
		unsigned shift = root_shift(bits), skip = bits;

		for (; at && shift; shift -= ITS_LEAF_BITS) {
			skip = shift;
			at = node_child(at, *event, shift);
		}
		if (at) {
			*n -= *event & (*n - 1);
			return (its_word *)at + (*event & (ITS_LEAF - 1));
		}
		/* Nothing below here: to the next. */
		*event = (*event | ((1u << skip) - 1)) + 1;
	}
	return NULL;
}

/* ---- collections ---- */

struct its_coll *its_coll(struct am_its *its, unsigned icid)
{
	struct its_coll *chunk = its->colls[icid / ITS_CHUNK];

	return chunk && chunk[icid % ITS_CHUNK].exists ? &chunk[icid % ITS_CHUNK] : NULL;
}

int its_coll_create(struct am_its *its, unsigned icid, unsigned cpu)
{
	struct its_coll **chunk = &its->colls[icid / ITS_CHUNK];

	if (!*chunk)
		*chunk = map_alloc(its, ITS_CHUNK * sizeof(**chunk));
	if (!*chunk)
		return -ENOMEM;
	(*chunk)[icid % ITS_CHUNK] = (struct its_coll){
	    .exists = true,
	    .cpu = (uint16_t)cpu,
	    .prev = its->last_coll,
	    .next = ITS_NO_ICID,
	};
	if (its->last_coll == ITS_NO_ICID)
		its->first_coll = icid;
	else
		its_coll(its, its->last_coll)->next = icid;
	its->last_coll = icid;
	return 0;
}

static void coll_unlink(struct am_its *its, struct its_coll *coll)
{
	if (coll->prev == ITS_NO_ICID)
		its->first_coll = coll->next;
	else
		its_coll(its, coll->prev)->next = coll->next;
	if (coll->next == ITS_NO_ICID)
		its->last_coll = coll->prev;
	else
		its_coll(its, coll->next)->prev = coll->prev;
	coll->exists = false;
}

/*
 * Every event of collection @icid, or of all with ITS_NO_ICID, loses its collection or, when @move,
 * is sent to the collection's vCPU.
 */
static void events_of(struct am_its *its, unsigned icid, bool move)
{
	for (uint32_t id = 0; (id = its_next_device(its, id)) < ITS_NR_IDS; id++) {
		struct its_device *dev = its_device(its, id);
		uint32_t event = 0;
		its_word *words;
		unsigned n;

		its->work += 8;
		if (!dev->nr_events)
			continue;
		for (; (words = its_events_from(dev, &event, &n)); event += n) {
			its->work += n;
			for (unsigned i = 0; i < n; i++) {
				uint64_t w = atomic_load_explicit(&words[i], memory_order_relaxed);

				if (!(w & EVENT_HAS_COLL) ||
				    (icid != ITS_NO_ICID && EVENT_ICID(w) != icid))
					continue;
				if (!move) {
					w = EVENT_INTID(w) | (uint64_t)ITS_NO_CPU
								 << EVENT_CPU_SHIFT;
					atomic_store_explicit(&words[i], w, memory_order_release);
					continue;
				}
				w = am_insert(w, 41, 32, its_coll(its, icid)->cpu);
				atomic_store_explicit(&words[i], w, memory_order_release);
				gic_lpi_move(its->gic, EVENT_INTID(w), its_cpu(its, EVENT_CPU(w)));
				its->work += 64;
			}
		}
	}
}

void its_coll_move(struct am_its *its, unsigned icid, unsigned cpu)
{
	struct its_coll *coll = its_coll(its, icid);

	coll->cpu = (uint16_t)cpu;
	if (coll->nr_events)
		events_of(its, icid, true);
}

void its_coll_delete(struct am_its *its, unsigned icid)
{
	struct its_coll *coll = its_coll(its, icid);

	if (coll->nr_events)
		events_of(its, icid, false);
	coll_unlink(its, coll);
}

void its_delete_colls(struct am_its *its)
{
	bool events = false;

	while (its->first_coll != ITS_NO_ICID) {
		struct its_coll *coll = its_coll(its, its->first_coll);

		events |= coll->nr_events != 0;
		coll_unlink(its, coll);
	}
	if (events)
		events_of(its, ITS_NO_ICID, false);
	its_forget(its);
}
