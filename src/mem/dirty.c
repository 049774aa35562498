/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a slot were written (KVM_GET_DIRTY_LOG).
 *
 * While a slot is logged, a page is mapped writable in stage 2 only after a write to it was noted;
 * taking the note away takes the permission, too. A store in between, by a vCPU that has not yet
 * been told, is to a page that is being reported: whoever copies it does so afterwards.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "mem/table.h"

#define WORD_BITS 64

static uint64_t nr_pages(const struct mem *m, const struct mapping *s)
{
	return s->slot.size >> m->page_log2;
}

/* Every page, and nothing in the last word's padding. */
static void set_all(struct mapping *s, uint64_t pages)
{
	memset(s->dirty, 0xff, pages / WORD_BITS * sizeof(s->dirty[0]));
	if (pages % WORD_BITS)
		s->dirty[pages / WORD_BITS] = AM_BIT(pages % WORD_BITS) - 1;
}

int mem_log_start(const struct mem *m, struct mapping *s, const struct mapping *old)
{
	if (m->log_mode == MEM_LOG_RING)
		return 0;
	if (old && old->dirty) {
		s->dirty = old->dirty;
		s->dirty_len = old->dirty_len;
		return 0;
	}
	s->dirty_len = (nr_pages(m, s) / WORD_BITS + 1) * sizeof(s->dirty[0]);
	s->dirty = mem_zeroes(s->dirty_len);
	if (!s->dirty)
		return -ENOMEM;
	if (m->log_starts_set && m->log_mode == MEM_LOG_BITMAP)
		set_all(s, nr_pages(m, s));
	return 0;
}

void mem_log_stop(struct mapping *s)
{
	mem_zeroes_free(s->dirty, s->dirty_len);
	s->dirty = NULL;
}

int mem_log_note(struct mem *m, struct mapping *s, uint64_t offset, bool write,
		 struct mem_view *view, bool *writable)
{
	uint64_t page = offset >> m->page_log2;

	if (m->log_mode != MEM_LOG_BITMAP && view->ring) {
		*writable = write;
		return write && !mem_ring_put(view->ring, s->slot.id, page) ? -EAGAIN : 0;
	}
	if (write && s->dirty)
		s->dirty[page / WORD_BITS] |= AM_BIT(page % WORD_BITS);
	*writable = write || (s->dirty && am_bit(s->dirty[page / WORD_BITS], page % WORD_BITS));
	return 0;
}

void mem_log_mark(struct mem *m, struct mapping *s, uint64_t offset)
{
	uint64_t page = offset >> m->page_log2;

	if (s->dirty)
		s->dirty[page / WORD_BITS] |= AM_BIT(page % WORD_BITS);
}

void mem_log_set_mode(struct mem *m, enum mem_log_mode mode)
{
	m->log_mode = mode;
}

enum mem_log_mode mem_log_get_mode(const struct mem *m)
{
	return m->log_mode;
}

uint64_t mem_block_sizes(void)
{
	switch (sysconf(_SC_PAGESIZE)) {
	case 1 << 14:
		return AM_BIT(14) | AM_BIT(25);
	case 1 << 16:
		return AM_BIT(16) | AM_BIT(29);
	default:
		return AM_BIT(12) | AM_BIT(21) | AM_BIT(30);
	}
}

void mem_set_split_chunk(struct mem *m, uint64_t size)
{
	m->split_chunk = size;
}

uint64_t mem_split_chunk(const struct mem *m)
{
	return m->split_chunk;
}

void mem_log_starts_set(struct mem *m, bool set)
{
	m->log_starts_set = set;
}

/* ---- Reading and clearing ---- */

int mem_log_pages(const struct mem *m, uint32_t id, uint64_t *pages)
{
	if (id >= MEM_MAX_SLOTS)
		return -EINVAL;
	const struct mapping *s = m->by_id[id];

	if (!s || !s->dirty)
		return -ENOENT;
	*pages = nr_pages(m, s);
	return 0;
}

void mem_log_get(struct mem *m, uint32_t id, uint64_t first, unsigned nr, uint64_t *words)
{
	am_lock(&m->lock);
	memcpy(words, &m->by_id[id]->dirty[first], nr * sizeof(words[0]));
	am_unlock(&m->lock);
}

/* Each run of set bits as one range. */
static void protect_word(struct mem *m, const struct mapping *s, uint64_t word, uint64_t bits)
{
	while (bits) {
		unsigned at = (unsigned)__builtin_ctzll(bits);
		uint64_t from = bits >> at;
		unsigned len = ~from ? (unsigned)__builtin_ctzll(~from) : WORD_BITS;
		uint64_t page = word * WORD_BITS + at;

		mem_protect_pages(m, s->slot.gpa + (page << m->page_log2),
				  (uint64_t)len << m->page_log2);
		if (at + len >= WORD_BITS)
			break;
		bits &= ~UINT64_C(0) << (at + len);
	}
}

bool mem_log_take(struct mem *m, uint32_t id, uint64_t first, unsigned nr, uint64_t *words)
{
	struct mapping *s = m->by_id[id];
	uint64_t any = 0;

	am_lock(&m->lock);
	for (unsigned n = 0; n < nr; n++) {
		uint64_t *word = &s->dirty[first + n];

		words[n] &= *word;
		*word &= ~words[n];
		any |= words[n];
		protect_word(m, s, first + n, words[n]);
	}
	am_unlock(&m->lock);
	return any;
}

void mem_log_flush(struct mem *m, uint32_t id)
{
	const struct mem_slot *s = &m->by_id[id]->slot;

	m->ops->protected(m->opaque, s->gpa, s->size);
}
