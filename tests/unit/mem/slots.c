/* SPDX-License-Identifier: MIT */
/*
 * Memory slots: each error of KVM_SET_USER_MEMORY_REGION, host memory that is not there, and a
 * long random history compared with a model that keeps an unsorted list.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "mem/mem.h"
#include "mem/probe.h"

#define PAGE 4096u
#define MB   (UINT64_C(1) << 20)

static unsigned unmaps;
static uint64_t unmapped_gpa, unmapped_size;

static void note_unmap(void *opaque, uint64_t gpa, uint64_t size)
{
	unmaps++;
	unmapped_gpa = gpa;
	unmapped_size = size;
}

static uint8_t *host_pages(size_t n, int prot)
{
	void *p = mmap(NULL, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static int set(struct mem *m, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size,
	       uint64_t hva)
{
	struct mem_slot s = {.id = id, .flags = flags, .gpa = gpa, .size = size, .hva = hva};

	return mem_set_slot(m, &s);
}

/* Each refusal, in the order in which KVM looks. */
static void errors_are_kvms(void **state)
{
	struct mem *m = mem_create(40, note_unmap, NULL);
	uint64_t top = UINT64_C(1) << 40, hva = 0x10000000;

	assert_int_equal(set(m, 32767, 0, 0, 2 * MB, hva), -EINVAL);
	assert_int_equal(set(m, 0x10000, 0, 0, 2 * MB, hva), -EINVAL);
	assert_int_equal(set(m, 0, 4, 0, 2 * MB, hva), -EINVAL);
	assert_int_equal(set(m, 0, 0, 0x800, 2 * MB, hva), -EINVAL);
	assert_int_equal(set(m, 0, 0, 0, 2 * MB + 1, hva), -EINVAL);
	assert_int_equal(set(m, 0, 0, 0, 2 * MB, hva + 1), -EINVAL);
	assert_int_equal(set(m, 0, 0, 0, 2 * MB, UINT64_C(1) << 60), -EINVAL);
	assert_int_equal(set(m, 0, 0, 0, 2 * MB, UINT64_MAX - MB + 1), -EINVAL);
	assert_int_equal(set(m, 0, 0, UINT64_MAX - MB + 1, 2 * MB, hva), -EINVAL);
	assert_int_equal(set(m, 0, 0, 0, UINT64_C(1) << 43, hva), -EINVAL);
	assert_int_equal(set(m, 0, 0, 0, 0, hva), -EINVAL);
	assert_int_equal(mem_count(m), 0);

	assert_int_equal(set(m, 0, 0, top - 2 * MB, 2 * MB, hva), 0);
	assert_int_equal(set(m, 1, 0, top - 2 * MB, 4 * MB, hva), -EEXIST);
	assert_int_equal(set(m, 1, 0, top, 2 * MB, hva), -EFAULT);
	assert_int_equal(set(m, 1, 0, top - 4 * MB, 3 * MB, hva), -EEXIST);
	assert_int_equal(set(m, 1, 0, top - 4 * MB, 2 * MB, hva), 0); /* touching is fine */
	assert_int_equal(set(m, 0, 0, top - 2 * MB, MB, hva), -EINVAL);
	assert_int_equal(set(m, 0, 0, top - 2 * MB, 2 * MB, hva + PAGE), -EINVAL);
	assert_int_equal(set(m, 0, MEM_READONLY, top - 2 * MB, 2 * MB, hva), -EINVAL);
	assert_int_equal(set(m, 0, 0, top - 2 * MB, 2 * MB, hva), 0); /* nothing changes */
	assert_int_equal(set(m, 0, 0, top - 3 * MB, 2 * MB, hva), -EEXIST);
	assert_int_equal(set(m, 32766, 0, 0, PAGE, hva), 0);
	assert_int_equal(mem_count(m), 3);
	mem_destroy(m);
}

/* A move and a deletion tell what lost its memory. */
static void unmaps_are_told(void **state)
{
	struct mem *m = mem_create(40, note_unmap, NULL);

	assert_int_equal(set(m, 5, 0, 4 * MB, 2 * MB, 0x10000000), 0);
	unmaps = 0;
	assert_int_equal(set(m, 5, 0, 8 * MB, 2 * MB, 0x10000000), 0);
	assert_int_equal(unmaps, 1);
	assert_int_equal(unmapped_gpa, 4 * MB);
	assert_int_equal(unmapped_size, 2 * MB);
	assert_int_equal(set(m, 5, 0, 0, 0, 0), 0);
	assert_int_equal(unmaps, 2);
	assert_int_equal(unmapped_gpa, 8 * MB);
	assert_int_equal(set(m, 5, 0, 0, 0, 0), -EINVAL);
	mem_destroy(m);
}

/* Host memory decides: unmapped is an error, read-only is not writable, and nothing crashes. */
static void host_memory_is_probed(void **state)
{
	struct mem *m = mem_create(40, note_unmap, NULL);
	uint8_t *p = host_pages(4, PROT_READ | PROT_WRITE);
	struct mem_page page;
	unsigned hint = 0;
	uint32_t flags;

	p[0] = 7;
	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(mprotect(p + 2 * PAGE, PAGE, PROT_NONE), 0);
	assert_int_equal(set(m, 0, 0, 0, 4 * PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 1, MEM_READONLY, MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(munmap(p + 3 * PAGE, PAGE), 0);

	assert_int_equal(mem_page(m, 0, &hint, &page), 0);
	assert_ptr_equal(page.host, p);
	assert_true(page.writable);
	assert_int_equal(p[0], 7); /* probing changes nothing */
	assert_int_equal(mem_page(m, PAGE, &hint, &page), 0);
	assert_ptr_equal(page.host, p + PAGE);
	assert_false(page.writable);
	assert_int_equal(mem_page(m, 2 * PAGE, &hint, &page), -EFAULT);
	assert_int_equal(mem_page(m, 3 * PAGE, &hint, &page), -EFAULT);
	assert_int_equal(mem_page(m, MB, &hint, &page), 0);
	assert_false(page.writable);
	assert_int_equal(mem_page(m, 2 * MB, &hint, &page), 0);
	assert_null(page.host);
	assert_true(mem_slot_flags(m, MB, &flags));
	assert_int_equal(flags, MEM_READONLY);
	assert_false(mem_slot_flags(m, 2 * MB, &flags));
	mem_destroy(m);
	munmap(p, 3 * PAGE);
}

/* What an access finds, from one look at the slots: no slot is never mistaken for bad memory. */
static void kinds_of_access(void **state)
{
	struct mem *m = mem_create(40, note_unmap, NULL);
	uint8_t *p = host_pages(3, PROT_READ | PROT_WRITE);

	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(set(m, 0, 0, 0, 3 * PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 1, MEM_READONLY, MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(munmap(p + 2 * PAGE, PAGE), 0);
	assert_int_equal(mem_kind(m, 8, true), MEM_MEMORY);
	assert_int_equal(mem_kind(m, PAGE, false), MEM_MEMORY);
	assert_int_equal(mem_kind(m, PAGE, true), MEM_BROKEN);
	assert_int_equal(mem_kind(m, 2 * PAGE, false), MEM_BROKEN);
	assert_int_equal(mem_kind(m, MB, false), MEM_MEMORY);
	assert_int_equal(mem_kind(m, MB, true), MEM_DEVICE);
	assert_int_equal(mem_kind(m, 2 * MB, false), MEM_DEVICE);
	mem_destroy(m);
	munmap(p, 2 * PAGE);
}

/* A logged page is writable for who writes it, and for others once it counts as written. */
static void logged_pages(void **state)
{
	struct mem *m = mem_create(40, note_unmap, NULL);
	uint8_t *p = host_pages(4, PROT_READ | PROT_WRITE);
	struct mem_page page;
	unsigned hint = 0;
	uint64_t pages;

	assert_int_equal(set(m, 0, MEM_LOG_DIRTY, 0, 4 * PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 1, MEM_LOG_DIRTY | MEM_READONLY, MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 2, 0, 2 * MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(mem_log_pages(m, 0, &pages), 0);
	assert_int_equal(pages, 4);
	assert_int_equal(mem_log_pages(m, 2, &pages), -ENOENT);
	assert_int_equal(mem_log_pages(m, 3, &pages), -ENOENT);
	assert_int_equal(mem_log_pages(m, MEM_MAX_SLOTS, &pages), -EINVAL);
	assert_int_equal(mem_page(m, PAGE, &hint, &page), 0);
	assert_ptr_equal(page.host, p + PAGE);
	assert_false(page.writable);
	assert_int_equal(mem_log_get(m, 0, 0), 0);
	assert_int_equal(mem_page_write(m, PAGE, &hint, &page), 0);
	assert_true(page.writable);
	assert_int_equal(mem_page(m, PAGE, &hint, &page), 0);
	assert_true(page.writable);
	assert_int_equal(mem_page_write(m, MB, &hint, &page), 0);
	assert_false(page.writable);
	assert_int_equal(mem_log_get(m, 0, 0), 2);
	assert_int_equal(mem_log_get(m, 1, 0), 0);
	assert_int_equal(mem_log_take(m, 0, 0, 1), 0);
	assert_int_equal(mem_log_take(m, 0, 0, 3), 2);
	assert_int_equal(mem_log_get(m, 0, 0), 0);
	mem_destroy(m);
	munmap(p, 4 * PAGE);
}

static void ranges_are_probed(void **state)
{
	uint8_t *p = host_pages(3, PROT_READ | PROT_WRITE);
	uint64_t a = (uintptr_t)p;

	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(munmap(p + 2 * PAGE, PAGE), 0);
	assert_true(mem_range_readable(a, 2 * PAGE));
	assert_true(mem_range_readable(a + 2 * PAGE, 0));
	assert_false(mem_range_readable(a + 2 * PAGE - 1, 2));
	assert_false(mem_range_readable(UINT64_MAX - 3, 8));
	assert_false(mem_range_readable(0, 8));
	assert_true(mem_range_writable(a + PAGE - 8, 8));
	assert_false(mem_range_writable(a + PAGE - 4, 8));
	assert_false(mem_range_writable(8, 8));
	munmap(p, 2 * PAGE);
}

/* ---- The model ---- */

#define MODEL_SLOTS 24
#define MODEL_PAGES 64 /* of guest physical memory */

static struct mem_slot model[MODEL_SLOTS];

static int model_set(uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size, uint64_t hva)
{
	struct mem_slot *old = &model[id];

	if (!size) {
		if (!old->size)
			return -EINVAL;
		old->size = 0;
		return 0;
	}
	if (old->size && (hva != old->hva || size != old->size || flags != old->flags))
		return -EINVAL;
	for (unsigned n = 0; n < MODEL_SLOTS; n++) {
		const struct mem_slot *o = &model[n];

		if (n != id && o->size && gpa < o->gpa + o->size && o->gpa < gpa + size)
			return -EEXIST;
	}
	*old = (struct mem_slot){.id = id, .flags = flags, .gpa = gpa, .size = size, .hva = hva};
	return 0;
}

static void model_compare(struct mem *m, unsigned *hint)
{
	unsigned live = 0;
	uint64_t last = 0;
	struct mem_slot s;

	for (unsigned n = 0; n < MODEL_SLOTS; n++)
		live += model[n].size != 0;
	assert_int_equal(mem_count(m), live);
	for (unsigned n = 0; n < live; n++) {
		assert_true(mem_nth(m, n, &s));
		assert_true(s.gpa >= last);
		last = s.gpa + s.size;
		assert_memory_equal(&s, &model[s.id], sizeof(s));
	}
	for (uint64_t ipa = 0; ipa < MODEL_PAGES * PAGE; ipa += PAGE) {
		uint8_t *want = NULL;
		bool writable = false;
		struct mem_page page;

		for (unsigned n = 0; n < MODEL_SLOTS; n++) {
			if (ipa - model[n].gpa < model[n].size) {
				want = (uint8_t *)(uintptr_t)(model[n].hva + (ipa - model[n].gpa));
				writable = !(model[n].flags & MEM_READONLY);
			}
		}
		assert_int_equal(mem_page(m, ipa, hint, &page), 0);
		assert_ptr_equal(page.host, want);
		assert_int_equal(page.writable, writable);
	}
}

static void random_history_equals_model(void **state)
{
	struct mem *m = mem_create(32, note_unmap, NULL);
	uint8_t *host = host_pages(MODEL_PAGES, PROT_READ | PROT_WRITE);
	unsigned hint = 0, done = 0, refused = 0;

	srand(20240711);
	memset(model, 0, sizeof(model));
	for (unsigned step = 0; step < 3000; step++) {
		uint32_t id = (uint32_t)rand() % MODEL_SLOTS;
		uint64_t size = (uint64_t)(rand() % 5) * PAGE;
		uint64_t gpa = (uint64_t)(rand() % MODEL_PAGES) * PAGE;
		uint64_t hva = (uintptr_t)host + (uint64_t)(rand() % (MODEL_PAGES - 4)) * PAGE;
		uint32_t flags = rand() % 4 ? 0 : MEM_READONLY;

		if (model[id].size && rand() % 2) { /* a move that may succeed */
			size = model[id].size;
			hva = model[id].hva;
			flags = model[id].flags;
		}
		int want = model_set(id, flags, gpa, size, hva);

		assert_int_equal(set(m, id, flags, gpa, size, hva), want);
		done += !want;
		refused += !!want;
		if (step % 16 == 0)
			model_compare(m, &hint);
	}
	/* The history must have been worth something. */
	assert_true(done > 500 && refused > 500);
	mem_destroy(m);
	munmap(host, MODEL_PAGES * PAGE);
}

/* As many slots as there can be: adding them stays fast, and the last one is one too many. */
static void all_slots(void **state)
{
	struct mem *m = mem_create(40, note_unmap, NULL);
	uint8_t *host = host_pages(1, PROT_READ | PROT_WRITE);
	struct mem_page page;
	unsigned hint = 0;

	for (unsigned n = 0; n < 4096; n++)
		assert_int_equal(set(m, n, 0, (uint64_t)n * 2 * PAGE, PAGE, (uintptr_t)host), 0);
	assert_int_equal(mem_count(m), 4096);
	for (unsigned n = 0; n < 4096; n++) {
		assert_int_equal(mem_page(m, (uint64_t)n * 2 * PAGE, &hint, &page), 0);
		assert_ptr_equal(page.host, host);
		assert_int_equal(mem_page(m, ((uint64_t)n * 2 + 1) * PAGE, &hint, &page), 0);
		assert_null(page.host);
	}
	mem_destroy(m);
	munmap(host, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(errors_are_kvms),
	    cmocka_unit_test(unmaps_are_told),
	    cmocka_unit_test(host_memory_is_probed),
	    cmocka_unit_test(kinds_of_access),
	    cmocka_unit_test(logged_pages),
	    cmocka_unit_test(ranges_are_probed),
	    cmocka_unit_test(random_history_equals_model),
	    cmocka_unit_test(all_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
