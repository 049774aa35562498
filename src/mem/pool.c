/* SPDX-License-Identifier: MIT */
/* Memory for stage 2 tables: zeroed pages of the granule's size, cut from larger pieces. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "mem/table.h"

/* At the head of a chunk is the chain to the next; the rest of that granule is lost. */
struct chunk {
	struct chunk *next;
	size_t len;
};

static void *map_zeroes(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Of a slot with 4 MiB, say, the log has 128 bytes. */
#define SMALL 1024

void *mem_zeroes(size_t len)
{
	return len <= SMALL ? calloc(1, len) : map_zeroes(len);
}

void mem_zeroes_free(void *p, size_t len)
{
	if (len <= SMALL)
		free(p);
	else if (p)
		munmap(p, len);
}

/* @len bytes at a multiple of @align, both multiples of the host's page size. */
static void *zeroes_aligned(size_t len, size_t align)
{
	uint8_t *p = map_zeroes(len + align);

	if (!p)
		return NULL;
	uint8_t *at = (uint8_t *)am_align_up((uintptr_t)p, align);
	size_t before = (size_t)(at - p);

	if (before)
		munmap(p, before);
	munmap(at + len, align - before);
	return at;
}

void pool_init(struct pool *p, size_t granule)
{
	memset(p, 0, sizeof(*p));
	p->granule = granule;
}

void pool_finish(struct pool *p)
{
	struct chunk *c = p->chunks;

	while (c) {
		struct chunk *next = c->next;

		munmap(c, c->len);
		c = next;
	}
}

static bool pool_grow(struct pool *p)
{
	size_t len = POOL_CHUNK > 4 * p->granule ? POOL_CHUNK : 4 * p->granule;
	struct chunk *c = zeroes_aligned(len, p->granule);

	if (!c)
		return false;
	c->next = p->chunks;
	c->len = len;
	p->chunks = c;
	p->unused = (uint8_t *)c + p->granule;
	p->unused_len = len - p->granule;
	return true;
}

static bool table_alloc(void *opaque, size_t size, uint64_t *pa)
{
	struct pool *p = opaque;
	void *t = p->free;

	if (size > p->granule) { /* the first level's tables, side by side */
		t = zeroes_aligned(size, size);
	} else if (t) {
		memcpy(&p->free, t, sizeof(p->free));
		memset(t, 0, size);
	} else if (p->unused_len || pool_grow(p)) {
		t = p->unused;
		p->unused += size;
		p->unused_len -= size;
	}
	*pa = (uintptr_t)t;
	return t;
}

static void table_free(void *opaque, uint64_t pa, size_t size)
{
	struct pool *p = opaque;
	void *t = (void *)(uintptr_t)pa;

	if (size > p->granule) {
		munmap(t, size);
		return;
	}
	memcpy(t, &p->free, sizeof(p->free));
	p->free = t;
}

static void *table_at(void *opaque, uint64_t pa)
{
	return (void *)(uintptr_t)pa;
}

const struct am_s2_ops pool_s2_ops = {
    .table_alloc = table_alloc, .table_free = table_free, .table_at = table_at};
