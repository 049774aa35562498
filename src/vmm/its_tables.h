/* SPDX-License-Identifier: MIT */
/*
 * The tables that KVM's ITS saves into guest memory (revision 0 of its format), read as KVM's
 * restore reads them: the collection table first, then the device table and the interrupt
 * translation table (ITT) of each device. The walk tells what it finds, and what is wrong there.
 *
 * Unlike a restore it goes on after an error, as far as what follows still has a meaning.
 *
 * Guest memory may hold anything. A walk reads at most its_walk.max_entries entries, tells of at
 * most its_walk.max_events events, and allocates less than 6 MiB, whatever is in the tables.
 */
#ifndef VMM_ITS_TABLES_H
#define VMM_ITS_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ITS_ENTRY_SIZE = 8,
	ITS_PAGE_SIZE = 65536,
	ITS_MAX_IDS = 65536,   /* DeviceIDs, EventIDs of one device, ICIDs */
	ITS_MAX_VCPUS = 512,   /* of a VM of KVM with a GICv3 */
	ITS_FIRST_LPI = 8192,  /* INTIDs below are no LPIs */
	ITS_MAX_INTID = 65536, /* one more than the greatest LPI that KVM's ITS offers: 16 bits */
};

#define ITS_NOT_MAPPED UINT32_C(0xffffffff) /* the target of a collection that has none */

/* Field Type of GITS_BASER<n> (IHI 0069H 12.19). */
enum { ITS_TYPE_DEVICES = 1, ITS_TYPE_COLLECTIONS = 4 };

/* A value of GITS_BASER<n> as KVM takes it. */
struct its_baser {
	uint64_t value;
	uint64_t base; /* guest address of the table */
	uint64_t size; /* bytes, in pages of 64 KiB whatever the value says */
	unsigned type;
	unsigned entry_size;  /* as the value says; KVM's is 8 */
	unsigned page_size;   /* as the value says, in KiB: 4, 16, 64, or 0 if reserved */
	bool valid, indirect; /* indirect: two levels */
};

struct its_baser its_baser_decode(uint64_t value);

/* ---- What is told ---- */

/* A piece of memory that a table occupies, told before its entries. */
enum its_extent_kind {
	ITS_EXTENT_COLLECTIONS,
	ITS_EXTENT_DEVICES, /* one level */
	ITS_EXTENT_LEVEL1,  /* of two: the guest's own, which KVM only reads */
	ITS_EXTENT_LEVEL2,  /* a page of 8192 device entries */
	ITS_EXTENT_ITT,
	ITS_EXTENT_PROPERTIES, /* the LPIs' configuration, if its_walk.propbaser says where it is */
};

struct its_extent {
	enum its_extent_kind kind;
	uint64_t base, size;
	uint32_t id; /* LEVEL2: DeviceID of the first entry; ITT: DeviceID */
};

/*
 * Every entry that a restore reads is told of, in the order in which it does; what is not told of
 * is not read. But a guest may still unmap what is mapped, and the entries of another save are
 * fewer: then memory that was between two entries is read, so entries that are not there must be
 * zero for the guest to go on well.
 */
enum its_entry_kind {
	ITS_ENTRY_UNUSED, /* a run of entries that are not valid, passed one by one */
	ITS_ENTRY_COLLECTION,
	ITS_ENTRY_COLLECTIONS_END, /* the entry after the last collection, not valid */
	ITS_ENTRY_LEVEL1,	   /* valid ones */
	ITS_ENTRY_DEVICE,
	ITS_ENTRY_EVENT,
};

struct its_entry {
	enum its_entry_kind kind;
	uint64_t gpa;
	uint64_t size; /* 8, or of the whole run */
	uint64_t raw;  /* 0 for a run */
	union {
		struct {
			uint32_t icid;
			uint32_t target; /* vCPU or ITS_NOT_MAPPED */
		} collection;
		struct {
			uint32_t first_id; /* DeviceID of the page's first entry */
			uint64_t page;
		} level1;
		struct {
			uint32_t id;
			uint32_t next; /* distance; 0: the last */
			unsigned bits; /* of EventID: 1 to 32, up to 16 are allowed */
			uint64_t itt;
		} device;
		struct {
			uint32_t device, id;
			uint32_t next; /* distance; 0: the last */
			uint32_t intid;
			uint32_t icid;
			bool known;	 /* the collection exists */
			uint32_t target; /* the collection's, if known */
			bool has_config;
			uint8_t config; /* [7:2] priority, bit 0 enabled */
		} event;
	} u;
};

/* In its_issue: one of these was found at @gpa. */
enum its_issue_kind {
	ITS_ISSUE_BASER_PAGE_SIZE,
	ITS_ISSUE_BASER_ENTRY_SIZE,
	ITS_ISSUE_BASER_INDIRECT,	 /* two levels of collections */
	ITS_ISSUE_TABLE_OUTSIDE,	 /* table not in memory, wholly or partly */
	ITS_ISSUE_LEVEL2_OUTSIDE,	 /* likewise a page of device entries */
	ITS_ISSUE_ITT_OUTSIDE,		 /* likewise an ITT */
	ITS_ISSUE_RESERVED_BITS,	 /* other bits than the format's are set */
	ITS_ISSUE_COLLECTION_TARGET,	 /* no such vCPU */
	ITS_ISSUE_COLLECTION_DUPLICATE,	 /* an ICID for the second time */
	ITS_ISSUE_COLLECTION_BEYOND,	 /* an ICID that the table is too small for */
	ITS_ISSUE_DEVICE_ID,		 /* of more than 16 bits */
	ITS_ISSUE_DEVICE_EVENTID_BITS,	 /* more than 16 */
	ITS_ISSUE_DEVICE_CHAIN_BEYOND,	 /* `next` leads out of the table */
	ITS_ISSUE_DEVICE_CHAIN_DANGLING, /* `next` leads to an entry that is not valid */
	ITS_ISSUE_DEVICE_CHAIN_STRAY,	 /* a device that `next` should have passed over */
	ITS_ISSUE_EVENT_LPI,		 /* the INTID is no LPI */
	ITS_ISSUE_EVENT_LPI_BITS,	 /* the LPI has more bits than the VM's */
	ITS_ISSUE_EVENT_LPI_DUPLICATE,	 /* the LPI of another event */
	ITS_ISSUE_EVENT_CHAIN_BEYOND,	 /* `next` leads out of the ITT */
	ITS_ISSUE_EVENT_COLLECTION,	 /* no such collection */
	ITS_ISSUE_EVENT_CONFIG,		 /* the LPI's configuration is not in memory */
	ITS_ISSUE_OVERLAP,		 /* two tables share memory */
	ITS_ISSUE_LIMIT,		 /* the walk gave up: too much to read */
	ITS_NR_ISSUES
};

/* A restore does not fail for all of them: some are lost silently, some do no harm. */
struct its_issue {
	enum its_issue_kind kind;
	int err;      /* what KVM's RESTORE_TABLES ends with because of it: -errno, or 0 */
	uint64_t gpa; /* of the entry or table; ITS_NO_GPA: a register's value */
	enum its_extent_kind table;
	uint32_t device, event; /* ITS_NO_ID if it is about none */
	uint64_t value;		/* what is wrong, as its_issue_text() shows it */
	struct its_extent other;
};

#define ITS_NO_ID  UINT32_C(0xffffffff)
#define ITS_NO_GPA UINT64_MAX

/* A name that stays: "device_chain_beyond". */
const char *its_issue_name(enum its_issue_kind kind);
/* One line of text about what is wrong and what a restore makes of it; cut to @size. */
void its_issue_text(const struct its_issue *issue, char *text, size_t size);
/* "EINVAL" */
const char *its_error_name(int err);

/* ---- The walk ---- */

struct its_walk {
	/* False if not all of it is guest memory. */
	bool (*read)(void *opaque, uint64_t gpa, void *to, size_t len);
	bool (*contains)(void *opaque, uint64_t gpa, uint64_t len);

	/* Each may be NULL. */
	void (*extent)(void *opaque, const struct its_extent *extent);
	void (*entry)(void *opaque, const struct its_entry *entry);
	void (*issue)(void *opaque, const struct its_issue *issue);
	void *opaque;

	/* Values of GITS_BASER<n>. One that is not valid is a table that KVM does not restore. */
	uint64_t devices, collections;
	uint64_t propbaser; /* of GICR_PROPBASER; 0: not known */
	unsigned nr_vcpus;  /* 0: not known */

	/* 0: the usual ones, which no VM that works comes near. */
	unsigned long max_entries, max_events;
};

#define ITS_WALK_MAX_ENTRIES (16ul << 20)
#define ITS_WALK_MAX_EVENTS  (1ul << 20)

struct its_walk_result {
	int err; /* what KVM's RESTORE_TABLES returns: 0 or -errno of the first issue with one */
	bool complete;			 /* false: the limit was reached, and @err is not known */
	unsigned long issues;		 /* how many */
	unsigned long by[ITS_NR_ISSUES]; /* of each kind */
	unsigned long entries;		 /* that were read */
	unsigned long collections, devices, events, lpis;
};

/* 0 or -ENOMEM. What is wrong in the tables is no error of the walk. */
int its_walk(const struct its_walk *walk, struct its_walk_result *result);

#endif
