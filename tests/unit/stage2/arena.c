/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void arena_init(struct arena *a, unsigned granule, unsigned nr, uint64_t base)
{
	size_t align = (size_t)16 << granule, len = (size_t)nr << granule;

	memset(a, 0, sizeof(*a));
	a->granule = granule;
	a->nr = nr;
	a->fail_after = -1;
	a->map_len = len + align;
	a->map = mmap(NULL, a->map_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	a->used = calloc(nr, 1);
	if (a->map == MAP_FAILED || !a->used)
		abort();
	a->mem = (uint8_t *)(((uintptr_t)a->map + align - 1) & ~(align - 1));
	a->base = base ? base : (uintptr_t)a->mem;
	a->identity = !base;
}

void arena_finish(struct arena *a)
{
	munmap(a->map, a->map_len);
	free(a->used);
}

static void wrong(struct arena *a, const char *what)
{
	if (!a->error)
		a->error = what;
}

static bool table_alloc(void *opaque, size_t size, uint64_t *pa)
{
	struct arena *a = opaque;
	unsigned nr = (unsigned)(size >> a->granule);

	if (!nr || nr > 16 || (nr & (nr - 1)) || size != (size_t)nr << a->granule)
		wrong(a, "table_alloc: size");
	if (a->fail_after == 0)
		return false;
	if (a->fail_after > 0)
		a->fail_after--;
	for (unsigned tried = 0; tried < a->nr; tried += nr) {
		unsigned n = (a->hint + tried) % a->nr / nr * nr, k = 0;

		while (k < nr && !a->used[n + k])
			k++;
		if (k < nr)
			continue;
		memset(&a->used[n], 1, nr);
		a->used[n] = 2;
		memset(a->mem + ((size_t)n << a->granule), 0, size);
		a->hint = n + nr;
		a->live += nr;
		*pa = a->base + ((uint64_t)n << a->granule);
		return true;
	}
	wrong(a, "table_alloc: no room in the test");
	return false;
}

static void table_free(void *opaque, uint64_t pa, size_t size)
{
	struct arena *a = opaque;
	uint64_t n = (pa - a->base) >> a->granule;
	unsigned nr = (unsigned)(size >> a->granule), have = 1;

	if (pa < a->base || n >= a->nr || a->used[n] != 2) {
		wrong(a, "table_free: no such table");
		return;
	}
	while (n + have < a->nr && a->used[n + have] == 1)
		have++;
	if (have != nr)
		wrong(a, "table_free: size");
	memset(&a->used[n], 0, have);
	memset(a->mem + (n << a->granule), 0xa5, (size_t)have << a->granule);
	a->live -= have;
}

static void call_hook(struct arena *a)
{
	void (*hook)(struct arena *) = a->hook;

	a->hook = NULL;
	hook(a);
}

static void *table_at(void *opaque, uint64_t pa)
{
	static uint64_t nothing[8192];
	struct arena *a = opaque;
	uint64_t n = (pa - a->base) >> a->granule;

	if (a->identity)
		wrong(a, "table_at: called");
	if (a->hook && a->hook_after && !--a->hook_after)
		call_hook(a);
	if (pa >= a->base && n < a->nr && a->used[n] == 2)
		return a->mem + (pa - a->base);
	wrong(a, "table_at: no such table");
	return nothing;
}

static bool read_memory(void *opaque, uint64_t pa, uint64_t *value)
{
	struct arena *a = opaque;
	uint64_t n = (pa - a->base) >> a->granule;

	if (pa < a->base || n >= a->nr || !a->used[n] || (pa & 7))
		return false;
	*value = atomic_load((_Atomic(uint64_t) *)(a->mem + (pa - a->base)));
	return true;
}

static void tlbi(void *opaque, uint64_t ipa, uint64_t size)
{
	struct arena *a = opaque;
	struct oracle_result res;

	if (a->hook && !a->hook_after)
		call_hook(a);
	/* Between break and make: nothing is mapped there, wherever one looks. */
	for (unsigned n = 0; n < 8; n++) {
		oracle_walk(&a->oracle, ipa + size / 8 * n, &res);
		if (res.fault < 4 || res.fault > 7)
			wrong(a, "tlbi: something is still mapped");
	}
	if (ipa & (size - 1))
		wrong(a, "tlbi: range");
	if (a->nr_tlbi < ARENA_TLBIS) {
		a->tlbi[a->nr_tlbi].ipa = ipa;
		a->tlbi[a->nr_tlbi].size = size;
	}
	a->nr_tlbi++;
}

const struct am_s2_ops arena_ops = {table_alloc, table_free, table_at, NULL};
const struct am_s2_ops arena_ops_tlbi = {table_alloc, table_free, table_at, tlbi};

int arena_s2_init(struct arena *a, struct am_s2 *s2, const struct am_s2_config *config, bool tlbi)
{
	int err = am_s2_init(s2, config, tlbi ? &arena_ops_tlbi : &arena_ops, a);

	if (err)
		return err;
	a->s2 = s2;
	a->oracle = (struct oracle){
	    .vtcr = am_s2_vtcr(s2),
	    .vttbr = am_s2_vttbr(s2, 0x5a),
	    .pamax = config->oa_bits,
	    .fwb = config->flags & AM_S2_FWB,
	    .xnx = config->flags & AM_S2_XNX,
	    .opaque = a,
	    .read = read_memory,
	};
	return 0;
}

bool arena_is_clean(const struct arena *a)
{
	return !a->error && a->live == 0;
}
