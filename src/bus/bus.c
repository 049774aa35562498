/* SPDX-License-Identifier: MIT */
/*
 * The bus: an array of disjoint address ranges, sorted, searched by halving.
 *
 * Lookups take no lock: they read the array under a sequence count and try again when a writer was
 * at work meanwhile. Every cell is an atomic, so what a reader sees in between may be nonsense but
 * never a data race, and a search over nonsense ends as quickly as any other. An array that became
 * too small is kept until the bus goes, because a reader may still be in it; as each is twice its
 * predecessor, the old ones together are no larger than the one in use.
 */
#include <armature/mmio.h>

#include <stdatomic.h>
#include <string.h>

#include "base/bits.h"
#include "base/lock.h"
#include "base/trace.h"
#include "bus/error.h"

struct bus_slot {
	_Atomic(uint64_t) base;
	_Atomic(uint64_t) last; /* the range's last byte: a range may end at 2^64 */
	_Atomic(struct am_frame *) frame;
};

struct bus_array {
	struct bus_array *older;
	size_t capacity;
	struct bus_slot slots[];
};

struct am_bus {
	struct am_alloc alloc;
	struct am_lock lock; /* writers */
	atomic_uint seq;     /* odd while a writer changes the slots */
	_Atomic(size_t) count;
	_Atomic(struct bus_array *) array;
};

enum { BUS_FIRST_CAPACITY = 16 };

static size_t bus_array_size(size_t capacity)
{
	return sizeof(struct bus_array) + capacity * sizeof(struct bus_slot);
}

static struct bus_array *bus_array_new(struct am_bus *bus, size_t capacity, struct bus_array *older)
{
	struct bus_array *a = bus->alloc.alloc(bus->alloc.opaque, bus_array_size(capacity));

	if (!a)
		return NULL;
	memset(a, 0, bus_array_size(capacity));
	a->older = older;
	a->capacity = capacity;
	return a;
}

int am_bus_create(const struct am_alloc *alloc, struct am_bus **out)
{
	struct bus_array *a;
	struct am_bus *bus;

	*out = NULL;
	if (!alloc || !alloc->alloc || !alloc->free)
		return -EINVAL;
	bus = alloc->alloc(alloc->opaque, sizeof(*bus));
	if (!bus)
		return -ENOMEM;
	memset(bus, 0, sizeof(*bus));
	bus->alloc = *alloc;
	am_lock_init(&bus->lock);
	a = bus_array_new(bus, BUS_FIRST_CAPACITY, NULL);
	if (!a) {
		alloc->free(alloc->opaque, bus, sizeof(*bus));
		return -ENOMEM;
	}
	atomic_init(&bus->array, a);
	*out = bus;
	return 0;
}

void am_bus_destroy(struct am_bus *bus)
{
	struct bus_array *a, *older;

	if (!bus)
		return;
	for (a = atomic_load(&bus->array); a; a = older) {
		older = a->older;
		bus->alloc.free(bus->alloc.opaque, a, bus_array_size(a->capacity));
	}
	bus->alloc.free(bus->alloc.opaque, bus, sizeof(*bus));
}

static uint64_t slot_base(struct bus_slot *s)
{
	return atomic_load_explicit(&s->base, memory_order_acquire);
}

static uint64_t slot_last(struct bus_slot *s)
{
	return atomic_load_explicit(&s->last, memory_order_acquire);
}

static struct am_frame *slot_frame(struct bus_slot *s)
{
	return atomic_load_explicit(&s->frame, memory_order_acquire);
}

static void slot_put(struct bus_slot *s, uint64_t base, uint64_t last, struct am_frame *frame)
{
	/* Releases, so that who sees a new cell also sees the odd count that was stored before. */
	atomic_store_explicit(&s->base, base, memory_order_release);
	atomic_store_explicit(&s->last, last, memory_order_release);
	atomic_store_explicit(&s->frame, frame, memory_order_release);
}

static void slot_copy(struct bus_slot *to, struct bus_slot *from)
{
	slot_put(to, slot_base(from), slot_last(from), slot_frame(from));
}

/* The number of slots that begin at or below @ipa. */
static size_t bus_search(struct bus_array *a, size_t count, uint64_t ipa)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (slot_base(&a->slots[mid]) <= ipa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void bus_write_begin(struct am_bus *bus)
{
	unsigned seq = atomic_load_explicit(&bus->seq, memory_order_relaxed);

	atomic_store_explicit(&bus->seq, seq + 1, memory_order_relaxed);
}

static void bus_write_end(struct am_bus *bus)
{
	unsigned seq = atomic_load_explicit(&bus->seq, memory_order_relaxed);

	atomic_store_explicit(&bus->seq, seq + 1, memory_order_release);
}

static struct bus_array *bus_grow(struct am_bus *bus, struct bus_array *a, size_t count)
{
	struct bus_array *bigger = bus_array_new(bus, 2 * a->capacity, a);

	if (!bigger)
		return NULL;
	for (size_t i = 0; i < count; i++)
		slot_copy(&bigger->slots[i], &a->slots[i]);
	atomic_store_explicit(&bus->array, bigger, memory_order_release);
	return bigger;
}

static int bus_insert(struct am_bus *bus, uint64_t base, uint64_t last, struct am_frame *frame)
{
	struct bus_array *a = atomic_load_explicit(&bus->array, memory_order_relaxed);
	size_t count = atomic_load_explicit(&bus->count, memory_order_relaxed);
	size_t at = bus_search(a, count, base);

	if (at > 0 && slot_last(&a->slots[at - 1]) >= base)
		return -EEXIST;
	if (at < count && slot_base(&a->slots[at]) <= last)
		return -EEXIST;
	if (count == a->capacity) {
		a = bus_grow(bus, a, count);
		if (!a)
			return -ENOMEM;
	}
	bus_write_begin(bus);
	for (size_t i = count; i > at; i--)
		slot_copy(&a->slots[i], &a->slots[i - 1]);
	slot_put(&a->slots[at], base, last, frame);
	atomic_store_explicit(&bus->count, count + 1, memory_order_release);
	bus_write_end(bus);
	return 0;
}

int am_bus_add(struct am_bus *bus, uint64_t ipa, struct am_frame *frame)
{
	int err;

	if (!frame || !frame->size || ipa + (frame->size - 1) < ipa)
		return -EINVAL;
	am_lock(&bus->lock);
	err = bus_insert(bus, ipa, ipa + (frame->size - 1), frame);
	am_unlock(&bus->lock);
	AM_TRACE(bus_add, frame->name, (unsigned long long)ipa, frame->size, err);
	return err;
}

void am_bus_remove(struct am_bus *bus, struct am_frame *frame)
{
	struct bus_array *a;
	size_t count, to = 0;

	am_lock(&bus->lock);
	a = atomic_load_explicit(&bus->array, memory_order_relaxed);
	count = atomic_load_explicit(&bus->count, memory_order_relaxed);
	bus_write_begin(bus);
	for (size_t i = 0; i < count; i++) {
		if (slot_frame(&a->slots[i]) == frame)
			continue;
		if (to != i)
			slot_copy(&a->slots[to], &a->slots[i]);
		to++;
	}
	atomic_store_explicit(&bus->count, to, memory_order_release);
	bus_write_end(bus);
	am_unlock(&bus->lock);
}

struct am_frame *am_bus_find(struct am_bus *bus, uint64_t ipa, unsigned len, uint32_t *offset)
{
	unsigned seq, spins = 0;
	struct am_frame *frame;
	struct bus_array *a;
	uint64_t base = 0;
	size_t count, at;

	if (!len || ipa + (len - 1) < ipa)
		return NULL;
	for (;;) {
		seq = atomic_load_explicit(&bus->seq, memory_order_acquire);
		a = atomic_load_explicit(&bus->array, memory_order_acquire);
		count = atomic_load_explicit(&bus->count, memory_order_acquire);
		/* A count may belong to a newer, larger array. */
		if (!(seq & 1) && count <= a->capacity) {
			at = bus_search(a, count, ipa);
			frame = NULL;
			if (at > 0 && slot_last(&a->slots[at - 1]) >= ipa + (len - 1)) {
				base = slot_base(&a->slots[at - 1]);
				frame = slot_frame(&a->slots[at - 1]);
			}
			if (atomic_load_explicit(&bus->seq, memory_order_relaxed) == seq)
				break;
		}
		am_cpu_relax(spins++);
	}
	if (frame)
		*offset = (uint32_t)(ipa - base);
	return frame;
}

static bool bus_len_ok(unsigned len)
{
	return len == 1 || len == 2 || len == 4 || len == 8;
}

int am_bus_read(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, uint64_t *value)
{
	struct am_frame *frame;
	uint32_t offset = 0;

	frame = bus_len_ok(len) ? am_bus_find(bus, ipa, len, &offset) : NULL;
	if (!frame)
		return -ENOENT;
	*value = frame->ops->read(frame, vcpu, offset, len);
	AM_TRACE(bus_read, vcpu, frame->name, offset, len, (unsigned long long)*value);
	return 0;
}

int am_bus_write(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, uint64_t value)
{
	struct am_frame *frame;
	uint32_t offset = 0;

	frame = bus_len_ok(len) ? am_bus_find(bus, ipa, len, &offset) : NULL;
	if (!frame)
		return -ENOENT;
	AM_TRACE(bus_write, vcpu, frame->name, offset, len, (unsigned long long)value);
	frame->ops->write(frame, vcpu, offset, len, value);
	return 0;
}

int am_bus_read_bytes(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len, void *data)
{
	unsigned char *bytes = data;
	uint64_t value = 0;
	int err;

	err = am_bus_read(bus, vcpu, ipa, len, &value);
	if (err)
		return err;
	for (unsigned i = 0; i < len; i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	return 0;
}

int am_bus_write_bytes(struct am_bus *bus, unsigned vcpu, uint64_t ipa, unsigned len,
		       const void *data)
{
	const unsigned char *bytes = data;
	uint64_t value = 0;

	if (!bus_len_ok(len))
		return -ENOENT;
	for (unsigned i = 0; i < len; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return am_bus_write(bus, vcpu, ipa, len, value);
}
