/* SPDX-License-Identifier: MIT */
/*
 * What the guests of tests/slots and their hosts have in common: where things are, what a page
 * contains, and the words by which the host tells the guest what it has to find.
 *
 * The address space is one slot that never changes (HOME: guest code, stacks, tables, this
 * structure) and places where slots come and go. A place is looked at through its probes: 16 pages
 * of it, next to each other in a small place and 256 KiB apart in a large one.
 */
#ifndef SLOTS_LAYOUT_H
#define SLOTS_LAYOUT_H

#include <stdint.h>

#define HOME	  UINT64_C(0x40000000)
#define HOME_SIZE UINT64_C(0x400000)
#define VCPUS	  2

/* In HOME: */
#define ROOT	 (HOME + 0x100000) /* level 1: 512 blocks of 1 GiB */
#define VIEW_L2	 (HOME + 0x101000) /* the table above the one that comes and goes */
#define TRAP	 (HOME + 0x102000) /* a page that only a stale table leads to */
#define PAGES_L2 (HOME + 0x103000) /* dirty log: the log's area by 2 MiB blocks */
#define PAGES_L3 (HOME + 0x110000) /* dirty log: by 4 KiB pages */
#define SHARED	 (HOME + 0x200000)

/* No memory there ever. */
#define STOPPED UINT64_C(0x30000000) /* the guest stores here when it has seen shared.stop */
#define FAILED	UINT64_C(0x30000008) /* ... when shared.vcpu[].fail tells what is wrong */

#define POISON	    UINT64_C(0x9d9d9d9d9d9d9d9d)
#define HOLE	    UINT64_C(0x401e401e401e401e) /* what the host answers where nothing is */
#define BREAKPOINT  UINT32_C(0xd4213220)	 /* BRK #0x991 */
#define PAGE_SIZE_4 UINT64_C(4096)

/* ---- Places ---- */

#define PROBES	     16
#define SMALL_PLACES 24
#define PLACES	     32

#define SMALL_BASE   UINT64_C(0x80000000)
#define SMALL_PITCH  UINT64_C(0x40000)
#define LARGE_BASE   UINT64_C(0x90000000)
#define LARGE_PITCH  UINT64_C(0x800000)
#define SMALL_STRIDE PAGE_SIZE_4
#define LARGE_STRIDE UINT64_C(0x40000)

static inline uint64_t place_ipa(unsigned place)
{
	return place < SMALL_PLACES ? SMALL_BASE + place * SMALL_PITCH
				    : LARGE_BASE + (place - SMALL_PLACES) * LARGE_PITCH;
}

static inline uint64_t place_stride(unsigned place)
{
	return place < SMALL_PLACES ? SMALL_STRIDE : LARGE_STRIDE;
}

static inline uint64_t probe_ipa(unsigned index)
{
	return place_ipa(index / PROBES) + index % PROBES * place_stride(index / PROBES);
}

/*
 * With translation on, every probe is also at VIEW + n * 4096, by a level 3 table that lies in a
 * slot which comes and goes: entry n is probe n ^ key.
 */
#define VIEW	     UINT64_C(0x100000000)
#define TABLE_PLACES 4
#define TABLE_IPA(n) (UINT64_C(0xa0000000) + (n)*UINT64_C(0x10000))

/* ---- The dirty log's area: one slot after the other ---- */

#define LOG_AREA   UINT64_C(0x80000000)
#define LOG_PAGES1 2048u
#define LOG_PAGES2 70u /* not a multiple of 64 */
#define LOG_UNUSED 3u  /* at the end */

enum { LOG_MMU_OFF, LOG_MMU_1G, LOG_MMU_2M, LOG_MMU_4K, LOG_MMU_KINDS };

/* ---- The first KiB of a probe page ---- */

#define PAGE_ID	     0x000 /* who it is */
#define PAGE_CODE    0x040 /* a function: x0 = id in its instructions, x1 = id in the page */
#define PAGE_CELL(c) (0x100u + (c)*0x40u) /* a vCPU's words: */
#define CELL_STORE   0			  /* ... stored, */
#define CELL_ADD     8			  /* ... added to, */
#define CELL_EXCL    16			  /* ... added to by LDXR and STXR */
#define PAGE_ZERO(c) (0x200u + (c)*0x40u) /* 64 bytes for DC ZVA */
#define PAGE_USED    0x400

/*
 * An identity: 63:56 0x5a, 55:48 backing, 47:44 probe, 43:20 how many times the page has been
 * filled. The bits below are zero and leave room for adding.
 */
#define ID_TAG UINT64_C(0x5a)
#define ID(backing, probe, epoch)                                             \
	(ID_TAG << 56 | (uint64_t)(backing) << 48 | (uint64_t)(probe) << 44 | \
	 (uint64_t)(epoch) << 20)
/* What cells and blocks contain before they are written. */
#define ID_FILL(id) ((id) ^ (ID_TAG ^ UINT64_C(0xc1)) << 56)
/* What a vCPU stores: never twice the same. */
#define STORED(vcpu, count) ((UINT64_C(0xa0) | (vcpu)) << 56 | (count))

/* ---- What the host tells, and what the guest answers ---- */

enum { /* shared.vcpu[].count: what was seen while nothing changed meanwhile */
       SEEN_READ,
       SEEN_WRITE,
       SEEN_ADD,
       SEEN_EXCL,
       SEEN_ZERO,
       SEEN_EXEC,
       SEEN_HOLE_READ,
       SEEN_HOLE_WRITE,
       SEEN_HOLE_ABORT, /* an access without syndrome */
       SEEN_HOLE_EXEC,
       SEEN_READONLY_WRITE,
       SEEN_READONLY_ABORT,
       SEEN_READONLY_EXEC,
       SEEN_VIEW, /* any of the above by the view */
       SEEN_NO_TABLE_DATA,
       SEEN_NO_TABLE_EXEC,
       SEEN_MMU_OFF,
       SEEN_CHANGING, /* not any of the above: something changed meanwhile */
       SEEN_KINDS,
};

#define WANT_READONLY (UINT64_C(1) << 63)
#define TABLE_PRESENT (UINT64_C(1) << 32)

struct shared_vcpu {
	uint64_t ops;
	uint64_t mmio_writes; /* counted by the host */
	uint64_t fail[8];     /* what, place and probe, address, got, want, syndrome, mode */
	uint64_t count[SEEN_KINDS];
	/* The last store to the cell of a probe: 63:40 sequence of the place, 39:0 count. */
	uint64_t stored[PLACES * PROBES];
};

struct shared {
	uint64_t stop;
	uint64_t table_seq, table;	/* TABLE_PRESENT and the key */
	uint64_t seq[PLACES];		/* odd while the host is changing something there */
	uint64_t want[PLACES * PROBES]; /* 0: nothing there; else the id, with WANT_READONLY */
	struct shared_vcpu vcpu[VCPUS];

	/* Dirty log: pages that the guest may use, LOG_MMU_*. */
	uint64_t log_pages, log_mmu;
};

enum { /* shared_vcpu.fail[0] */
       FAIL_POISON = 1,
       FAIL_TRAP,
       FAIL_BREAKPOINT,
       FAIL_EXCEPTION,
       FAIL_VALUE,
       FAIL_READ_BACK,
       FAIL_NO_EXIT,
       FAIL_NO_ABORT,
};

#endif
