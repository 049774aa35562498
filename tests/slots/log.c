/* SPDX-License-Identifier: MIT */
/*
 * The dirty log is complete: the promise that migration stands on.
 *
 *     log IMAGE ROUNDS [NAME...]
 *
 * Two vCPUs store to random pages. This side has a copy that it brings up to date by the log alone,
 * round after round; when the guest has stopped and the last log is copied, the copy must equal the
 * guest's memory byte for byte. Besides, in each round a few pages are looked at before the log is
 * read: one that differs from the copy by then must be in that log.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

#define PAGE	   ((size_t)PAGE_SIZE_4)
#define PAGES	   (LOG_PAGES1 + LOG_PAGES2)
#define LOG_SLOTS  2
#define MAX_WORDS  (LOG_PAGES1 / 64)
#define SAMPLES	   16
#define RING_BYTES 4096u
#define RING_SIZE  (RING_BYTES / sizeof(struct kvm_dirty_gfn))

enum way { PLAIN, MANUAL, INITIALLY_SET, SWITCHING, RING, RING_AND_BITMAP, WAYS };

static const char *const way_names[WAYS] = {"plain",	 "manual", "initially-set",
					    "switching", "ring",   "ring-and-bitmap"};
static const char *const mmu_names[LOG_MMU_KINDS] = {"MMU off", "1 GiB blocks", "2 MiB blocks",
						     "4 KiB pages"};

/* The slots, one after the other in the guest and in host memory. */
static const unsigned slot_pages[LOG_SLOTS] = {LOG_PAGES1, LOG_PAGES2};
static const unsigned slot_first[LOG_SLOTS] = {0, LOG_PAGES1};

static struct run {
	struct machine m;
	enum way way;
	uint8_t *memory, *copy;
	uint64_t reported; /* pages, all rounds */
	uint64_t left_out; /* pages that were looked at and not in the log */
	bool first;	   /* round */
	struct kvm_dirty_gfn *ring[VCPUS];
	uint32_t ring_at[VCPUS];
	_Atomic(uint64_t) emptied; /* times that the rings were */
	_Atomic(uint64_t) full;	   /* exits */
} run;

static uint64_t randomness = 88172645463325252u;

static unsigned pick(unsigned n)
{
	randomness ^= randomness << 13;
	randomness ^= randomness >> 7;
	randomness ^= randomness << 17;
	return (unsigned)(randomness >> 20) % n;
}

/* Bytes by words, as the guest is writing meanwhile. */
static void copy_page(uint8_t *to, const uint8_t *from)
{
	for (size_t n = 0; n < PAGE; n += 8) {
		uint64_t v =
		    __atomic_load_n((const uint64_t *)(const void *)(from + n), __ATOMIC_RELAXED);

		memcpy(to + n, &v, 8);
	}
}

static void take_page(unsigned page)
{
	copy_page(run.copy + page * PAGE, run.memory + page * PAGE);
	run.reported++;
	if (page >= PAGES - LOG_UNUSED && !run.first)
		machine_fail(&run.m, "page %u is in the log, and nobody writes there", page);
}

/* ---- Bitmaps ---- */

static bool bit(const uint64_t *bits, unsigned n)
{
	return bits[n / 64] >> n % 64 & 1;
}

static void get_log(unsigned slot, uint64_t *bits)
{
	struct kvm_dirty_log log = {.slot = 1 + slot, .dirty_bitmap = bits};

	machine_ioctl(run.m.vm, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
	if (slot_pages[slot] % 64 && bits[slot_pages[slot] / 64] >> slot_pages[slot] % 64)
		machine_fail(&run.m, "bits beyond the slot's end");
}

/* Part of what is dirty is cleared; only that may be copied, and leaves @bits. */
static void clear_log(unsigned slot, uint64_t *bits, bool all)
{
	unsigned words = (slot_pages[slot] + 63) / 64;
	unsigned from = all ? 0 : pick(words), to = all ? words : from + 1 + pick(words - from);
	struct kvm_clear_dirty_log log = {.slot = 1 + slot,
					  .first_page = from * 64,
					  .num_pages = to == words ? slot_pages[slot] - from * 64
								   : (to - from) * 64,
					  .dirty_bitmap = bits + from};

	machine_ioctl(run.m.vm, KVM_CLEAR_DIRTY_LOG, &log, "KVM_CLEAR_DIRTY_LOG");
	for (unsigned n = 0; n < words; n++) {
		if (n < from || n >= to)
			bits[n] = 0;
	}
}

/* Pages as they were before the log was read. */
struct samples {
	unsigned page[SAMPLES]; /* of the slot */
	uint8_t bytes[SAMPLES][4096];
};

static void look(unsigned slot, struct samples *s)
{
	for (unsigned n = 0; n < SAMPLES; n++) {
		s->page[n] = pick(slot_pages[slot]);
		copy_page(s->bytes[n], run.memory + (slot_first[slot] + s->page[n]) * PAGE);
	}
}

static void check_samples(unsigned slot, const struct samples *s, const uint64_t *bits)
{
	for (unsigned n = 0; n < SAMPLES; n++) {
		unsigned page = slot_first[slot] + s->page[n];

		if (bit(bits, s->page[n]))
			continue;
		run.left_out++;
		if (memcmp(s->bytes[n], run.copy + page * PAGE, PAGE))
			machine_fail(&run.m, "page %u was written and is not in the log", page);
	}
}

static void update_slot(unsigned slot, bool last)
{
	static struct samples samples;
	uint64_t bits[MAX_WORDS];

	look(slot, &samples);
	get_log(slot, bits);
	if (run.way == INITIALLY_SET && run.first) {
		for (unsigned n = 0; n < slot_pages[slot]; n++) {
			if (!bit(bits, n))
				machine_fail(&run.m, "page %u is not set from the start", n);
		}
	}
	check_samples(slot, &samples, bits);
	if (run.way == MANUAL || run.way == INITIALLY_SET)
		clear_log(slot, bits, last || run.first);
	for (unsigned n = 0; n < slot_pages[slot]; n++) {
		if (bit(bits, n))
			take_page(slot_first[slot] + n);
	}
}

/* ---- Rings ---- */

static void wait_for_room(struct machine_vcpu *v, void *opaque)
{
	uint64_t then = atomic_load(&run.emptied);

	atomic_fetch_add(&run.full, 1);
	/* Twice: the first may have begun before the last entry was made. */
	while (atomic_load(&run.emptied) - then < 2 && !atomic_load(&run.m.failed))
		sched_yield();
}

static void map_rings(void)
{
	for (unsigned n = 0; n < VCPUS; n++) {
		run.ring[n] = am_kvm_mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
					  run.m.vcpu[n].fd,
					  KVM_DIRTY_LOG_PAGE_OFFSET * (off_t)sysconf(_SC_PAGESIZE));
		if (run.ring[n] == MAP_FAILED)
			err(1, "mapping of a dirty ring");
		run.ring_at[n] = 0;
	}
}

/* Empties the rings, and only then copies: what is written after the reset is logged again. */
static void update_from_rings(void)
{
	static unsigned pages[VCPUS * RING_SIZE];
	unsigned nr = 0;
	int reset;

	for (unsigned v = 0; v < VCPUS; v++) {
		for (unsigned k = 0; k < RING_SIZE; k++) {
			struct kvm_dirty_gfn *e = &run.ring[v][run.ring_at[v] % RING_SIZE];

			if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
				break;
			if (e->slot < 1 || e->slot > LOG_SLOTS ||
			    e->offset >= slot_pages[e->slot - 1]) {
				machine_fail(&run.m, "ring entry: slot %u, page %llu", e->slot,
					     (unsigned long long)e->offset);
				return;
			}
			pages[nr++] = slot_first[e->slot - 1] + (unsigned)e->offset;
			__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
			run.ring_at[v]++;
		}
	}
	reset = machine_ioctl(run.m.vm, KVM_RESET_DIRTY_RINGS, NULL, "KVM_RESET_DIRTY_RINGS");
	if ((unsigned)reset != nr)
		machine_fail(&run.m, "%u entries were given back, KVM says %d", nr, reset);
	for (unsigned n = 0; n < nr; n++)
		take_page(pages[n]);
	atomic_fetch_add(&run.emptied, 1);
}

/* ---- The whole ---- */

static bool uses_ring(void)
{
	return run.way == RING || run.way == RING_AND_BITMAP;
}

static void set_slots(uint32_t flags)
{
	for (unsigned n = 0; n < LOG_SLOTS; n++) {
		int e = machine_slot(&run.m, 1 + n, flags, LOG_AREA + slot_first[n] * PAGE,
				     slot_pages[n] * PAGE, run.memory + slot_first[n] * PAGE);

		if (e)
			errx(1, "slot %u: %s", n, strerror(-e));
	}
}

static void copy_all(void)
{
	for (unsigned n = 0; n < PAGES; n++)
		copy_page(run.copy + n * PAGE, run.memory + n * PAGE);
}

static void wait_for_guest(void)
{
	uint64_t *ops = &run.m.shared->vcpu[0].ops, then = __atomic_load_n(ops, __ATOMIC_ACQUIRE);

	while (__atomic_load_n(ops, __ATOMIC_ACQUIRE) == then && !atomic_load(&run.m.failed))
		sched_yield();
}

static void update(bool last)
{
	if (uses_ring())
		update_from_rings();
	if (!uses_ring() || (run.way == RING_AND_BITMAP && last)) {
		for (unsigned n = 0; n < LOG_SLOTS; n++)
			update_slot(n, last);
	}
	run.first = false;
}

static void enable(uint32_t what, uint64_t arg)
{
	struct kvm_enable_cap cap = {.cap = what, .args = {arg}};

	machine_ioctl(run.m.vm, KVM_ENABLE_CAP, &cap, "KVM_ENABLE_CAP");
}

static void prepare(unsigned mmu)
{
	uint64_t *root = (uint64_t *)(void *)(run.m.home + (ROOT - HOME));
	uint64_t *l2 = (uint64_t *)(void *)(run.m.home + (PAGES_L2 - HOME));
	uint64_t *l3 = (uint64_t *)(void *)(run.m.home + (PAGES_L3 - HOME));
	uint64_t attrs = 1u << 10 | 3u << 8;

	if (mmu >= LOG_MMU_2M)
		root[LOG_AREA >> 30] = PAGES_L2 | 3;
	for (unsigned n = 0; n < 8; n++)
		l2[n] = mmu == LOG_MMU_2M ? (LOG_AREA + ((uint64_t)n << 21)) | attrs | 1
					  : (PAGES_L3 + n * PAGE) | 3;
	for (unsigned n = 0; n < PAGES; n++)
		l3[n] = (LOG_AREA + n * PAGE) | attrs | 3;
	run.m.shared->log_pages = PAGES - LOG_UNUSED;
	run.m.shared->log_mmu = mmu;
	switch (run.way) {
	case MANUAL:
		enable(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
		break;
	case INITIALLY_SET:
		enable(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		       KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
		break;
	case RING:
	case RING_AND_BITMAP:
		enable(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, RING_BYTES);
		if (run.way == RING_AND_BITMAP)
			enable(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0);
		run.m.ring_full = wait_for_room;
		break;
	default:
		break;
	}
}

/* When the log stops and starts again under the guest, the copy is to be made anew. */
static void restart_log(void)
{
	set_slots(0);
	wait_for_guest();
	set_slots(KVM_MEM_LOG_DIRTY_PAGES);
	copy_all();
}

/* A vCPU whose ring is full does not go on before it is emptied, so this side waits by emptying. */
static void wait_for_entry(uint64_t reported)
{
	time_t give_up = time(NULL) + 30;

	while (run.reported == reported && !atomic_load(&run.m.failed)) {
		update(false);
		if (time(NULL) > give_up)
			machine_fail(&run.m, "the rings stay empty");
	}
}

/* Before anybody empties them the rings become full. */
static void wait_for_full(void)
{
	time_t give_up = time(NULL) + 30;

	while (!atomic_load(&run.full) && !atomic_load(&run.m.failed)) {
		sched_yield();
		if (time(NULL) > give_up)
			machine_fail(&run.m, "no ring is ever full");
	}
}

static bool stopped(void)
{
	return atomic_load(&run.m.vcpu[0].done) && atomic_load(&run.m.vcpu[1].done);
}

static void compare(void)
{
	uint64_t reported = run.reported;

	for (unsigned n = 0; n < PAGES; n++) {
		if (memcmp(run.copy + n * PAGE, run.memory + n * PAGE, PAGE))
			machine_fail(&run.m, "page %u of the copy is not that of the guest", n);
	}
	update(true);
	if (run.reported != reported)
		machine_fail(&run.m, "pages in the log of a guest that has stopped");
	if (!run.reported)
		machine_fail(&run.m, "nothing was written");
	if (!uses_ring() && !run.left_out)
		machine_fail(&run.m, "every page that was looked at was dirty");
}

/* One VM, one way to log, one way to translate. */
static bool one(const char *image, enum way way, unsigned mmu, unsigned rounds)
{
	memset(&run, 0, sizeof(run));
	run.way = way;
	run.first = true;
	machine_create(&run.m, image);
	run.memory = machine_memory(PAGES * PAGE);
	run.copy = machine_memory(PAGES * PAGE);
	prepare(mmu);
	machine_populate(&run.m);
	if (uses_ring())
		map_rings();
	/* The guest has these pages writable before the log begins. */
	set_slots(0);
	machine_start(&run.m);
	wait_for_guest();
	set_slots(KVM_MEM_LOG_DIRTY_PAGES);
	copy_all();
	if (uses_ring())
		wait_for_full();
	for (unsigned n = 0; n < rounds && !atomic_load(&run.m.failed); n++) {
		if (way == SWITCHING && n % 8 == 7)
			restart_log();
		uint64_t reported = run.reported;

		if (pick(2) && !uses_ring())
			wait_for_guest();
		update(false);
		if (uses_ring())
			wait_for_entry(reported);
	}
	__atomic_store_n(&run.m.shared->stop, 1, __ATOMIC_RELEASE);
	while (!stopped())
		update(false); /* a vCPU may be waiting for room in its ring */
	machine_stop(&run.m);
	update(true);
	compare();

	bool failed = atomic_load(&run.m.failed);

	printf("%-16s %-13s %8llu pages logged  %s\n", way_names[way], mmu_names[mmu],
	       (unsigned long long)run.reported, failed ? "FAILED" : "ok");
	for (unsigned n = 0; n < VCPUS && uses_ring(); n++)
		am_kvm_munmap(run.ring[n], RING_BYTES);
	machine_destroy(&run.m);
	munmap(run.memory, PAGES * PAGE);
	munmap(run.copy, PAGES * PAGE);
	return !failed;
}

static bool wanted(enum way way, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++) {
		if (!strcmp(*names, way_names[way]))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 0;
	bool good = true;
	int kvm = am_kvm_open();

	if (!rounds)
		errx(2, "usage: log IMAGE ROUNDS [plain|manual|initially-set|switching|ring|...]");
	for (enum way way = PLAIN; way < WAYS; way++) {
		uint32_t cap = way == RING ? KVM_CAP_DIRTY_LOG_RING_ACQ_REL
					   : KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP;

		if (!wanted(way, argv + 3))
			continue;
		if (way >= RING && am_kvm_ioctl(kvm, KVM_CHECK_EXTENSION, cap) <= 0) {
			printf("%-16s not offered\n", way_names[way]);
			continue;
		}
		for (unsigned mmu = 0; mmu < LOG_MMU_KINDS; mmu++)
			good &= one(argv[1], way, mmu, rounds);
	}
	am_kvm_close(kvm);
	return !good;
}
