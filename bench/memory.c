/* SPDX-License-Identifier: MIT */
/*
 * What guest memory costs, through the ABI: lines "name<TAB>value<TAB>unit".
 *
 *     memory-bench IMAGE [slots|tlb|log|ring]...
 *
 * Host memory is there before a guest touches it, so the host's own page faults are not in any
 * figure. Best of several rounds, but for what happens only once.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

#define PAGE	  4096u
#define MIB	  (UINT64_C(1) << 20)
#define GIB	  (UINT64_C(1) << 30)
#define PASSES	  3
#define ALL_SLOTS 32767u
#define SPREAD	  32768u /* pages that lie in the slots, however many there are */
#define AREA_ODD  (AREA + (UINT64_C(4) << 30))

static const char *image;

static void say(const char *name, double value, const char *unit)
{
	printf("%s\t%.2f\t%s\n", name, value, unit);
	fflush(stdout);
}

static void say_n(const char *name, unsigned n, double value, const char *unit)
{
	char full[64];

	snprintf(full, sizeof(full), "%s.%u_slots", name, n);
	say(full, value, unit);
}

static uint64_t best(uint64_t a, uint64_t b)
{
	return a && a < b ? a : b;
}

/* ---- Many slots ---- */

/* Pages [from, to) of the memory are slot @n + 1. */
static unsigned first_page(unsigned n, unsigned slots)
{
	return (unsigned)((uint64_t)SPREAD * n / slots);
}

static void set_spread(struct machine *m, unsigned n, unsigned slots, uint8_t *host, bool delete)
{
	unsigned from = first_page(n, slots), to = first_page(n + 1, slots);

	machine_slot(m, 1 + n, 0, AREA + (uint64_t)from * PAGE,
		     delete ? 0 : (uint64_t)(to - from) * PAGE, host + (size_t)from * PAGE);
}

/* In-kernel devices and exits, with @total slots that are not asked. */
static void devices(struct machine *m, unsigned total)
{
	uint64_t load = 0, store = 0, leave = 0;
	unsigned nr = 200000;

	for (unsigned n = 0; n < 3; n++) {
		load = best(load, machine_run(m, LOOP_LOAD, GICD + 0xffe8, nr, 0, 0));
		store = best(store, machine_run(m, LOOP_STORE, EVENT, nr, 0, 0));
		leave = best(leave, machine_run(m, LOOP_LOAD, NOTHING, nr, 0, 0));
	}
	say_n("mmio.gicd_load", total, (double)load / nr, "ns");
	say_n("mmio.ioeventfd_store", total, (double)store / nr, "ns");
	say_n("mmio.exit_to_vmm", total, (double)leave / nr, "ns");
}

/*
 * @total slots with HOME's, over the same 128 MiB. The host's memory lies 4 KiB beside the guest's
 * alignment, so that one slot cannot be mapped by 2 MiB blocks and does what many do.
 */
static void many_slots(uint8_t *host, unsigned total)
{
	unsigned nr = total > 1 ? total - 1 : 1, one = 1000;
	uint64_t made, touched = 0, again = 0, change = 0;
	struct machine m;

	machine_create(&m, image, 0);
	made = now_ns();
	for (unsigned n = 0; n < nr; n++)
		set_spread(&m, n, nr, host, false);
	made = now_ns() - made;
	if (total > 1)
		say_n("slot.create_all_each", total, (double)made / nr, "ns");
	/* Odd steps visit every page once, in an order that no cache of one slot follows. */
	for (unsigned n = 0; n < 3; n++) {
		uint64_t ns = machine_run(&m, LOOP_TOUCH, AREA, SPREAD, 10007, SPREAD - 1);

		if (!n || total < ALL_SLOTS)
			touched = best(touched, ns);
		again = best(again, machine_run(&m, LOOP_TOUCH, AREA, SPREAD, 10007, SPREAD - 1));
		/* Gone and come again, for a first touch once more; of so many it takes too long.
		 */
		for (unsigned k = 0; k < nr && total < ALL_SLOTS; k++) {
			set_spread(&m, k, nr, host, true);
			set_spread(&m, k, nr, host, false);
		}
	}
	say_n("touch.first", total, (double)touched / SPREAD, "ns");
	say_n("touch.again", total, (double)again / SPREAD, "ns");
	devices(&m, total);
	for (unsigned n = 0; n < 3; n++) {
		uint64_t start = now_ns();

		for (unsigned k = 0; k < one; k++) {
			set_spread(&m, nr / 2, nr, host, true);
			set_spread(&m, nr / 2, nr, host, false);
		}
		change = best(change, now_ns() - start);
	}
	say_n("slot.delete_and_create", total, (double)change / one, "ns");
	machine_destroy(&m);
}

/* ---- 1 GiB written, with and without the log ---- */

static double gib_per_s(uint64_t ns)
{
	return 1e9 / (double)ns;
}

static void set_gib(struct machine *m, uint32_t flags, uint8_t *host)
{
	machine_slot(m, 1, flags, AREA, GIB, host);
}

static uint64_t get_log(struct machine *m, uint64_t *bits)
{
	struct kvm_dirty_log log = {.slot = 1, .dirty_bitmap = bits};
	uint64_t start = now_ns();

	must_ioctl(m->vm, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
	return now_ns() - start;
}

static uint64_t clear_log(struct machine *m, uint64_t *bits)
{
	struct kvm_clear_dirty_log log = {.slot = 1, .num_pages = GIB / PAGE, .dirty_bitmap = bits};
	uint64_t start = now_ns();

	must_ioctl(m->vm, KVM_CLEAR_DIRTY_LOG, &log, "KVM_CLEAR_DIRTY_LOG");
	return now_ns() - start;
}

static uint64_t fill(struct machine *m)
{
	return machine_run(m, LOOP_FILL, AREA, GIB, 0, 0);
}

static uint64_t timed_flags(struct machine *m, uint32_t flags, uint8_t *host)
{
	uint64_t start = now_ns();

	set_gib(m, flags, host);
	return now_ns() - start;
}

static void writing(uint8_t *host, uint64_t *bits)
{
	uint64_t first, plain = 0, clean = 0, dirty = 0, after = 0, one = 0;
	uint64_t on, off, get_dirty = 0, get_clean = 0;
	struct machine m;

	machine_create(&m, image, 0);
	set_gib(&m, 0, host);
	first = fill(&m);
	for (unsigned n = 0; n < PASSES; n++)
		plain = best(plain, fill(&m));
	on = timed_flags(&m, KVM_MEM_LOG_DIRTY_PAGES, host);
	for (unsigned n = 0; n < PASSES; n++) {
		clean = best(clean, fill(&m));
		dirty = best(dirty, fill(&m));
		get_dirty = best(get_dirty, get_log(&m, bits));
		get_clean = best(get_clean, get_log(&m, bits));
		one = best(one, machine_run(&m, LOOP_FILL_PAGES, AREA, GIB, 0, 0));
		get_log(&m, bits);
	}
	fill(&m);
	off = timed_flags(&m, 0, host);
	uint64_t back = fill(&m);

	for (unsigned n = 0; n < PASSES; n++)
		after = best(after, fill(&m));
	say("write_1gib.first_touch", gib_per_s(first), "GiB/s");
	say("write_1gib.no_log", gib_per_s(plain), "GiB/s");
	say("write_1gib.log_clean", gib_per_s(clean), "GiB/s");
	say("write_1gib.log_dirty", gib_per_s(dirty), "GiB/s");
	say("write_1gib.log_off_first", gib_per_s(back), "GiB/s");
	say("write_1gib.log_off", gib_per_s(after), "GiB/s");
	say("log.first_store_to_page", (double)one / (GIB / PAGE), "ns");
	say("log.enable_1gib", (double)on / 1e3, "us");
	say("log.disable_1gib", (double)off / 1e3, "us");
	say("log.get_1gib_dirty", (double)get_dirty / 1e3, "us");
	say("log.get_1gib_clean", (double)get_clean / 1e3, "us");
	machine_destroy(&m);
}

static void clearing(uint8_t *host, uint64_t *bits)
{
	struct kvm_enable_cap manual = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
					.args = {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE}};
	uint64_t get = 0, clear_dirty = 0, clear_clean = 0;
	struct machine m;

	machine_create(&m, image, 0);
	must_ioctl(m.vm, KVM_ENABLE_CAP, &manual, "manual protection");
	set_gib(&m, KVM_MEM_LOG_DIRTY_PAGES, host);
	for (unsigned n = 0; n < PASSES; n++) {
		machine_run(&m, LOOP_FILL_PAGES, AREA, GIB, 0, 0);
		get = best(get, get_log(&m, bits));
		clear_dirty = best(clear_dirty, clear_log(&m, bits));
		clear_clean = best(clear_clean, clear_log(&m, bits));
	}
	say("log.get_1gib_manual", (double)get / 1e3, "us");
	say("log.clear_1gib_dirty", (double)clear_dirty / 1e3, "us");
	say("log.clear_1gib_clean", (double)clear_clean / 1e3, "us");
	machine_destroy(&m);
}

static void ringing(uint8_t *host)
{
	int kvm = must(am_kvm_open(), "am_kvm_open");
	int max = am_kvm_ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
	uint64_t pages = 0, all = 0;
	struct machine m;

	am_kvm_close(kvm);
	if (max <= 0)
		return;
	machine_create(&m, image, (uint32_t)max);
	set_gib(&m, KVM_MEM_LOG_DIRTY_PAGES, host);
	for (unsigned n = 0; n < PASSES; n++) {
		all = best(all, fill(&m));
		pages = best(pages, machine_run(&m, LOOP_FILL_PAGES, AREA, GIB, 0, 0));
	}
	say("write_1gib.ring", gib_per_s(all), "GiB/s");
	say("ring.store_and_reset", (double)pages / (GIB / PAGE), "ns");
	machine_destroy(&m);
}

/* ---- The CPU's TLB ---- */

/* The best time of a load, each @step pages further in @size bytes. */
static double load(struct machine *m, uint64_t at, uint64_t step, uint64_t size)
{
	uint64_t nr = 2000000, ns = 0;

	for (unsigned n = 0; n < 4; n++)
		ns = best(ns, machine_run(m, LOOP_TOUCH, at, nr, step, size / PAGE - 1));
	return (double)ns / (double)nr;
}

/* Less the same loop where all hit. */
static void misses(struct machine *m, const char *stage1, uint64_t at)
{
	double hit = load(m, at, 1, 16384);
	char name[64];

	/* Here the host's caches and its own TLB miss, too. */
	snprintf(name, sizeof(name), "tlb.miss.%s", stage1);
	say(name, load(m, at, 1, 64 * MIB) - hit, "ns");
	/* 64 pages 1 MiB apart, which the host has at hand and one set of ours cannot hold. */
	snprintf(name, sizeof(name), "tlb.miss_few_pages.%s", stage1);
	say(name, load(m, at, MIB / PAGE, 64 * MIB) - hit, "ns");
}

static void tlb(uint8_t *host)
{
	struct machine m;

	machine_create(&m, image, 0);
	set_gib(&m, 0, host);
	misses(&m, "1gib_blocks", AREA);
	misses(&m, "4kib_pages", PAGED);
	say("load.tlb_hit", load(&m, AREA, 1, 16384), "ns");
	/* Without translation memory is Device: each load is looked up. */
	machine_mmu(&m, false);
	say("load.mmu_off", load(&m, AREA, 1, 16384), "ns");
	machine_destroy(&m);
}

static bool wanted(int argc, char **argv, const char *name)
{
	for (int n = 2; n < argc; n++) {
		if (!strcmp(argv[n], name))
			return true;
	}
	return argc == 2;
}

int main(int argc, char **argv)
{
	static const unsigned totals[] = {1, 1000, ALL_SLOTS};
	uint8_t *beside = host_memory((size_t)SPREAD * PAGE, PAGE);
	uint8_t *host = host_memory(GIB, 0);
	uint64_t *bits = calloc(GIB / PAGE / 64, sizeof(*bits));

	if (argc < 2)
		errx(2, "usage: memory-bench IMAGE [slots|tlb|log|ring]...");
	image = argv[1];
	if (!bits)
		err(1, "bitmap");
	for (unsigned n = 0; n < 3 && wanted(argc, argv, "slots"); n++)
		many_slots(beside, totals[n]);
	if (wanted(argc, argv, "tlb"))
		tlb(host);
	if (wanted(argc, argv, "log")) {
		writing(host, bits);
		clearing(host, bits);
	}
	if (wanted(argc, argv, "ring"))
		ringing(host);
	return 0;
}
