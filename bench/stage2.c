/* SPDX-License-Identifier: MIT */
/*
 * What changes of stage 2 tables cost, and looking an address up: lines "name<TAB>ns". Tables are
 * cut from one piece of memory, so that their allocation is not what is measured; no TLB is told.
 * Best of several rounds.
 */
#include <armature/stage2.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS 5
#define GIB    (UINT64_C(1) << 30)
#define PAGE   UINT64_C(4096)
#define BLOCK  (UINT64_C(2) << 20)
#define RAM    UINT64_C(0x40000000)

/* ---- Memory for tables ---- */

static struct {
	uint8_t *mem;
	size_t len, next;
	uint64_t free;
} pool;

static bool table_alloc(void *opaque, size_t size, uint64_t *pa)
{
	if (pool.free && size == PAGE) {
		uint64_t *t = (uint64_t *)(uintptr_t)pool.free;

		*pa = pool.free;
		pool.free = *t;
		memset(t, 0, size);
		return true;
	}
	pool.next = (pool.next + size - 1) & ~(size - 1);
	if (pool.next + size > pool.len)
		return false;
	*pa = (uintptr_t)(pool.mem + pool.next);
	pool.next += size;
	return true;
}

static void table_free(void *opaque, uint64_t pa, size_t size)
{
	if (size != PAGE)
		return;
	*(uint64_t *)(uintptr_t)pa = pool.free;
	pool.free = pa;
}

static const struct am_s2_ops ops = {.table_alloc = table_alloc, .table_free = table_free};

/* ---- Time ---- */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void keep(double *best, uint64_t start, uint64_t per)
{
	double ns = (double)(now() - start) / (double)per;

	if (*best == 0 || ns < *best)
		*best = ns;
}

static void must(int err)
{
	if (err) {
		fprintf(stderr, "bench: %d\n", err);
		exit(1);
	}
}

static void map(struct am_s2 *s2, uint64_t ipa, uint64_t size)
{
	must(am_s2_map(s2, ipa, size, ipa, AM_S2_RWX, AM_S2_NORMAL_WB));
}

/* ---- What is measured ---- */

static double pages_fresh, pages_again, pages_range, blocks, blocks_cut, protect_pages,
    protect_blocks, protect_page, unmap_page, unmap_pages, unmap_blocks, leaf_pages, leaf_blocks,
    walk_pages, empty;

static void by_page(struct am_s2 *s2)
{
	uint64_t start;

	/* One by one, as faults do, in an order that is not the tables'. */
	start = now();
	for (uint64_t n = 0; n < GIB / PAGE; n++)
		map(s2, RAM + (n * 0x9e35 % (GIB / PAGE)) * PAGE, PAGE);
	keep(&pages_fresh, start, GIB / PAGE);

	start = now();
	for (uint64_t n = 0; n < GIB / PAGE; n++)
		must(am_s2_protect(s2, RAM + n * PAGE, PAGE, AM_S2_W, 0, NULL));
	keep(&protect_page, start, GIB / PAGE);

	/* Every other, so that no table empties; then once more into tables that are there. */
	start = now();
	for (uint64_t n = 0; n < GIB / PAGE; n += 2)
		must(am_s2_unmap(s2, RAM + n * PAGE, PAGE));
	keep(&unmap_page, start, GIB / PAGE / 2);
	start = now();
	for (uint64_t n = 0; n < GIB / PAGE; n += 2)
		map(s2, RAM + n * PAGE, PAGE);
	keep(&pages_again, start, GIB / PAGE / 2);
	must(am_s2_unmap(s2, RAM, GIB));
	am_s2_reap(s2);
}

static void lookups(struct am_s2 *s2, double *leaf, double *walk)
{
	uint64_t x = 1, sum = 0, start;
	struct am_s2_result r;
	unsigned log2 = 0;

	start = now();
	for (unsigned n = 0; n < 1000000; n++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		sum += am_s2_leaf(s2, RAM + (x >> 34), &log2);
	}
	keep(leaf, start, 1000000);
	start = now();
	for (unsigned n = 0; n < 1000000; n++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		am_s2_walk(s2, RAM + (x >> 34), &r);
		sum += r.oa;
	}
	if (walk)
		keep(walk, start, 1000000);
	if (!sum)
		printf("\n");
}

static void by_range(struct am_s2 *s2, bool small)
{
	uint64_t start = now();

	map(s2, RAM, GIB);
	if (small)
		keep(&pages_range, start, GIB / PAGE);
	else
		keep(&blocks, start, GIB / BLOCK);
	lookups(s2, small ? &leaf_pages : &leaf_blocks, small ? &walk_pages : NULL);
	start = now();
	must(am_s2_protect(s2, RAM, GIB, AM_S2_W, 0, NULL));
	keep(small ? &protect_pages : &protect_blocks, start, 1);
	if (!small) {
		start = now();
		must(am_s2_split(s2, RAM, GIB, 12));
		keep(&blocks_cut, start, GIB / BLOCK);
		must(am_s2_collapse(s2, RAM, GIB));
	}
	start = now();
	must(am_s2_unmap(s2, RAM, GIB));
	am_s2_reap(s2);
	keep(small ? &unmap_pages : &unmap_blocks, start, 1);
	start = now();
	must(am_s2_unmap(s2, 0, UINT64_C(1) << 48));
	keep(&empty, start, 1);
}

int main(void)
{
	struct am_s2_config config = {
	    .ipa_bits = 48,
	    .granule = 12,
	    .oa_bits = 48,
	    .flags = AM_S2_XNX | AM_S2_BBM2 | AM_S2_IDENTITY,
	};
	struct am_s2 s2;

	pool.len = 32u << 20;
	pool.mem = mmap(NULL, pool.len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (pool.mem == MAP_FAILED)
		return 1;
	pool.next = -(uintptr_t)pool.mem & 0xffff; /* multiples count from here on */
	pool.mem += pool.next;
	pool.len -= pool.next;
	pool.next = 0;
	for (unsigned n = 0; n < ROUNDS; n++) {
		config.max_block = 12;
		must(am_s2_init(&s2, &config, &ops, NULL));
		by_page(&s2);
		by_range(&s2, true);
		am_s2_finish(&s2);
		config.max_block = 21;
		must(am_s2_init(&s2, &config, &ops, NULL));
		by_range(&s2, false);
		am_s2_finish(&s2);
	}
	printf("map.page_fresh\t%.2f\n", pages_fresh);
	printf("map.page_existing_table\t%.2f\n", pages_again);
	printf("map.page_in_1gib\t%.2f\n", pages_range);
	printf("map.block_2mib\t%.2f\n", blocks);
	printf("split.block_2mib\t%.2f\n", blocks_cut);
	printf("protect.page\t%.2f\n", protect_page);
	printf("protect.1gib_pages\t%.0f\n", protect_pages);
	printf("protect.1gib_blocks\t%.0f\n", protect_blocks);
	printf("unmap.page\t%.2f\n", unmap_page);
	printf("unmap.1gib_pages\t%.0f\n", unmap_pages);
	printf("unmap.1gib_blocks\t%.0f\n", unmap_blocks);
	printf("unmap.empty_48bit\t%.0f\n", empty);
	printf("leaf.pages\t%.2f\n", leaf_pages);
	printf("leaf.blocks\t%.2f\n", leaf_blocks);
	printf("walk.pages\t%.2f\n", walk_pages);
	return 0;
}
