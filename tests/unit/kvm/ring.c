/* SPDX-License-Identifier: MIT */
/* Dirty rings: what guests write, in the order of the first writes, without a bitmap's scan. */
#include "machine.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	4096u
#define BYTES	PAGE
#define ENTRIES (BYTES / sizeof(struct kvm_dirty_gfn)) /* 256 */
#define LIMIT	(ENTRIES - 64)			       /* then user space is told */
#define PAGES	(RAM_SIZE / PAGE)
#define FIRST	16u /* page that the guest writes first */
#define DATA	(RAM + FIRST * PAGE)

static int enable(int vm, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap c = {.cap = cap, .args = {arg}};

	return kvm_ptr(vm, KVM_ENABLE_CAP, &c);
}

static void with_ring(int vm)
{
	assert_int_equal(enable(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, BYTES), 0);
}

static void with_ring_and_bitmap(int vm)
{
	with_ring(vm);
	assert_int_equal(enable(vm, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0), 0);
}

static void *ring_map(struct machine *m, unsigned n, int prot, int flags)
{
	return am_kvm_mmap(NULL, BYTES, prot, flags, m->vcpu[n],
			   (off_t)KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
}

static struct kvm_dirty_gfn *ring_of(struct machine *m, unsigned n)
{
	void *p = ring_map(m, n, PROT_READ | PROT_WRITE, MAP_SHARED);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static void log_on(struct machine *m)
{
	struct kvm_userspace_memory_region r = {.flags = KVM_MEM_LOG_DIRTY_PAGES,
						.guest_phys_addr = RAM,
						.memory_size = RAM_SIZE,
						.userspace_addr = (uintptr_t)m->ram};

	assert_int_equal(kvm_ptr(m->vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
}

static int get_log(struct machine *m)
{
	uint64_t bits[PAGES / 64];
	struct kvm_dirty_log log = {.dirty_bitmap = bits};
	int err = kvm_ptr(m->vm, KVM_GET_DIRTY_LOG, &log);

	for (unsigned n = 0; !err && n < PAGES / 64; n++)
		assert_int_equal(bits[n], 0);
	return err;
}

/* The sizes that may be asked for, when, and who may map what. */
static void arguments(void **state)
{
	struct machine m;

	machine_create(&m, 0, false);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING_ACQ_REL),
			 65536 * 16);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP), 1);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING), 0);
	assert_int_equal(kvm(m.vm, KVM_RESET_DIRTY_RINGS, 0), -EINVAL);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0), -EINVAL);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 0), -EINVAL);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, PAGE / 2), -EINVAL);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, PAGE * 3), -EINVAL);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 2 << 20), -E2BIG);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 1 << 20), 0);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 1 << 20), -EINVAL);
	/* There is a slot already. */
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0), -EINVAL);
	assert_int_equal(kvm(m.vm, KVM_RESET_DIRTY_RINGS, 0), 0);
	machine_destroy(&m);

	machine_create(&m, 1, false);
	assert_int_equal(enable(m.vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, PAGE), -EINVAL);
	machine_destroy(&m);

	machine_create_with(&m, 1, false, with_ring);
	assert_ptr_equal(ring_map(&m, 0, PROT_READ, MAP_PRIVATE), MAP_FAILED);
	assert_ptr_equal(ring_map(&m, 0, PROT_READ | PROT_EXEC, MAP_SHARED), MAP_FAILED);
	am_kvm_munmap(ring_of(&m, 0), BYTES);
	log_on(&m);
	assert_int_equal(get_log(&m), -ENXIO);
	machine_destroy(&m);

	machine_create_with(&m, 1, false, with_ring_and_bitmap);
	log_on(&m);
	assert_int_equal(get_log(&m), 0);
	machine_destroy(&m);
}

/* Guest: a store to each of X5 pages from X0 on, then an exit; for ever. */
static void write_guest(struct machine *m, unsigned pages)
{
	uint64_t again = here(m), loop;

	emit_mov(m, 0, DATA);
	emit_mov(m, 5, pages);
	emit_mov(m, 6, PAGE);
	emit_mov(m, 9, DEVICE);
	loop = here(m);
	emit(m, A64_STR_X(5, 0));
	emit(m, 0x8b060000); /* ADD X0, X0, X6 */
	emit(m, A64_SUBS_IMM(5, 5, 1));
	emit(m, A64_CBNZ(5, (int64_t)(loop - here(m))));
	emit(m, A64_STR_W(9, 9));
	emit(m, A64_B((int64_t)(again - here(m))));
}

/* Entries [*at, end) are the pages from @page on; they are given back. */
static void expect(struct kvm_dirty_gfn *ring, unsigned *at, unsigned nr, unsigned page)
{
	for (unsigned n = 0; n < nr; n++, ++*at) {
		struct kvm_dirty_gfn *e = &ring[*at % ENTRIES];

		assert_int_equal(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE),
				 KVM_DIRTY_GFN_F_DIRTY);
		assert_int_equal(e->slot, 0);
		assert_int_equal(e->offset, page + n);
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
	assert_int_equal(ring[*at % ENTRIES].flags & KVM_DIRTY_GFN_F_DIRTY, 0);
}

static void run_expecting(struct machine *m, uint32_t reason)
{
	assert_int_equal(run(m, 0), 0);
	assert_int_equal(m->run[0]->exit_reason, reason);
}

/* Each page once until it is given back and the ring reset; then anew. */
static void entries(void **state)
{
	struct machine m;
	struct kvm_dirty_gfn *ring;
	unsigned at = 0;

	machine_create_with(&m, 1, false, with_ring);
	ring = ring_of(&m, 0);
	write_guest(&m, 5);
	mmu_on(&m, 0);
	run_expecting(&m, KVM_EXIT_MMIO);
	log_on(&m);
	for (unsigned round = 0; round < 200; round++) { /* around the ring, several times */
		run_expecting(&m, KVM_EXIT_MMIO);
		run_expecting(&m, KVM_EXIT_MMIO);
		expect(ring, &at, 5, FIRST);
		assert_int_equal(kvm(m.vm, KVM_RESET_DIRTY_RINGS, 0), 5);
		assert_int_equal(kvm(m.vm, KVM_RESET_DIRTY_RINGS, 0), 0);
	}
	am_kvm_munmap(ring, BYTES);
	machine_destroy(&m);
}

/* A full ring ends the run, as often as it is tried, before the store; no write is lost. */
static void full(void **state)
{
	struct machine m;
	struct kvm_dirty_gfn *ring;
	unsigned at = 0;

	machine_create_with(&m, 1, false, with_ring);
	ring = ring_of(&m, 0);
	write_guest(&m, 300);
	log_on(&m);
	run_expecting(&m, KVM_EXIT_DIRTY_RING_FULL);
	run_expecting(&m, KVM_EXIT_DIRTY_RING_FULL);
	expect(ring, &at, LIMIT, FIRST);
	assert_int_equal(kvm(m.vm, KVM_RESET_DIRTY_RINGS, 0), LIMIT);
	run_expecting(&m, KVM_EXIT_MMIO);
	expect(ring, &at, 300 - LIMIT, FIRST + LIMIT);
	for (unsigned n = 0; n < 300; n++)
		assert_int_equal(*(uint64_t *)(void *)(m.ram + (FIRST + n) * PAGE), 300 - n);
	am_kvm_munmap(ring, BYTES);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arguments),
	    cmocka_unit_test(entries),
	    cmocka_unit_test(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
