/* SPDX-License-Identifier: MIT */
/*
 * Reads, writes and executes where slots come and go, and knows what it must find.
 *
 * For every place there is a sequence word, odd while the host is changing something. An access
 * that began and ended under the same even number must find exactly what `want` says. Any access
 * at all that finds poison is wrong: the host poisons memory when the ioctl that took it away has
 * returned, and from then on nobody may get there.
 */
#include "guest.h"

struct access {
	unsigned op, index; /* index: place and probe */
	int mmu, view;
	u64 va, want;
	u64 got, other; /* the value, and a second one where there is one */
	u64 syndrome;
	u64 stores, exits; /* MMIO stores that the host saw */
};

enum { READ, WRITE, ADD, EXCLUSIVE, ZERO, EXEC, OPS };

static struct state {
	u64 random, count, table_seen;
} states[VCPUS];

static void fail(unsigned cpu, u64 what, const struct access *a)
{
	u64 *f = SHARED_DATA->vcpu[cpu].fail;

	f[1] = a->index;
	f[2] = a->va;
	f[3] = a->got;
	f[4] = a->want;
	f[5] = a->syndrome;
	f[6] = a->op | (unsigned)a->mmu << 8 | (unsigned)a->view << 9;
	f[7] = a->other;
	store(&f[0], what);
	for (;;)
		store((u64 *)FAILED, what);
}

static int took_exception(u64 v)
{
	return v >= TOOK_DATA_ABORT && v <= TOOK_OTHER;
}

static void perform(unsigned cpu, struct access *a, u64 value)
{
	u64 *exits = &SHARED_DATA->vcpu[cpu].mmio_writes, before = load(exits);
	u64 cell = a->va + PAGE_CELL(cpu);

	switch (a->op) {
	case READ:
		a->got = try_load(a->va + PAGE_ID);
		break;
	case WRITE:
		/* Now and then in a way that takes long. */
		a->stores = value & 6 ? 1 : 2;
		if (a->stores == 1)
			a->got = try_store(cell + CELL_STORE, value);
		else
			a->got = try_late(cell + CELL_STORE, value - 1);
		a->exits = load(exits) - before;
		/* The same word by the other way to it. */
		a->other = try_load(probe_ipa(a->index) + PAGE_CELL(cpu) + CELL_STORE);
		break;
	case ADD:
		a->got = try_add(cell + CELL_ADD);
		break;
	case EXCLUSIVE:
		a->got = try_exclusive(cell + CELL_EXCL);
		break;
	case ZERO:
		a->got = try_zero(a->va + PAGE_ZERO(cpu));
		break;
	default:
		a->got = try_call(a->va + PAGE_CODE, &a->other);
	}
	a->syndrome = took_exception(a->got) ? mrs(tpidr_el1) : 0;
}

/* What can never be right, whatever changes. */
static u64 always_wrong(const struct access *a)
{
	if (a->got == POISON || a->other == POISON)
		return FAIL_POISON;
	if (a->got == TRAP || a->other == TRAP)
		return FAIL_TRAP;
	if (a->got == TOOK_BREAKPOINT)
		return FAIL_BREAKPOINT;
	/* Aborts are external ones (0x10), for data and for fetches from the same level. */
	if (took_exception(a->got) && (a->got == TOOK_OTHER || (a->syndrome & 0x3f) != 0x10))
		return FAIL_EXCEPTION;
	return 0;
}

#define SEEN(kind)                   \
	({                           \
		*seen = SEEN_##kind; \
		(u64)0;              \
	})
#define EXPECT(cond, kind, what) ((cond) ? SEEN(kind) : (u64)FAIL_##what)

static u64 check_hole(const struct access *a, unsigned *seen)
{
	switch (a->op) {
	case READ:
		return EXPECT(a->got == HOLE, HOLE_READ, VALUE);
	case WRITE:
		if (a->other != HOLE)
			return FAIL_READ_BACK;
		return EXPECT(a->got == 0 && a->exits == a->stores, HOLE_WRITE, NO_EXIT);
	case EXEC:
		return EXPECT(a->got == TOOK_FETCH_ABORT, HOLE_EXEC, NO_ABORT);
	default:
		return EXPECT(a->got == TOOK_DATA_ABORT, HOLE_ABORT, NO_ABORT);
	}
}

static u64 check_readonly(const struct access *a, unsigned *seen)
{
	u64 id = a->want & ~WANT_READONLY;

	switch (a->op) {
	case READ:
		return EXPECT(a->got == id, READ, VALUE);
	case WRITE:
		if (a->other != ID_FILL(id))
			return FAIL_READ_BACK;
		return EXPECT(a->got == 0 && a->exits == a->stores, READONLY_WRITE, NO_EXIT);
	case EXEC:
		return EXPECT(a->got == id && a->other == id, READONLY_EXEC, VALUE);
	default:
		return EXPECT(a->got == TOOK_DATA_ABORT, READONLY_ABORT, NO_ABORT);
	}
}

static u64 check_memory(const struct access *a, u64 value, unsigned *seen)
{
	u64 fill = ID_FILL(a->want);

	switch (a->op) {
	case READ:
		return EXPECT(a->got == a->want, READ, VALUE);
	case WRITE:
		if (a->got || a->exits)
			return FAIL_VALUE;
		return EXPECT(a->other == value, WRITE, READ_BACK);
	case ADD:
		return EXPECT(a->got - fill < 1 << 20, ADD, VALUE);
	case EXCLUSIVE:
		return EXPECT(a->got - fill < 1 << 20, EXCL, VALUE);
	case ZERO:
		return EXPECT(a->got == 0, ZERO, VALUE);
	default:
		return EXPECT(a->got == a->want && a->other == a->want, EXEC, VALUE);
	}
}

static u64 check_no_table(const struct access *a, unsigned *seen)
{
	if (a->op == EXEC)
		return EXPECT(a->got == TOOK_FETCH_ABORT, NO_TABLE_EXEC, NO_ABORT);
	return EXPECT(a->got == TOOK_DATA_ABORT, NO_TABLE_DATA, NO_ABORT);
}

static void one(unsigned cpu, struct state *s, int mmu_is_on)
{
	struct shared *sh = SHARED_DATA;
	struct shared_vcpu *me = &sh->vcpu[cpu];
	u64 r = random_next(&s->random), value = STORED(cpu, s->count += 2);
	struct access a = {
	    .op = r % OPS, .mmu = mmu_is_on, .index = r >> 8 & (PLACES * PROBES - 1)};
	u64 table_seq = 0, table = TABLE_PRESENT, seq, wrong;
	unsigned seen = SEEN_CHANGING, view_index = a.index;

	/* Translation off is Device memory, where only plain accesses are sure to work. */
	if (!mmu_is_on && (a.op == ADD || a.op == EXCLUSIVE || a.op == ZERO))
		a.op = READ;
	if (mmu_is_on && (r & 1ul << 20)) {
		a.view = 1;
		table_seq = load(&sh->table_seq);
		/* Whoever changes tables has to say so; the host did, the guest does it here. */
		if (table_seq != s->table_seen) {
			tlb_flush();
			s->table_seen = table_seq;
		}
		table = load(&sh->table);
		a.index ^= table & (PLACES * PROBES - 1);
	}
	seq = load(&sh->seq[a.index / PROBES]);
	a.want = load(&sh->want[a.index]);
	a.va = a.view ? VIEW + view_index * PAGE_SIZE_4 : probe_ipa(a.index);

	perform(cpu, &a, value);

	barrier();
	wrong = always_wrong(&a);
	if (!wrong && !(seq & 1) && seq == load(&sh->seq[a.index / PROBES]) && !(table_seq & 1) &&
	    (!a.view || table_seq == load(&sh->table_seq))) {
		if (!(table & TABLE_PRESENT))
			wrong = check_no_table(&a, &seen);
		else if (!a.want)
			wrong = check_hole(&a, &seen);
		else if (a.want & WANT_READONLY)
			wrong = check_readonly(&a, &seen);
		else
			wrong = check_memory(&a, value, &seen);
		if (a.view)
			me->count[SEEN_VIEW]++;
		if (!a.mmu)
			me->count[SEEN_MMU_OFF]++;
		if (seen == SEEN_WRITE)
			store(&me->stored[a.index], seq << 40 | s->count);
	}
	if (wrong)
		fail(cpu, wrong, &a);
	me->count[seen]++;
	store(&me->ops, me->ops + 1);
}

void guest_slots(unsigned cpu);

void guest_slots(unsigned cpu)
{
	struct state *s = &states[cpu];
	struct shared *sh = SHARED_DATA;

	s->random = 0x9e3779b97f4a7c15ul * (cpu + 1);
	s->table_seen = ~0ul;
	for (u64 turn = 0; !load(&sh->stop); turn++) {
		int on = (random_next(&s->random) & 3) != 0;

		mmu(on);
		for (unsigned n = 0; n < 100 && !load(&sh->stop); n++)
			one(cpu, s, on);
	}
	mmu(0);
	for (;;)
		store((u64 *)STOPPED, 1);
}
