/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a slot were written (KVM_GET_DIRTY_LOG).
 *
 * A vCPU asks for a page before it writes there for the first time, and is told "not writable"
 * when it only wants to read a clean one; so it asks again for the first store. After bits were
 * taken, the owner makes every vCPU ask anew. A store in between, by a vCPU that has not yet been
 * told, is to a page that is being reported: whoever copies it does so afterwards.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "mem/table.h"

#define WORD_BITS 64

static uint64_t host_page(void)
{
	static _Atomic(uint64_t) size;
	uint64_t s = atomic_load_explicit(&size, memory_order_relaxed);

	if (am_unlikely(!s)) {
		s = (uint64_t)sysconf(_SC_PAGESIZE);
		atomic_store_explicit(&size, s, memory_order_relaxed);
	}
	return s;
}

static uint64_t nr_pages(const struct mapping *s)
{
	return s->slot.size / host_page();
}

/* Every page, and nothing in the last word's padding. */
static void set_all(struct mapping *s)
{
	uint64_t pages = nr_pages(s);

	for (uint64_t n = 0; n < pages / WORD_BITS; n++)
		atomic_init(&s->dirty[n], UINT64_MAX);
	if (pages % WORD_BITS)
		atomic_init(&s->dirty[pages / WORD_BITS], AM_BIT(pages % WORD_BITS) - 1);
}

int mem_log_start(const struct mem *m, struct mapping *s, const struct mapping *old)
{
	if (old && old->dirty) {
		s->dirty = old->dirty;
		s->dirty_len = old->dirty_len;
		return 0;
	}
	s->dirty_len = am_align_up(nr_pages(s) / 8 + 8, MEM_PAGE);
	s->dirty = mem_zeroes(s->dirty_len);
	if (!s->dirty)
		return -ENOMEM;
	if (m->log_starts_set)
		set_all(s);
	return 0;
}

void mem_log_stop(struct mapping *s)
{
	if (s->dirty)
		munmap((void *)s->dirty, s->dirty_len);
	s->dirty = NULL;
}

bool mem_log_note(struct mapping *s, uint64_t offset, bool write)
{
	uint64_t page = offset / host_page();
	_Atomic(uint64_t) *word = &s->dirty[page / WORD_BITS];
	uint64_t bit = AM_BIT(page % WORD_BITS);

	if (atomic_load_explicit(word, memory_order_relaxed) & bit)
		return true;
	if (write)
		atomic_fetch_or(word, bit);
	return write;
}

/* ---- Reading and clearing ---- */

int mem_log_pages(const struct mem *m, uint32_t id, uint64_t *pages)
{
	if (id >= MEM_MAX_SLOTS)
		return -EINVAL;
	const struct mapping *s = m->by_id[id];

	if (!s || !s->dirty)
		return -ENOENT;
	*pages = nr_pages(s);
	return 0;
}

uint64_t mem_log_get(const struct mem *m, uint32_t id, uint64_t word)
{
	return atomic_load(&m->by_id[id]->dirty[word]);
}

uint64_t mem_log_take(struct mem *m, uint32_t id, uint64_t word, uint64_t mask)
{
	_Atomic(uint64_t) *w = &m->by_id[id]->dirty[word];

	if (!(atomic_load_explicit(w, memory_order_relaxed) & mask))
		return 0;
	return atomic_fetch_and(w, ~mask) & mask;
}

void mem_log_starts_set(struct mem *m, bool set)
{
	m->log_starts_set = set;
}
