/* SPDX-License-Identifier: MIT */
/*
 * Guest memory with ITS tables for tests: 2 MiB at IMAGE_BASE, a device table of one 64 KiB page, a
 * collection table of another, and what a walk over them tells.
 */
#ifndef TEST_INSPECT_IMAGE_H
#define TEST_INSPECT_IMAGE_H

#include "cm.h"
#include "vmm/its_tables.h"

#define IMAGE_BASE UINT64_C(0x40000000)
#define IMAGE_SIZE UINT64_C(0x200000)
#define NOWHERE	   UINT64_C(0x90000000)

#define DEVT	 (IMAGE_BASE + 0x20000)
#define COLT	 (IMAGE_BASE + 0x30000)
#define ITT(n)	 (IMAGE_BASE + 0x40000 + (n)*UINT64_C(0x10000))
#define PROP	 (IMAGE_BASE + 0x100000)
#define LEVEL2	 (IMAGE_BASE + 0x180000) /* eight pages */
#define OTHER	 (IMAGE_BASE + 0x160000)
#define L2(n)	 (LEVEL2 + (n)*UINT64_C(0x10000))
#define DEV(n)	 (DEVT + 8 * (n))
#define COL(n)	 (COLT + 8 * (n))
#define EV(t, n) (ITT(t) + 8 * (n))

#define V63	 (UINT64_C(1) << 63)
#define INDIRECT (UINT64_C(1) << 62)

/* GITS_BASER0 and 1 as KVM has them. */
#define BASER_DEVICES	  (V63 | UINT64_C(0x0107000000000200))
#define BASER_COLLECTIONS (V63 | UINT64_C(0x0407000000000200))

/* Entries. */
static inline uint64_t dte(uint64_t itt, unsigned bits, unsigned next)
{
	return V63 | (uint64_t)next << 49 | itt >> 8 << 5 | (bits - 1);
}

static inline uint64_t cte(unsigned icid, uint32_t vcpu)
{
	return V63 | (uint64_t)vcpu << 16 | icid;
}

static inline uint64_t ite(uint32_t intid, unsigned icid, unsigned next)
{
	return (uint64_t)next << 48 | (uint64_t)intid << 16 | icid;
}

enum { MAX_TOLD = 16384 };

struct image {
	uint8_t *ram;
	uint64_t size;
	struct its_walk walk;
	struct its_walk_result result;
	/* What was told; more than there is room for is counted only. */
	unsigned nr_entries, nr_issues, nr_extents;
	struct its_entry entry[MAX_TOLD];
	struct its_issue issue[MAX_TOLD];
	struct its_extent extent[MAX_TOLD];
};

/* Memory of zeroes, IMAGE_SIZE or another, and BASERs for one level. */
void image_init(struct image *m);
void image_init_size(struct image *m, uint64_t size);
void image_finish(struct image *m);

void *image_at(struct image *m, uint64_t gpa, uint64_t len); /* NULL: not in memory */
void image_set(struct image *m, uint64_t gpa, uint64_t value);
uint64_t image_get(struct image *m, uint64_t gpa);

void image_walk(struct image *m);

/* The told entry of the kind at @gpa, or NULL; how many of the kind. */
const struct its_entry *image_entry(const struct image *m, enum its_entry_kind kind, uint64_t gpa);
unsigned image_count(const struct image *m, enum its_entry_kind kind);

#define LPI(n) (8192u + (n))

/*
 * For cmocka; the state is a struct image, not walked yet. Collections 0, 1 and 5 (unmapped);
 * device 0 with events 0, 1, 5 and 31 of 32, device 3 with none of 2, device 7 with event 65535 of
 * 65536, device 32 with event 0 of 16.
 */
int image_setup(void **state);
int image_teardown(void **state);

/* A walk finds this inconsistency and no other. */
void image_finds(struct image *m, enum its_issue_kind kind, int err, uint64_t gpa, uint64_t value);
/* And it is about this. */
void image_of_device(const struct image *m, uint32_t device, uint32_t event);

#endif
