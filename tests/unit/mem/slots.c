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

#define PAGE  4096u
#define MB    (UINT64_C(1) << 20)
#define BLOCK (2 * MB)

static unsigned unmaps;
static uint64_t unmapped_gpa, unmapped_size;

static unsigned protects, waits;

static void note_unmap(void *opaque, uint64_t gpa, uint64_t size)
{
	unmaps++;
	unmapped_gpa = gpa;
	unmapped_size = size;
}

static void note_protect(void *opaque, uint64_t gpa, uint64_t size)
{
	protects++;
}

static void note_synchronize(void *opaque)
{
	waits++;
}

static const struct mem_ops ops = {note_unmap, note_protect, note_synchronize};

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
	struct mem *m = mem_create(40, &ops, NULL);
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
	struct mem *m = mem_create(40, &ops, NULL);

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
	struct mem *m = mem_create(40, &ops, NULL);
	uint8_t *p = host_pages(4, PROT_READ | PROT_WRITE);
	struct mem_page page;
	struct mem_view view = {0};
	uint32_t flags;

	p[0] = 7;
	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(mprotect(p + 2 * PAGE, PAGE, PROT_NONE), 0);
	assert_int_equal(set(m, 0, 0, 0, 4 * PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 1, MEM_READONLY, MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(munmap(p + 3 * PAGE, PAGE), 0);

	assert_int_equal(mem_page(m, 0, false, &view, &page), 0);
	assert_ptr_equal(page.host, p);
	assert_true(page.writable);
	assert_int_equal(p[0], 7); /* probing changes nothing */
	assert_int_equal(mem_page(m, PAGE, false, &view, &page), 0);
	assert_ptr_equal(page.host, p + PAGE);
	assert_false(page.writable);
	assert_int_equal(mem_page(m, PAGE, true, &view, &page), -EFAULT);
	assert_int_equal(mem_page(m, 2 * PAGE, false, &view, &page), -EFAULT);
	assert_int_equal(mem_page(m, 3 * PAGE, false, &view, &page), -EFAULT);
	assert_int_equal(mem_page(m, MB, false, &view, &page), 0);
	assert_false(page.writable);
	assert_int_equal(mem_page(m, 2 * MB, false, &view, &page), 0);
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
	struct mem *m = mem_create(40, &ops, NULL);
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

static uint64_t log_word(struct mem *m, uint32_t id)
{
	uint64_t word;

	mem_log_get(m, id, 0, 1, &word);
	return word;
}

/* A logged page is writable for who writes it, and for others once it counts as written. */
static void logged_pages(void **state)
{
	struct mem *m = mem_create(40, &ops, NULL);
	uint8_t *p = host_pages(4, PROT_READ | PROT_WRITE);
	struct mem_page page;
	struct mem_view view = {0};
	uint64_t pages, word;

	assert_int_equal(set(m, 0, MEM_LOG_DIRTY, 0, 4 * PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 1, MEM_LOG_DIRTY | MEM_READONLY, MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 2, 0, 2 * MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(mem_log_pages(m, 0, &pages), 0);
	assert_int_equal(pages, 4);
	assert_int_equal(mem_log_pages(m, 2, &pages), -ENOENT);
	assert_int_equal(mem_log_pages(m, 3, &pages), -ENOENT);
	assert_int_equal(mem_log_pages(m, MEM_MAX_SLOTS, &pages), -EINVAL);
	assert_int_equal(mem_page(m, PAGE, false, &view, &page), 0);
	assert_ptr_equal(page.host, p + PAGE);
	assert_false(page.writable);
	assert_int_equal(log_word(m, 0), 0);
	assert_int_equal(mem_page(m, PAGE, true, &view, &page), 0);
	assert_true(page.writable);
	assert_int_equal(mem_page(m, PAGE, false, &view, &page), 0);
	assert_true(page.writable);
	assert_int_equal(mem_page(m, MB, true, &view, &page), 0);
	assert_false(page.writable);
	assert_int_equal(log_word(m, 0), 2);
	assert_int_equal(log_word(m, 1), 0);
	word = 1;
	assert_false(mem_log_take(m, 0, 0, 1, &word));
	assert_int_equal(word, 0);
	word = 3;
	assert_true(mem_log_take(m, 0, 0, 1, &word));
	assert_int_equal(word, 2);
	assert_int_equal(log_word(m, 0), 0);
	/* What was taken may not be written unnoticed. */
	assert_int_equal(mem_page(m, PAGE, false, &view, &page), 0);
	assert_false(page.writable);
	protects = 0;
	mem_log_flush(m, 0);
	assert_int_equal(protects, 1);
	mem_destroy(m);
	munmap(p, 4 * PAGE);
}

/*
 * Memory that the host has in one piece is mapped in one piece, and only that; a log takes the
 * block apart, page by page, and its end puts it together.
 */
static void blocks(void **state)
{
	struct mem *m = mem_create(40, &ops, NULL);
	uint8_t *area = host_pages(4 * BLOCK / PAGE, PROT_READ | PROT_WRITE);
	uint8_t *p = (uint8_t *)(((uintptr_t)area + BLOCK - 1) & ~(uintptr_t)(BLOCK - 1));
	struct mem_view view = {0};
	struct mem_page page;
	uint64_t few, bytes, word;

	madvise(p, 2 * BLOCK, MADV_NOHUGEPAGE);
	assert_int_equal(set(m, 0, 0, BLOCK, 2 * BLOCK, (uintptr_t)p), 0);
	few = mem_table_bytes(m);
	/* Untouched memory: a page. */
	assert_int_equal(mem_page(m, BLOCK + 5 * PAGE, true, &view, &page), 0);
	assert_ptr_equal(page.host, p + 5 * PAGE);
	bytes = mem_table_bytes(m);
	assert_true(bytes > few + PAGE);
	/* Memory that is there: no more tables than before. */
	memset(p + BLOCK, 1, BLOCK);
	assert_int_equal(mem_page(m, 2 * BLOCK + 7 * PAGE, false, &view, &page), 0);
	assert_ptr_equal(page.host, p + BLOCK + 7 * PAGE);
	assert_true(page.writable);
	assert_int_equal(mem_table_bytes(m), bytes);
	/* Logged: readable in one piece, writable where it was written. */
	assert_int_equal(set(m, 0, MEM_LOG_DIRTY, BLOCK, 2 * BLOCK, (uintptr_t)p), 0);
	assert_int_equal(mem_page(m, 2 * BLOCK + 7 * PAGE, false, &view, &page), 0);
	assert_false(page.writable);
	assert_int_equal(mem_page(m, 2 * BLOCK + 7 * PAGE, true, &view, &page), 0);
	assert_ptr_equal(page.host, p + BLOCK + 7 * PAGE);
	assert_int_equal(mem_page(m, 2 * BLOCK + 8 * PAGE, false, &view, &page), 0);
	assert_false(page.writable);
	mem_log_get(m, 0, BLOCK / PAGE / 64, 1, &word);
	assert_int_equal(word, 1 << 7);
	assert_int_equal(mem_table_bytes(m), bytes + PAGE);
	/* And back. */
	assert_int_equal(set(m, 0, 0, BLOCK, 2 * BLOCK, (uintptr_t)p), 0);
	assert_int_equal(mem_page(m, 2 * BLOCK + 8 * PAGE, false, &view, &page), 0);
	assert_true(page.writable);
	assert_true(mem_table_bytes(m) < bytes);
	assert_int_equal(set(m, 0, 0, 0, 0, 0), 0);
	assert_int_equal(mem_table_bytes(m), few);
	mem_destroy(m);
	munmap(area, 4 * BLOCK);
}

/* Entries come in the order of the first writes; what user space gives back is protected again. */
static void rings(void **state)
{
	static struct mem_ring_entry entries[2 * MEM_RING_RESERVED];
	struct mem *m = mem_create(40, &ops, NULL);
	uint8_t *p = host_pages(2 * MEM_RING_RESERVED, PROT_READ | PROT_WRITE);
	struct mem_ring ring;
	struct mem_view view = {.ring = &ring};
	uint64_t lo = UINT64_MAX, hi = 0, pages;
	struct mem_page page;

	mem_ring_init(&ring, entries, 2 * MEM_RING_RESERVED);
	mem_log_set_mode(m, MEM_LOG_RING);
	assert_int_equal(set(m, 3, MEM_LOG_DIRTY, MB, 2 * MEM_RING_RESERVED * PAGE, (uintptr_t)p),
			 0);
	assert_int_equal(mem_log_pages(m, 3, &pages), -ENOENT);
	for (unsigned n = 0; n < MEM_RING_RESERVED; n++) {
		assert_false(mem_ring_full(&ring));
		assert_int_equal(mem_page(m, MB + n * PAGE, true, &view, &page), 0);
		assert_true(page.writable);
		assert_int_equal(mem_page(m, MB + n * PAGE, true, &view, &page), 0);
		assert_int_equal(entries[n].flags, 1);
		assert_int_equal(entries[n].slot, 3);
		assert_int_equal(entries[n].offset, n);
	}
	assert_true(mem_ring_full(&ring));
	assert_int_equal(mem_page(m, MB + MEM_RING_RESERVED * PAGE, true, &view, &page), -EAGAIN);
	assert_int_equal(mem_page(m, MB + MEM_RING_RESERVED * PAGE, false, &view, &page), 0);
	assert_false(page.writable);

	/* Two are given back, one of them forged; a third that nobody put there does not count. */
	entries[0].flags = entries[1].flags = 3;
	entries[1].slot = UINT32_MAX;
	entries[MEM_RING_RESERVED].flags = 3;
	assert_int_equal(mem_ring_reset(m, &ring, &lo, &hi), 2);
	assert_int_equal(lo, MB);
	assert_int_equal(hi, MB + PAGE);
	assert_int_equal(entries[0].flags, 0);
	assert_int_equal(mem_page(m, MB, false, &view, &page), 0);
	assert_false(page.writable);
	assert_int_equal(mem_page(m, MB + 2 * PAGE, false, &view, &page), 0);
	assert_true(page.writable);
	for (unsigned n = 0; n < 2 * MEM_RING_RESERVED; n++)
		entries[n].flags = 3;
	assert_int_equal(mem_ring_reset(m, &ring, &lo, &hi), MEM_RING_RESERVED - 2);
	assert_false(mem_ring_full(&ring));
	mem_destroy(m);
	munmap(p, 2 * MEM_RING_RESERVED * PAGE);
}

/* Copies cross pages and slots, stop where memory does, and count as writes. */
static void copies(void **state)
{
	struct mem *m = mem_create(40, &ops, NULL);
	uint8_t *p = host_pages(4, PROT_READ | PROT_WRITE);
	uint8_t buf[2 * PAGE + 3], back[sizeof(buf)];

	for (size_t n = 0; n < sizeof(buf); n++)
		buf[n] = (uint8_t)(n * 7 + n / 256);
	assert_int_equal(set(m, 0, MEM_LOG_DIRTY, MB, 2 * PAGE, (uintptr_t)p), 0);
	assert_int_equal(set(m, 1, 0, MB + 2 * PAGE, PAGE, (uintptr_t)p + 3 * PAGE), 0);
	assert_int_equal(set(m, 2, MEM_READONLY, 2 * MB, PAGE, (uintptr_t)p), 0);
	assert_int_equal(mem_write(m, MB + 5, buf, sizeof(buf)), 0);
	assert_int_equal(log_word(m, 0), 3);
	assert_memory_equal(p + 5, buf, 2 * PAGE - 5);
	assert_memory_equal(p + 3 * PAGE, buf + 2 * PAGE - 5, 8);
	assert_int_equal(mem_read(m, MB + 5, back, sizeof(back)), 0);
	assert_memory_equal(back, buf, sizeof(buf));
	assert_int_equal(mem_read(m, 2 * MB + 5, back, PAGE - 5), 0);
	assert_memory_equal(back, buf, PAGE - 5);
	assert_int_equal(mem_write(m, 2 * MB, buf, 1), -EFAULT);
	assert_int_equal(mem_read(m, MB - 1, back, 2), -EFAULT);
	assert_int_equal(mem_read(m, MB + 3 * PAGE - 1, back, 2), -EFAULT);
	assert_int_equal(mem_read(m, MB + 3 * PAGE, back, 0), 0);
	/* Host memory that is read-only, or not there. */
	assert_int_equal(set(m, 3, 0, 3 * MB, 2 * PAGE, (uintptr_t)p + PAGE), 0);
	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(munmap(p + 2 * PAGE, PAGE), 0);
	assert_int_equal(mem_write(m, 3 * MB, buf, 8), -EFAULT);
	assert_int_equal(mem_read(m, 3 * MB, back, 8), 0);
	assert_int_equal(mem_read(m, 3 * MB + PAGE, back, 8), -EFAULT);
	mem_destroy(m);
	munmap(p, 2 * PAGE);
	munmap(p + 3 * PAGE, PAGE);
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
static uint64_t model_dirty[MODEL_SLOTS]; /* a bit a page of the slot */

static int model_set(uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size, uint64_t hva)
{
	struct mem_slot *old = &model[id];

	if (!size) {
		if (!old->size)
			return -EINVAL;
		old->size = 0;
		return 0;
	}
	if (old->size &&
	    (hva != old->hva || size != old->size || ((flags ^ old->flags) & MEM_READONLY)))
		return -EINVAL;
	for (unsigned n = 0; n < MODEL_SLOTS; n++) {
		const struct mem_slot *o = &model[n];

		if (n != id && o->size && gpa < o->gpa + o->size && o->gpa < gpa + size)
			return -EEXIST;
	}
	if (!(flags & MEM_LOG_DIRTY) || !old->size || !(old->flags & MEM_LOG_DIRTY))
		model_dirty[id] = 0;
	*old = (struct mem_slot){.id = id, .flags = flags, .gpa = gpa, .size = size, .hva = hva};
	return 0;
}

/* The slot that holds @ipa, or NULL. */
static const struct mem_slot *model_find(uint64_t ipa)
{
	for (unsigned n = 0; n < MODEL_SLOTS; n++) {
		if (ipa - model[n].gpa < model[n].size)
			return &model[n];
	}
	return NULL;
}

static void model_access(struct mem *m, uint64_t ipa, bool write, struct mem_view *view)
{
	const struct mem_slot *s = model_find(ipa);
	uint64_t bit = s ? UINT64_C(1) << (ipa - s->gpa) / PAGE : 0;
	bool writable = s && !(s->flags & MEM_READONLY);
	struct mem_page page;

	assert_int_equal(mem_page(m, ipa, write, view, &page), 0);
	if (writable && write && (s->flags & MEM_LOG_DIRTY))
		model_dirty[s->id] |= bit;
	if (writable && (s->flags & MEM_LOG_DIRTY))
		writable = model_dirty[s->id] & bit;
	assert_int_equal(page.writable, writable);
	if (!s || (write && !writable))
		assert_null(page.host);
	else
		assert_ptr_equal(page.host, (uint8_t *)(uintptr_t)(s->hva + (ipa - s->gpa)));
}

static void model_take(struct mem *m, uint32_t id)
{
	uint64_t word = (uint64_t)rand() << 32 | (uint64_t)rand(), want = model_dirty[id] & word;

	if (!model[id].size || !(model[id].flags & MEM_LOG_DIRTY))
		return;
	mem_log_take(m, id, 0, 1, &word);
	assert_int_equal(word, want);
	model_dirty[id] &= ~want;
}

static void model_compare(struct mem *m, struct mem_view *view)
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
		if (s.flags & MEM_LOG_DIRTY)
			assert_int_equal(log_word(m, s.id), model_dirty[s.id]);
	}
	for (uint64_t ipa = 0; ipa < MODEL_PAGES * PAGE; ipa += PAGE)
		model_access(m, ipa, rand() % 4 == 0, view);
}

static void random_history_equals_model(void **state)
{
	struct mem *m = mem_create(32, &ops, NULL);
	uint8_t *host = host_pages(MODEL_PAGES, PROT_READ | PROT_WRITE);
	struct mem_view view = {0};
	unsigned done = 0, refused = 0;

	srand(20240711);
	memset(model, 0, sizeof(model));
	for (unsigned step = 0; step < 3000; step++) {
		uint32_t id = (uint32_t)rand() % MODEL_SLOTS;
		uint64_t size = (uint64_t)(rand() % 5) * PAGE;
		uint64_t gpa = (uint64_t)(rand() % MODEL_PAGES) * PAGE;
		uint64_t hva = (uintptr_t)host + (uint64_t)(rand() % (MODEL_PAGES - 4)) * PAGE;
		uint32_t flags = (rand() % 4 ? 0 : MEM_READONLY) | (rand() % 2 ? 0 : MEM_LOG_DIRTY);

		if (model[id].size && rand() % 2) { /* a move that may succeed */
			size = model[id].size;
			hva = model[id].hva;
			flags = model[id].flags ^ (rand() % 3 ? 0 : MEM_LOG_DIRTY);
			gpa = rand() % 2 ? model[id].gpa : gpa;
		}
		int want = model_set(id, flags, gpa, size, hva);

		assert_int_equal(set(m, id, flags, gpa, size, hva), want);
		done += !want;
		refused += !!want;
		if (step % 16 == 0)
			model_compare(m, &view);
		if (step % 8 == 0)
			model_take(m, id);
	}
	/* The history must have been worth something. */
	assert_true(done > 500 && refused > 500);
	mem_destroy(m);
	munmap(host, MODEL_PAGES * PAGE);
}

/* As many slots as there can be: adding them stays fast, and the last one is one too many. */
static void all_slots(void **state)
{
	struct mem *m = mem_create(40, &ops, NULL);
	uint8_t *host = host_pages(1, PROT_READ | PROT_WRITE);
	struct mem_page page;
	struct mem_view view = {0};

	for (unsigned n = 0; n < 4096; n++)
		assert_int_equal(set(m, n, 0, (uint64_t)n * 2 * PAGE, PAGE, (uintptr_t)host), 0);
	assert_int_equal(mem_count(m), 4096);
	for (unsigned n = 0; n < 4096; n++) {
		assert_int_equal(mem_page(m, (uint64_t)n * 2 * PAGE, false, &view, &page), 0);
		assert_ptr_equal(page.host, host);
		assert_int_equal(mem_page(m, ((uint64_t)n * 2 + 1) * PAGE, false, &view, &page), 0);
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
	    cmocka_unit_test(blocks),
	    cmocka_unit_test(rings),
	    cmocka_unit_test(copies),
	    cmocka_unit_test(ranges_are_probed),
	    cmocka_unit_test(random_history_equals_model),
	    cmocka_unit_test(all_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
