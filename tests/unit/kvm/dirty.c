/* SPDX-License-Identifier: MIT */
/* The dirty log: what guests write and nothing else, however it is asked for and cleared. */
#include "machine.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE  4096u
#define PAGES (RAM_SIZE / PAGE) /* 512 */
#define WORDS (PAGES / 64)
#define DATA  (RAM + 0x10000) /* page 16 */

static int set_flags(struct machine *m, uint32_t flags)
{
	struct kvm_userspace_memory_region r = {.flags = flags,
						.guest_phys_addr = RAM,
						.memory_size = RAM_SIZE,
						.userspace_addr = (uintptr_t)m->ram};

	return kvm_ptr(m->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static int get_log(struct machine *m, uint32_t slot, uint64_t *to)
{
	struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = to};

	return kvm_ptr(m->vm, KVM_GET_DIRTY_LOG, &log);
}

static int clear_log(struct machine *m, uint32_t slot, uint64_t first, uint32_t nr, uint64_t *bits)
{
	struct kvm_clear_dirty_log log = {
	    .slot = slot, .num_pages = nr, .first_page = first, .dirty_bitmap = bits};

	return kvm_ptr(m->vm, KVM_CLEAR_DIRTY_LOG, &log);
}

static int enable(struct machine *m, uint64_t options)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = {options}};

	return kvm_ptr(m->vm, KVM_ENABLE_CAP, &cap);
}

/* The log is exactly the pages of @want, each once, ended by -1. */
static void check_pages(struct machine *m, const int *want)
{
	uint64_t got[WORDS], expected[WORDS] = {0};

	memset(got, 0xa5, sizeof(got));
	for (; *want >= 0; want++)
		expected[*want / 64] |= UINT64_C(1) << *want % 64;
	assert_int_equal(get_log(m, 0, got), 0);
	assert_memory_equal(got, expected, sizeof(got));
}

#define assert_pages(m, ...) check_pages(m, (const int[]){__VA_ARGS__, -1})
#define assert_clean(m)	     check_pages(m, (const int[]){-1})

/*
 * Guest: load and store in page 16 (X0) and store in page 20 (X1), exit; store in 16, exit; load
 * from 24 (X2), exit; for ever.
 */
static void write_guest(struct machine *m)
{
	emit_mov(m, 0, DATA);
	emit_mov(m, 1, DATA + 4 * PAGE);
	emit_mov(m, 2, DATA + 8 * PAGE);
	emit_mov(m, 9, DEVICE);
	emit(m, A64_LDR_X(3, 0));
	emit(m, A64_STR_X(3, 0));
	emit(m, A64_STR_X(3, 1));
	emit(m, A64_STR_W(9, 9));
	emit(m, A64_STR_X(3, 0));
	emit(m, A64_STR_W(9, 9));
	emit(m, A64_LDR_X(3, 2));
	emit(m, A64_STR_W(9, 9));
	emit(m, A64_B(-32));
}

static void next_exit(struct machine *m)
{
	assert_int_equal(run(m, 0), 0);
	assert_int_equal(m->run[0]->exit_reason, KVM_EXIT_MMIO);
}

static void errors(void **state)
{
	uint64_t bits[WORDS] = {0};
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(kvm(m.vm, KVM_GET_DIRTY_LOG, 8), -EFAULT);
	assert_int_equal(kvm(m.vm, KVM_CLEAR_DIRTY_LOG, 8), -EFAULT);
	assert_int_equal(get_log(&m, 32767, bits), -EINVAL);
	assert_int_equal(get_log(&m, 0x10000, bits), -EINVAL);
	assert_int_equal(get_log(&m, 1, bits), -ENOENT);
	assert_int_equal(get_log(&m, 0, bits), -ENOENT); /* not logged */
	assert_int_equal(clear_log(&m, 32767, 0, 64, bits), -EINVAL);
	assert_int_equal(clear_log(&m, 0, 1, 64, bits), -EINVAL);
	assert_int_equal(clear_log(&m, 0, 0, 64, bits), -ENOENT);

	assert_int_equal(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(get_log(&m, 0, NULL), -EFAULT);
	assert_int_equal(get_log(&m, 0, bits), 0);
	assert_int_equal(clear_log(&m, 0, PAGES + 64, 0, bits), -EINVAL);
	assert_int_equal(clear_log(&m, 0, 0, PAGES + 1, bits), -EINVAL);
	assert_int_equal(clear_log(&m, 0, 64, PAGES, bits), -EINVAL);
	assert_int_equal(clear_log(&m, 0, 0, 63, bits), -EINVAL);
	assert_int_equal(clear_log(&m, 0, 0, 64, NULL), -EFAULT);
	assert_int_equal(clear_log(&m, 0, PAGES, 0, NULL), 0);
	assert_int_equal(clear_log(&m, 0, 0, PAGES, bits), 0);

	assert_int_equal(enable(&m, 4), -EINVAL);
	assert_int_equal(enable(&m, KVM_DIRTY_LOG_INITIALLY_SET), -EINVAL);
	assert_int_equal(enable(&m, 3), 0);
	assert_int_equal(enable(&m, 1), 0);
	assert_int_equal(enable(&m, 0), 0);
	machine_destroy(&m);
}

/* Reading takes; what is written afterwards counts anew, also where the TLB knew the page. */
static void reading_clears(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	write_guest(&m);
	mmu_on(&m, 0);
	next_exit(&m); /* before there is a log */
	assert_int_equal(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_clean(&m);
	next_exit(&m);
	assert_pages(&m, 16);
	assert_clean(&m);
	next_exit(&m); /* only a load */
	assert_clean(&m);
	next_exit(&m);
	assert_pages(&m, 16, 20);
	next_exit(&m);
	next_exit(&m);
	next_exit(&m);
	assert_pages(&m, 16, 20);
	/* Off: no log any more; on again: a new one. */
	next_exit(&m);
	assert_int_equal(set_flags(&m, 0), 0);
	next_exit(&m);
	assert_int_equal(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_clean(&m);
	next_exit(&m);
	assert_pages(&m, 16, 20);
	machine_destroy(&m);
}

/* With manual clearing reading leaves all as it is, and part of a slot can be cleared. */
static void manual_clearing(void **state)
{
	uint64_t bits[WORDS] = {0};
	struct machine m;

	machine_create(&m, 1, false);
	write_guest(&m);
	mmu_on(&m, 0);
	assert_int_equal(enable(&m, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE), 0);
	assert_int_equal(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_clean(&m);
	next_exit(&m);
	assert_pages(&m, 16, 20);
	assert_pages(&m, 16, 20);
	bits[0] = 1u << 20 | 1u << 24; /* one that is dirty, one that is not */
	assert_int_equal(clear_log(&m, 0, 0, 64, bits), 0);
	assert_pages(&m, 16);
	bits[0] = 1u << 16;
	assert_int_equal(clear_log(&m, 0, 64, 64, bits), 0); /* page 80 */
	assert_pages(&m, 16);
	assert_int_equal(clear_log(&m, 0, 0, 64, bits), 0);
	assert_clean(&m);
	next_exit(&m);
	assert_pages(&m, 16);
	machine_destroy(&m);
}

/* All dirty from the start, padding excepted. */
static void initially_set(void **state)
{
	struct kvm_userspace_memory_region r = {.slot = 3,
						.flags = KVM_MEM_LOG_DIRTY_PAGES,
						.guest_phys_addr = RAM + RAM_SIZE,
						.memory_size = 70 * PAGE};
	uint64_t bits[2] = {1, 0};
	struct machine m;

	machine_create(&m, 1, false);
	r.userspace_addr = (uintptr_t)m.ram;
	assert_int_equal(enable(&m, 3), 0);
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(clear_log(&m, 3, 0, 70, bits), 0);
	assert_int_equal(get_log(&m, 3, bits), 0);
	assert_true(bits[0] == UINT64_MAX - 1);
	assert_int_equal(bits[1], 0x3f);
	machine_destroy(&m);
}

/* The log moves with its slot. */
static void moves_with_the_slot(void **state)
{
	struct kvm_userspace_memory_region r = {.flags = KVM_MEM_LOG_DIRTY_PAGES,
						.guest_phys_addr = RAM + 0x1000000,
						.memory_size = RAM_SIZE};
	struct machine m;

	machine_create(&m, 1, false);
	write_guest(&m);
	assert_int_equal(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES), 0);
	next_exit(&m);
	r.userspace_addr = (uintptr_t)m.ram;
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_pages(&m, 16, 20);
	r.memory_size = 0;
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(get_log(&m, 0, (uint64_t[WORDS]){0}), -ENOENT);
	machine_destroy(&m);
}

/*
 * The promise: a page that changed since the last look is in the next. A guest counts up in 32
 * pages; a copy that is brought up to date by the log alone must equal the guest's memory.
 */
#define COUNTERS      32
#define SLOT_OF(p, n) (*(volatile uint64_t *)(void *)((p) + 0x10000 + (n)*PAGE))

static void *running(void *opaque)
{
	struct machine *m = opaque;

	while (run(m, 0) == -EINTR)
		;
	return NULL;
}

static void update(struct machine *m, uint8_t *copy)
{
	uint64_t bits[WORDS];

	assert_int_equal(get_log(m, 0, bits), 0);
	for (unsigned n = 0; n < PAGES; n++) {
		if (bits[n / 64] >> n % 64 & 1)
			memcpy(copy + n * PAGE, m->ram + n * PAGE, PAGE);
	}
}

static void nothing_is_missed(void **state)
{
	uint8_t *copy = calloc(1, RAM_SIZE);
	uint64_t last = 0, rounds = 0;
	struct machine m;
	pthread_t t;

	machine_create(&m, 1, false);
	mmu_on(&m, 0);
	emit_mov(&m, 4, 0);
	uint64_t again = here(&m);

	emit_mov(&m, 0, DATA);
	emit_mov(&m, 5, COUNTERS);
	emit(&m, A64_ADD_IMM(4, 4, 1));
	emit(&m, A64_STR_X(4, 0));
	emit_mov(&m, 6, PAGE);
	emit(&m, 0x8b060000); /* ADD X0, X0, X6 */
	emit(&m, A64_SUBS_IMM(5, 5, 1));
	emit(&m, A64_CBNZ(5, -16));
	emit_mov(&m, 7, RAM + 0x8000); /* the word that ends it */
	emit(&m, A64_LDR_X(8, 7));
	emit(&m, A64_CBZ(8, (int64_t)(again - here(&m))));
	emit_psci(&m, PSCI_SYSTEM_OFF);

	memcpy(copy, m.ram, RAM_SIZE);
	assert_int_equal(set_flags(&m, KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(pthread_create(&t, NULL, running, &m), 0);
	for (int n = 0; n < 1000000 && rounds < 200; n++) {
		update(&m, copy);
		/* The copy never runs ahead, and goes on as the guest does. */
		uint64_t v = SLOT_OF(copy, 0);

		assert_true(v >= last && v <= SLOT_OF(m.ram, 0));
		rounds += v != last;
		last = v;
	}
	__atomic_store_n((uint64_t *)(void *)(m.ram + 0x8000), 1, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	update(&m, copy);
	memcpy(copy + 0x8000, m.ram + 0x8000, PAGE); /* ours, not the guest's */
	assert_memory_equal(copy, m.ram, RAM_SIZE);
	assert_int_equal(rounds, 200);
	machine_destroy(&m);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(errors),
	    cmocka_unit_test(reading_clears),
	    cmocka_unit_test(manual_clearing),
	    cmocka_unit_test(initially_set),
	    cmocka_unit_test(moves_with_the_slot),
	    cmocka_unit_test(nothing_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
