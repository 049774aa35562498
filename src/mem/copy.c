/* SPDX-License-Identifier: MIT */
/*
 * Guest memory for those who are not vCPUs: the interrupt controller's tables, mostly. Every access
 * is checked against the slots as they are at that moment, and a write counts in the dirty log.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "mem/table.h"

/* vCPUs may read and write the same words: no word is torn. */
static void copy_from_guest(uint8_t *to, const uint8_t *from, size_t len)
{
	for (; len && (uintptr_t)from % 8; len--)
		*to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
	for (; len >= 8; len -= 8, to += 8, from += 8) {
		uint64_t v =
		    __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);

		memcpy(to, &v, 8);
	}
	for (; len; len--)
		*to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
}

static void copy_to_guest(uint8_t *to, const uint8_t *from, size_t len)
{
	for (; len && (uintptr_t)to % 8; len--)
		__atomic_store_n(to++, *from++, __ATOMIC_RELAXED);
	for (; len >= 8; len -= 8, to += 8, from += 8) {
		uint64_t v;

		memcpy(&v, from, 8);
		__atomic_store_n((uint64_t *)(void *)to, v, __ATOMIC_RELAXED);
	}
	for (; len; len--)
		__atomic_store_n(to++, *from++, __ATOMIC_RELAXED);
}

/* The part of a copy that lies in one page. */
struct piece {
	uint64_t ipa;
	size_t len;
	uint8_t *to;	     /* of a read */
	const uint8_t *from; /* of a write; NULL: it is a read */
};

/*
 * Under mem.lock, so that the slot stays as long as it is used. 1: what the host allows there is
 * not known yet, and *hva is to be asked without the lock.
 */
static int copy_piece(struct mem *m, const struct piece *p, uint64_t *hva)
{
	unsigned hint = 0;
	struct mapping *s = table_find(mem_table(m), p->ipa, &hint);
	bool write = p->from;
	uint8_t *host;

	if (!s || (write && (s->slot.flags & MEM_READONLY)))
		return -EFAULT;
	*hva = s->slot.hva + (p->ipa - s->slot.gpa);
	switch (mem_host_allows(s, p->ipa, write)) {
	case MEM_NO:
		return -EFAULT;
	case MEM_UNKNOWN:
		return 1;
	default:
		break;
	}
	host = (uint8_t *)(uintptr_t)*hva;
	if (!write) {
		copy_from_guest(p->to, host, p->len);
		return 0;
	}
	copy_to_guest(host, p->from, p->len);
	mem_log_mark(m, s, p->ipa - s->slot.gpa);
	return 0;
}

static int copy(struct mem *m, struct piece p, size_t len)
{
	while (len) {
		size_t rest = MEM_PAGE - (p.ipa & (MEM_PAGE - 1));
		uint64_t hva;
		int r;

		p.len = len < rest ? len : rest;
		am_lock(&m->lock);
		r = copy_piece(m, &p, &hva);
		am_unlock(&m->lock);
		if (r < 0)
			return r;
		if (r > 0 && !mem_learn(m, p.ipa, hva))
			return -EFAULT;
		if (r > 0)
			continue;
		p.ipa += p.len;
		len -= p.len;
		if (p.from)
			p.from += p.len;
		else
			p.to += p.len;
	}
	return 0;
}

int mem_read(struct mem *m, uint64_t ipa, void *to, size_t len)
{
	return copy(m, (struct piece){.ipa = ipa, .to = to}, len);
}

int mem_write(struct mem *m, uint64_t ipa, const void *from, size_t len)
{
	return copy(m, (struct piece){.ipa = ipa, .from = from}, len);
}
