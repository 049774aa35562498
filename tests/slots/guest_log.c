/* SPDX-License-Identifier: MIT */
/*
 * Stores of every kind to random pages of a logged area. What is stored never repeats, so a page
 * that was written differs from any copy of it made before.
 */
#include "guest.h"

void guest_log(unsigned cpu);

enum { STORE, STORE_BYTE, STORE_PAIR, STORE_ACROSS, ADD, EXCLUSIVE, ZERO, LOAD, OPS };

static int refused(u64 r)
{
	return r >= TOOK_DATA_ABORT && r <= TOOK_OTHER;
}

static void give_up(unsigned cpu, u64 got, u64 va, unsigned op)
{
	u64 *f = SHARED_DATA->vcpu[cpu].fail;

	f[2] = va;
	f[3] = got;
	f[5] = mrs(tpidr_el1);
	f[6] = op;
	store(&f[0], (u64)FAIL_EXCEPTION);
	for (;;)
		store((u64 *)FAILED, 1);
}

/* The vCPUs keep to words of their own, but for the last of a page and the first of the next. */
static void one(unsigned cpu, u64 page, unsigned op, u64 count, int last)
{
	u64 cell = page + PAGE_CELL(cpu), r = 0;

	switch (op) {
	case STORE:
		r = try_store(cell, count);
		break;
	case STORE_BYTE:
		asm volatile("strb %w0, [%1]" : : "r"(count), "r"(cell + 8 + count % 8) : "memory");
		break;
	case STORE_PAIR:
		asm volatile("stp %0, %0, [%1]" : : "r"(count), "r"(cell + 16) : "memory");
		break;
	case STORE_ACROSS:
		r = try_store(last ? cell + 32 : page + PAGE_SIZE_4 - 4, count);
		break;
	case ADD:
		r = try_add(cell + CELL_EXCL + 24);
		break;
	case EXCLUSIVE:
		r = try_exclusive(cell + CELL_EXCL + 32);
		break;
	case ZERO:
		asm volatile("str %0, [%1]" : : "r"(count), "r"(page + PAGE_ZERO(cpu)) : "memory");
		r = try_zero(page + PAGE_ZERO(cpu));
		break;
	default: /* a clean page may be known for reading before it is written */
		try_load(cell);
	}
	if (refused(r))
		give_up(cpu, r, page, op);
}

void guest_log(unsigned cpu)
{
	struct shared *sh = SHARED_DATA;
	struct shared_vcpu *me = &sh->vcpu[cpu];
	u64 random = 0x9e3779b97f4a7c15ul * (cpu + 1), pages = sh->log_pages, count = 0;
	int on = sh->log_mmu != 0;

	mmu(on);
	while (!load(&sh->stop)) {
		u64 base = random_next(&random) % pages;

		for (unsigned n = 0; n < 16; n++) {
			u64 r = random_next(&random);
			u64 page = base + (r & 7);
			unsigned op = (r >> 8) % OPS;

			if (page >= pages)
				page -= pages;
			/* Device memory takes only plain, aligned accesses. */
			if (!on && op != STORE_BYTE && op != LOAD)
				op = STORE;
			one(cpu, LOG_AREA + page * PAGE_SIZE_4, op, ++count, page == pages - 1);
		}
		store(&me->ops, me->ops + 16);
		/*
		 * Not all pages all the time: what is not dirty matters too. The last store to a
		 * page is one that comes late, and no other makes good for it.
		 */
		for (u64 n = random_next(&random) & 15; n; n--) {
			count += 2;
			try_late(LOG_AREA + (base + n) % pages * PAGE_SIZE_4 + PAGE_CELL(cpu) + 56,
				 count);
		}
		for (u64 n = random_next(&random) & 0x3fff; n; n--)
			asm volatile("");
	}
	mmu(0);
	for (;;)
		store((u64 *)STOPPED, 1);
}
