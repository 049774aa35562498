/* SPDX-License-Identifier: MIT */
/* The machine of its.c: a GIC with ITSes and guest memory, and what must always hold. */
#ifndef FUZZ_ITS_STATE_H
#define FUZZ_ITS_STATE_H

#include <armature/its.h>
#include <stdbool.h>

#include "gic-state.h"

#define FUZZ_ITS(n) (UINT64_C(0x0c000000) + (n)*AM_ITS_SIZE)

/* Guest memory, and where a guest that makes sense has its tables. */
#define RAM	  UINT64_C(0x40000000)
#define RAM_BYTES 0x100000u
#define ROM	  (RAM + 0xf8000) /* the last part can only be read */
#define QUEUE	  RAM
#define DEVICES	  (RAM + 0x10000)
#define COLLS	  (RAM + 0x20000)
#define PROP	  (RAM + 0x30000)
#define PEND(n)	  (RAM + 0x40000 + (n)*0x10000ull)
#define L2(n)	  (RAM + 0x60000 + (n)*0x10000ull)
#define ITTS	  (RAM + 0x80000)
#define ITT(n)	  (ITTS + (n)*0x800ull)

enum { MAX_ITS = 3, NR_DEVS = 24, DEV_EVENTS = 256, NR_COLLS = 8 };

#define VALID	 (UINT64_C(1) << 63)
#define INDIRECT (UINT64_C(1) << 62)

struct its_machine {
	struct machine m;
	struct am_its *its[MAX_ITS];
	size_t max_bytes[MAX_ITS];
	long bytes_before; /* of the GIC without ITSes */
	uint8_t ram[RAM_BYTES];
	bool dirty[RAM_BYTES / 4096];
	uint64_t hole, hole_end; /* memory that is gone */
	unsigned written;	 /* bytes, since it was last set to 0 */
	bool nonzero;		 /* some of them */
};

extern struct its_machine box;

/* A GICv3 with @cpus vCPUs, LPIs off, and no ITS. */
void box_start(unsigned cpus);
void box_end(void);
/* The n-th ITS, with as much memory of its own; 0 or the errno. */
int box_its(unsigned n, size_t max_bytes);
void box_no_its(unsigned n);

/* Anywhere in memory or beside it: what does not fit is left out. */
void ram_put(uint64_t ipa, const void *data, size_t len);
void ram_put64(uint64_t ipa, uint64_t value);
uint64_t ram_get64(uint64_t ipa);
void ram_zero(uint64_t ipa, size_t len);

/* The host's memory is within its.h's bound, and lines are as reported. */
void box_check(void);
/*
 * After a restore that failed, or a reset: saving finds nothing. Leaves the ITS disabled, its
 * tables valid.
 */
void box_check_empty(unsigned n);
/*
 * What is saved of a machine whose tables make sense is restored to the same: saved again it is the
 * same bytes. Does nothing when the tables are not where the guest that makes sense has them.
 */
void box_check_saved(unsigned n);

#endif
