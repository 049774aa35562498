/* SPDX-License-Identifier: MIT */
/*
 * What a walk over the ITS's tables knows on its way, and tells: between its_tables.c, which reads
 * entries, and its_tables_check.c, which keeps count.
 */
#ifndef VMM_ITS_TABLES_CHECK_H
#define VMM_ITS_TABLES_CHECK_H

#include "vmm/its_tables.h"

enum {
	/* ITTs, level 2 pages, two tables and the LPIs' configuration. */
	WALKER_EXTENTS = ITS_MAX_IDS + 8 + 3,
};

/* Where the last device says that the next is. */
struct chain {
	bool on;
	uint32_t from, to;
	uint64_t gpa; /* of the entry that says so */
};

struct walker {
	const struct its_walk *walk;
	struct its_walk_result *result;
	unsigned long max_entries, max_events;
	uint64_t properties; /* where the LPIs' configuration begins */
	uint32_t intids;     /* one more than the VM's greatest */

	/* Where the walk is: for its_issue. */
	enum its_extent_kind table;
	uint32_t device, event;
	uint64_t fault; /* what could not be read */

	unsigned bits; /* of the device's EventIDs */
	uint64_t ids;  /* that the device table has room for */
	struct chain chain;

	uint32_t target[ITS_MAX_IDS]; /* of collections */
	uint8_t icid[ITS_MAX_IDS];    /* it exists */
	uint64_t lpi[ITS_MAX_INTID];  /* 1 + address of the first entry that has it, or 0 */
	uint16_t lpi_device[ITS_MAX_INTID];
	unsigned nr_extents, max_extents;
	struct its_extent *extents;
	bool no_memory; /* for all of them */
};

/* NULL: no memory. Clears @result. */
struct walker *walker_create(const struct its_walk *walk, struct its_walk_result *result);
void walker_destroy(struct walker *wk);

/* Another entry is read at @gpa, another event told: false, and said, if that is too much. */
bool walker_may_read(struct walker *wk, uint64_t gpa);
bool walker_may_tell(struct walker *wk, uint64_t gpa);

void walker_entry(struct walker *wk, const struct its_entry *entry);
void walker_extent(struct walker *wk, const struct its_extent *extent);
void walker_issue(struct walker *wk, enum its_issue_kind kind, int err, uint64_t gpa,
		  uint64_t value);
void walker_issue_with(struct walker *wk, enum its_issue_kind kind, uint64_t gpa, uint64_t value,
		       const struct its_extent *other);

/* At the end: the configuration of LPIs as an extent, and extents that share memory. */
void walker_properties(struct walker *wk);
void walker_overlaps(struct walker *wk);

#endif
