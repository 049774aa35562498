/* SPDX-License-Identifier: MIT */
/* Stores that are handled without an exit (io.h). */
#include "vm/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/trace.h"
#include "vm/event.h"

/* Addresses of the three kinds do not meet; only the first is where an arm64 guest can store. */
enum io_bus { IO_MMIO, IO_PORTS, IO_CCW };

struct io_event {
	uint64_t addr;
	uint64_t value; /* the only one that counts, unless any */
	uint32_t len;	/* 0: any */
	bool any;
	uint8_t bus;
	int held;
	int64_t id;
};

/* ---- Stores ---- */

/* The first event at or above @addr. */
static size_t lower_bound(const struct vm_io *io, uint64_t addr)
{
	size_t lo = 0, hi = io->nr_events;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (io->events[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool event_hit(const struct io_event *e, unsigned size, uint64_t value)
{
	if (e->bus != IO_MMIO)
		return false;
	if (!e->len)
		return true;
	return e->len == size && (e->any || e->value == value);
}

static bool signal_event(const struct vm_io *io, uint64_t ipa, unsigned size, uint64_t value)
{
	for (size_t n = lower_bound(io, ipa); n < io->nr_events; n++) {
		const struct io_event *e = &io->events[n];

		if (e->addr != ipa)
			break;
		if (event_hit(e, size, value)) {
			AM_TRACE(vm_ioeventfd, (unsigned long long)ipa, size,
				 (unsigned long long)value);
			event_signal(e->held);
			return true;
		}
	}
	return false;
}

static bool zone_holds(const struct kvm_coalesced_mmio_zone *z, uint64_t addr, uint64_t len)
{
	return addr >= z->addr && addr - z->addr <= z->size && len <= z->size - (addr - z->addr);
}

/*
 * User space reads entries and moves `first`; its words are whatever it likes. False: full, and
 * the store becomes an exit, after which user space empties the ring first.
 */
static bool ring_put(struct vm_io *io, uint64_t ipa, unsigned size, uint64_t value)
{
	struct kvm_coalesced_mmio_ring *ring = atomic_load(&io->ring);
	uint32_t max = (uint32_t)(((size_t)sysconf(_SC_PAGESIZE) - sizeof(*ring)) /
				  sizeof(ring->coalesced_mmio[0]));
	bool room = false;

	pthread_mutex_lock(&io->ring_lock);
	uint32_t last = __atomic_load_n(&ring->last, __ATOMIC_RELAXED);
	uint32_t first = __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE);

	if (last < max && (last + 1) % max != first) {
		struct kvm_coalesced_mmio *e = &ring->coalesced_mmio[last];

		e->phys_addr = ipa;
		e->len = size;
		e->pio = 0;
		memcpy(e->data, &value, size);
		__atomic_store_n(&ring->last, (last + 1) % max, __ATOMIC_RELEASE);
		room = true;
	}
	pthread_mutex_unlock(&io->ring_lock);
	return room;
}

static bool collect(struct vm_io *io, uint64_t ipa, unsigned size, uint64_t value)
{
	for (size_t n = 0; n < io->nr_zones; n++) {
		if (!io->zones[n].pio && zone_holds(&io->zones[n], ipa, size))
			return ring_put(io, ipa, size, value);
	}
	return false;
}

bool vm_io_store(struct vm_io *io, uint64_t ipa, unsigned size, uint64_t value)
{
	bool done;

	pthread_rwlock_rdlock(&io->lock);
	done = signal_event(io, ipa, size, value) || collect(io, ipa, size, value);
	pthread_rwlock_unlock(&io->lock);
	return done;
}

/* ---- Arrays ---- */

static bool room_for(void **array, size_t nr, size_t *max, size_t size)
{
	size_t want = *max ? *max * 2 : 16;
	void *p;

	if (nr < *max)
		return true;
	p = realloc(*array, want * size);
	if (!p)
		return false;
	*array = p;
	*max = want;
	return true;
}

static void count(struct vm_io *io)
{
	atomic_store_explicit(&io->nr, (unsigned)(io->nr_events + io->nr_zones),
			      memory_order_relaxed);
}

/* ---- KVM_IOEVENTFD ---- */

static enum io_bus bus_of(uint32_t flags)
{
	if (flags & KVM_IOEVENTFD_FLAG_PIO)
		return IO_PORTS;
	return flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY ? IO_CCW : IO_MMIO;
}

static bool collides(const struct io_event *a, const struct io_event *b)
{
	return a->bus == b->bus && a->addr == b->addr &&
	       (!a->len || !b->len ||
		(a->len == b->len && (a->any || b->any || a->value == b->value)));
}

static int insert_event(struct vm_io *io, const struct io_event *e)
{
	size_t at = lower_bound(io, e->addr);

	for (size_t n = at; n < io->nr_events && io->events[n].addr == e->addr; n++) {
		if (collides(&io->events[n], e))
			return -EEXIST;
	}
	if (!room_for((void **)&io->events, io->nr_events, &io->max_events, sizeof(*e)))
		return -ENOMEM;
	memmove(&io->events[at + 1], &io->events[at], (io->nr_events - at) * sizeof(*e));
	io->events[at] = *e;
	io->nr_events++;
	count(io);
	return 0;
}

static int assign(struct vm_io *io, const struct kvm_ioeventfd *args)
{
	struct io_event e = {
	    .addr = args->addr,
	    .value = args->datamatch,
	    .len = args->len,
	    .any = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH),
	    .bus = bus_of(args->flags),
	};
	int err;

	if (args->len > 8 || (args->len & (args->len - 1)))
		return -EINVAL;
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	if (args->flags & ~(uint32_t)KVM_IOEVENTFD_VALID_FLAG_MASK)
		return -EINVAL;
	if (!args->len && !e.any)
		return -EINVAL;
	e.held = event_hold(args->fd, &e.id);
	if (e.held < 0)
		return e.held;
	pthread_rwlock_wrlock(&io->lock);
	err = insert_event(io, &e);
	pthread_rwlock_unlock(&io->lock);
	if (err)
		event_drop(e.held);
	return err;
}

/* The descriptor with which it was assigned need not be open any more, only the eventfd. */
static bool same_event(const struct io_event *e, const struct kvm_ioeventfd *args, int64_t id)
{
	bool any = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);

	return e->bus == bus_of(args->flags) && e->addr == args->addr && e->len == args->len &&
	       e->any == any && (any || e->value == args->datamatch) && e->id == id;
}

static int deassign(struct vm_io *io, const struct kvm_ioeventfd *args)
{
	int64_t id;
	int held = event_hold(args->fd, &id), gone = -1;

	if (held < 0)
		return held;
	pthread_rwlock_wrlock(&io->lock);
	for (size_t n = lower_bound(io, args->addr); n < io->nr_events; n++) {
		if (!same_event(&io->events[n], args, id))
			continue;
		gone = io->events[n].held;
		io->nr_events--;
		memmove(&io->events[n], &io->events[n + 1],
			(io->nr_events - n) * sizeof(io->events[0]));
		count(io);
		break;
	}
	pthread_rwlock_unlock(&io->lock);
	event_drop(held);
	event_drop(gone);
	return gone < 0 ? -ENOENT : 0;
}

int vm_ioeventfd(struct vm_io *io, const struct kvm_ioeventfd *args)
{
	return args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN ? deassign(io, args) : assign(io, args);
}

/* ---- Coalesced MMIO ---- */

static int ring_create(struct vm_io *io)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("kvm-coalesced-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)len) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	io->ring_fd = fd;
	atomic_store(&io->ring, p);
	return fd;
}

int vm_io_ring_fd(struct vm_io *io)
{
	int fd;

	pthread_mutex_lock(&io->ring_lock);
	fd = io->ring_fd >= 0 ? io->ring_fd : ring_create(io);
	pthread_mutex_unlock(&io->ring_lock);
	return fd;
}

int vm_coalesce(struct vm_io *io, const struct kvm_coalesced_mmio_zone *zone)
{
	int err;

	if (zone->pio > 1)
		return -EINVAL;
	err = vm_io_ring_fd(io);
	if (err < 0)
		return err;
	pthread_rwlock_wrlock(&io->lock);
	if (io->nr_zones >= IO_MAX_ZONES) {
		err = -ENOSPC;
	} else if (!room_for((void **)&io->zones, io->nr_zones, &io->max_zones, sizeof(*zone))) {
		err = -ENOMEM;
	} else {
		io->zones[io->nr_zones++] = *zone;
		count(io);
		err = 0;
	}
	pthread_rwlock_unlock(&io->lock);
	return err;
}

/* KVM's rule: every zone goes that holds all of the given one. */
int vm_uncoalesce(struct vm_io *io, const struct kvm_coalesced_mmio_zone *zone)
{
	size_t to = 0;

	if (zone->pio > 1)
		return -EINVAL;
	pthread_rwlock_wrlock(&io->lock);
	for (size_t n = 0; n < io->nr_zones; n++) {
		const struct kvm_coalesced_mmio_zone *z = &io->zones[n];

		if (z->pio != zone->pio || !zone_holds(z, zone->addr, zone->size))
			io->zones[to++] = *z;
	}
	io->nr_zones = to;
	count(io);
	pthread_rwlock_unlock(&io->lock);
	return 0;
}

/* ---- Life ---- */

void vm_io_init(struct vm_io *io)
{
	pthread_rwlock_init(&io->lock, NULL);
	pthread_mutex_init(&io->ring_lock, NULL);
	io->ring_fd = -1;
}

void vm_io_finish(struct vm_io *io)
{
	struct kvm_coalesced_mmio_ring *ring = atomic_load(&io->ring);

	for (size_t n = 0; n < io->nr_events; n++)
		event_drop(io->events[n].held);
	free(io->events);
	free(io->zones);
	if (ring)
		munmap(ring, (size_t)sysconf(_SC_PAGESIZE));
	if (io->ring_fd >= 0)
		close(io->ring_fd);
	pthread_rwlock_destroy(&io->lock);
	pthread_mutex_destroy(&io->ring_lock);
}
