/* SPDX-License-Identifier: MIT */
/*
 * Slots change while two vCPUs read, write and execute in them, and no access may be stale.
 *
 *     slots IMAGE CHANGES [SEED]
 *
 * This side makes the changes. Before the ioctl it makes the place's sequence word odd, after it
 * writes down what is there now and makes it even: from then on the guest (guest_slots.c) must find
 * exactly that. Host memory that no slot leads to any more is poisoned as soon as the ioctl has
 * returned, so a stale load returns poison and a stale fetch a breakpoint; before it is used again,
 * and at the end, the poison is compared, so a stale store is found too. What a vCPU has stored
 * while nothing changed is checked to be in the memory that the slot named.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

#define SMALL_BACKINGS 12
#define BACKINGS       18
#define SMALL_SLOTS    18
#define SLOTS	       24 /* numbers 1 to 24 */
#define TABLE_SLOT     25
#define TABLE_BACKINGS 3
#define NOWHERE	       (-1)

struct backing {
	uint8_t *host;
	uint64_t stride;
	bool readonly;	       /* all slots that lead here are, or none */
	unsigned refs[PROBES]; /* slots that lead to the page */
	uint64_t id[PROBES];   /* 0: poisoned */
};

struct slot {
	int place; /* or NOWHERE: does not exist */
	unsigned backing, first, nr;
	uint32_t flags;
	uint64_t logged[PROBES][VCPUS]; /* cells when the log was read last */
};

struct table {
	int place;
	unsigned backing;
	uint32_t flags;
	uint64_t *host[TABLE_BACKINGS];
};

static struct machine machine;
static struct backing backings[BACKINGS];
static struct slot slots[SLOTS];
static struct table table;
static int at_place[PLACES]; /* slot, or NOWHERE */
static uint64_t epoch, randomness = 88172645463325252u;
static unsigned long changes, refused;

static unsigned pick(unsigned n)
{
	randomness ^= randomness << 13;
	randomness ^= randomness >> 7;
	randomness ^= randomness << 17;
	return (unsigned)(randomness >> 20) % n;
}

static uint64_t get(const void *p)
{
	return __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE);
}

static void put(void *p, uint64_t v)
{
	__atomic_store_n((uint64_t *)p, v, __ATOMIC_RELEASE);
}

static uint8_t *probe_host(const struct backing *b, unsigned probe)
{
	return b->host + probe * b->stride;
}

/* ---- What pages contain ---- */

/* The function of a probe page (layout.h). It loops, so that changes meet it half way. */
static void put_code(uint8_t *page, uint64_t id)
{
	uint32_t code[9] = {
	    0x52800102,					    /*     mov  w2, #8 */
	    0x71000442,					    /* 1:  subs w2, w2, #1 */
	    0x54ffffe1,					    /*     b.ne 1b */
	    0x58fffda1,					    /*     ldr  x1, PAGE_ID */
	    0xd2800000, 0xf2a00000, 0xf2c00000, 0xf2e00000, /* mov x0, #id */
	    0xd65f03c0,					    /* ret */
	};

	for (unsigned n = 0; n < 4; n++)
		code[4 + n] |= (uint32_t)(id >> 16 * n & 0xffff) << 5;
	for (unsigned n = 0; n < 9; n++)
		__atomic_store_n((uint32_t *)(void *)(page + PAGE_CODE) + n, code[n],
				 __ATOMIC_RELEASE);
}

static bool is_code(unsigned offset)
{
	return offset >= PAGE_CODE && offset < PAGE_CELL(0);
}

static void fill(uint8_t *page, uint64_t id)
{
	for (unsigned n = 0; n < PAGE_USED; n += 8) {
		if (!is_code(n))
			put(page + n, ID_FILL(id));
	}
	put(page + PAGE_ID, id);
	put_code(page, id);
}

static void poison(uint8_t *page)
{
	for (unsigned n = 0; n < PAGE_USED; n += 8)
		put(page + n, is_code(n) ? (uint64_t)BREAKPOINT << 32 | BREAKPOINT : POISON);
}

static void check_poison(const uint8_t *page, const char *when)
{
	for (unsigned n = 0; n < PAGE_USED; n += 8) {
		uint64_t want = is_code(n) ? (uint64_t)BREAKPOINT << 32 | BREAKPOINT : POISON;

		if (get(page + n) != want)
			machine_fail(&machine, "stale store, seen %s: %#llx at offset %#x", when,
				     (unsigned long long)get(page + n), n);
	}
}

/* A store to the cell that a vCPU has recorded under the present sequence must be there. */
static void check_stored(const struct slot *s, unsigned probe)
{
	const struct backing *b = &backings[s->backing];
	unsigned place = (unsigned)s->place;

	for (unsigned v = 0; v < VCPUS; v++) {
		uint64_t *at = &machine.shared->vcpu[v].stored[place * PROBES + probe];
		uint64_t said = get(at), count = said & ((UINT64_C(1) << 40) - 1), cell;

		/* By now the sequence is odd: one more than that of the record. */
		if (said >> 40 != ((get(&machine.shared->seq[place]) - 1) & 0xffffff))
			continue;
		cell = get(probe_host(b, s->first + probe) + PAGE_CELL(v) + CELL_STORE);
		if (cell >> 56 != STORED(v, 0) >> 56 || cell - STORED(v, 0) < count)
			machine_fail(&machine, "lost store of vCPU %u, place %u: %#llx, want %llu",
				     v, place, (unsigned long long)cell, (unsigned long long)count);
	}
}

/* What nobody is allowed to write is as it was filled. */
static void check_content(const struct backing *b, unsigned probe)
{
	const uint8_t *page = probe_host(b, probe);
	uint64_t id = b->id[probe], filled = ID_FILL(id);

	if (get(page + PAGE_ID) != id)
		machine_fail(&machine, "id overwritten: %#llx", (unsigned long long)get(page));
	for (unsigned v = 0; v < VCPUS; v++) {
		for (unsigned n = 0; n < 64; n += 8) {
			uint64_t zero = get(page + PAGE_ZERO(v) + n);
			uint64_t word = get(page + PAGE_CELL(v) + n);

			if (zero && zero != filled)
				machine_fail(&machine, "block of zeros: %#llx",
					     (unsigned long long)zero);
			if (n > CELL_EXCL && word != filled)
				machine_fail(&machine, "stray store near the cells");
			if (b->readonly && (word != filled || zero != filled))
				machine_fail(&machine, "store to read-only memory");
		}
	}
}

/* ---- Telling the guest ---- */

static void begin(int place)
{
	uint64_t *seq = &machine.shared->seq[place];

	__atomic_store_n(seq, *seq + 1, __ATOMIC_SEQ_CST);
}

static void end(int place)
{
	uint64_t *seq = &machine.shared->seq[place];
	const struct slot *s = at_place[place] == NOWHERE ? NULL : &slots[at_place[place]];

	for (unsigned p = 0; p < PROBES; p++) {
		uint64_t want = 0;

		if (s && p < s->nr)
			want = backings[s->backing].id[s->first + p] |
			       (s->flags & KVM_MEM_READONLY ? WANT_READONLY : 0);
		put(&machine.shared->want[place * PROBES + (int)p], want);
	}
	put(seq, *seq + 1);
}

static int set_slot(unsigned n, uint32_t flags, int place, bool delete)
{
	const struct slot *s = &slots[n];
	const struct backing *b = &backings[s->backing];

	return machine_slot(&machine, n + 1, flags, place_ipa((unsigned)place),
			    delete ? 0 : s->nr * b->stride, probe_host(b, s->first));
}

static void changed(int err, const char *what)
{
	if (err)
		machine_fail(&machine, "%s: %s", what, strerror(-err));
	changes++;
}

/* ---- Changes of a slot ---- */

static int free_place(unsigned n)
{
	unsigned from = n < SMALL_SLOTS ? 0 : SMALL_PLACES;
	unsigned nr = n < SMALL_SLOTS ? SMALL_PLACES : PLACES - SMALL_PLACES;

	for (unsigned tries = 0; tries < 64; tries++) {
		unsigned place = from + pick(nr);

		if (at_place[place] == NOWHERE)
			return (int)place;
	}
	return NOWHERE;
}

static uint64_t cell(const struct slot *s, unsigned probe, unsigned vcpu)
{
	return get(probe_host(&backings[s->backing], s->first + probe) + PAGE_CELL(vcpu) +
		   CELL_STORE);
}

static void note_cells(struct slot *s)
{
	for (unsigned p = 0; p < s->nr; p++) {
		bool alone = backings[s->backing].refs[s->first + p] == 1;

		for (unsigned v = 0; v < VCPUS; v++)
			s->logged[p][v] = alone ? cell(s, p, v) : 0;
	}
}

/* Another slot begins or ceases to lead to the same memory, and its stores are in no log of ours.
 */
static void forget_cells(unsigned backing)
{
	for (unsigned n = 0; n < SLOTS; n++) {
		if (slots[n].place != NOWHERE && slots[n].backing == backing)
			memset(slots[n].logged, 0, sizeof(slots[n].logged));
	}
}

static void create(unsigned n, int place)
{
	struct slot *s = &slots[n];
	struct backing *b;
	bool shared = false;

	s->backing = n < SMALL_SLOTS ? pick(SMALL_BACKINGS)
				     : SMALL_BACKINGS + pick(BACKINGS - SMALL_BACKINGS);
	b = &backings[s->backing];
	s->first = pick(3) ? 0 : pick(PROBES);
	s->nr = pick(3) ? PROBES - s->first : 1 + pick(PROBES - s->first);
	for (unsigned p = 0; p < PROBES; p++)
		shared |= b->refs[p] != 0;
	if (!shared)
		b->readonly = !pick(4);
	s->flags = (b->readonly ? KVM_MEM_READONLY : 0) | (pick(4) ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
	for (unsigned p = s->first; p < s->first + s->nr; p++) {
		if (b->refs[p]++)
			continue;
		check_poison(probe_host(b, p), "before the memory was used again");
		b->id[p] = ID(s->backing, p, ++epoch & 0xffffff);
		fill(probe_host(b, p), b->id[p]);
	}
	s->place = place;
	at_place[place] = (int)n;
	begin(place);
	changed(set_slot(n, s->flags, place, false), "create");
	forget_cells(s->backing);
	end(place);
}

static void delete (unsigned n)
{
	struct slot *s = &slots[n];
	struct backing *b = &backings[s->backing];
	int place = s->place;

	begin(place);
	changed(set_slot(n, s->flags, place, true), "delete");
	for (unsigned p = 0; p < s->nr; p++)
		check_stored(s, p);
	for (unsigned p = s->first; p < s->first + s->nr; p++) {
		if (--b->refs[p])
			continue;
		check_content(b, p);
		poison(probe_host(b, p));
		b->id[p] = 0;
	}
	at_place[place] = NOWHERE;
	forget_cells(s->backing);
	s->place = NOWHERE;
	end(place);
}

static void move(unsigned n, int to)
{
	struct slot *s = &slots[n];
	int from = s->place;

	begin(from);
	begin(to);
	changed(set_slot(n, s->flags, to, false), "move");
	for (unsigned p = 0; p < s->nr; p++)
		check_stored(s, p);
	at_place[from] = NOWHERE;
	at_place[to] = (int)n;
	s->place = to;
	end(to);
	end(from);
}

/* Nothing that the guest can notice, so the sequence stays. */
static void toggle_log(unsigned n)
{
	struct slot *s = &slots[n];

	s->flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	changed(set_slot(n, s->flags, s->place, false), "toggle the log");
	if (s->flags & KVM_MEM_LOG_DIRTY_PAGES)
		note_cells(s);
	else
		memset(s->logged, 0, sizeof(s->logged));
}

/*
 * A cell that has changed since the log was read last is in the log read after seeing that, unless
 * other slots led to the memory meanwhile: the log is the slot's, not the memory's.
 */
static void read_log(unsigned n)
{
	struct slot *s = &slots[n];
	const struct backing *b = &backings[s->backing];
	uint64_t bits[PROBES * LARGE_STRIDE / PAGE_SIZE_4 / 64], now[PROBES][VCPUS];
	struct kvm_dirty_log log = {.slot = n + 1, .dirty_bitmap = bits};
	unsigned pages = (unsigned)(b->stride / PAGE_SIZE_4);

	for (unsigned p = 0; p < s->nr; p++) {
		for (unsigned v = 0; v < VCPUS; v++)
			now[p][v] = cell(s, p, v);
	}
	machine_ioctl(machine.vm, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
	for (unsigned p = 0; p < s->nr; p++) {
		unsigned page = p * pages;

		for (unsigned v = 0; v < VCPUS; v++) {
			if (s->logged[p][v] && now[p][v] != s->logged[p][v] &&
			    !(bits[page / 64] >> page % 64 & 1))
				machine_fail(&machine, "slot %u page %u: store not in the log",
					     n + 1, page);
		}
	}
	note_cells(s);
}

/* Refused, and without effect. */
static void overlap(unsigned n)
{
	struct slot *s = &slots[n];
	int err = machine_slot(&machine, SLOTS + 5, 0, place_ipa((unsigned)s->place), PAGE_SIZE_4,
			       backings[0].host);

	if (err != -EEXIST)
		machine_fail(&machine, "overlap: %d", err);
	refused++;
}

static void change_slot(void)
{
	unsigned n = pick(SLOTS);
	struct slot *s = &slots[n];
	int place;

	if (s->place == NOWHERE) {
		place = free_place(n);
		if (place != NOWHERE)
			create(n, place);
		return;
	}
	switch (pick(8)) {
	case 0:
	case 1:
		delete (n);
		break;
	case 2:
	case 3: /* another size, other memory, in the same place */
		place = s->place;
		delete (n);
		create(n, place);
		break;
	case 4:
	case 5:
		place = free_place(n);
		if (place != NOWHERE)
			move(n, place);
		break;
	case 6:
		toggle_log(n);
		break;
	default:
		if (s->flags & KVM_MEM_LOG_DIRTY_PAGES)
			read_log(n);
		else
			overlap(n);
	}
}

/* ---- The slot with the guest's table ---- */

#define PTE	 (UINT64_C(1) << 10 | UINT64_C(3) << 8 | 3)
#define PTE_TRAP (TRAP | PTE)
#define ENTRIES	 (PLACES * PROBES)

static void table_begin(void)
{
	uint64_t *seq = &machine.shared->table_seq;

	__atomic_store_n(seq, *seq + 1, __ATOMIC_SEQ_CST);
}

static void table_end(uint64_t state)
{
	uint64_t *seq = &machine.shared->table_seq;

	put(machine.home + (VIEW_L2 - HOME),
	    TABLE_IPA((unsigned)(table.place == NOWHERE ? 0 : table.place)) | 3);
	put(&machine.shared->table, state);
	put(seq, *seq + 1);
}

static int set_table(bool delete)
{
	return machine_slot(&machine, TABLE_SLOT, table.flags, TABLE_IPA((unsigned)table.place),
			    delete ? 0 : PAGE_SIZE_4, table.host[table.backing]);
}

static void table_fill(unsigned backing, bool trap, unsigned key)
{
	for (unsigned n = 0; n < ENTRIES; n++)
		put(&table.host[backing][n], trap ? PTE_TRAP : probe_ipa(n ^ key) | PTE);
}

static void table_create(void)
{
	unsigned key = pick(ENTRIES);

	table.backing = pick(TABLE_BACKINGS);
	table.place = (int)pick(TABLE_PLACES);
	table.flags = (pick(3) ? 0 : KVM_MEM_READONLY) | (pick(3) ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
	table_fill(table.backing, false, key);
	table_begin();
	changed(set_table(false), "create the table's slot");
	table_end(TABLE_PRESENT | key);
}

static void table_delete(void)
{
	table_begin();
	changed(set_table(true), "delete the table's slot");
	table_fill(table.backing, true, 0);
	table.place = NOWHERE;
	table_end(0);
}

static void change_table(void)
{
	uint64_t state = machine.shared->table;

	if (table.place == NOWHERE) {
		table_create();
		return;
	}
	switch (pick(4)) {
	case 0:
	case 1:
		table_delete();
		if (pick(2))
			table_create();
		break;
	case 2:
		table_begin();
		table.place = (table.place + 1 + (int)pick(TABLE_PLACES - 1)) % TABLE_PLACES;
		changed(set_table(false), "move the table's slot");
		table_end(state);
		break;
	default:
		table.flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		changed(set_table(false), "toggle the log of the table's slot");
	}
}

/* ---- The whole ---- */

static void prepare(void)
{
	uint8_t *trap = machine.home + (TRAP - HOME);

	for (unsigned n = 0; n < BACKINGS; n++) {
		backings[n].stride = n < SMALL_BACKINGS ? SMALL_STRIDE : LARGE_STRIDE;
		backings[n].host = machine_memory(PROBES * backings[n].stride);
		for (unsigned p = 0; p < PROBES; p++)
			poison(probe_host(&backings[n], p));
	}
	for (unsigned n = 0; n < SLOTS; n++)
		slots[n].place = NOWHERE;
	for (unsigned n = 0; n < PLACES; n++)
		at_place[n] = NOWHERE;
	for (unsigned n = 0; n < TABLE_BACKINGS; n++) {
		table.host[n] = (uint64_t *)(void *)machine_memory(PAGE_SIZE_4);
		table_fill(n, true, 0);
	}
	table.place = NOWHERE;
	put(machine.home + (VIEW_L2 - HOME), TABLE_IPA(0) | 3);
	for (unsigned n = 0; n < PAGE_USED; n += 8)
		put(trap + n, is_code(n) ? (uint64_t)BREAKPOINT << 32 | BREAKPOINT : TRAP);
}

static uint64_t ops(void)
{
	return get(&machine.shared->vcpu[0].ops) + get(&machine.shared->vcpu[1].ops);
}

/* Sometimes the guest gets time to find its way, sometimes changes come one upon the other. */
static void pause_a_little(void)
{
	uint64_t target = ops() + (pick(8) ? 0 : pick(100));

	while (ops() < target && !atomic_load(&machine.failed))
		sched_yield();
}

static void finish(void)
{
	const uint8_t *trap = machine.home + (TRAP - HOME);

	for (unsigned n = 0; n < SLOTS; n++) {
		if (slots[n].place != NOWHERE)
			delete (n);
	}
	for (unsigned n = 0; n < BACKINGS; n++) {
		for (unsigned p = 0; p < PROBES; p++)
			check_poison(probe_host(&backings[n], p), "at the end");
	}
	for (unsigned n = 0; n < PAGE_USED; n += 8) {
		if (!is_code(n) && get(trap + n) != TRAP)
			machine_fail(&machine, "store by a stale table");
	}
}

/* Everything has been seen, often enough to mean something. */
static void report(void)
{
	static const char *const names[SEEN_KINDS] = {
	    "read",
	    "store",
	    "add",
	    "exclusive",
	    "zero",
	    "execute",
	    "hole read",
	    "hole store",
	    "hole abort",
	    "hole execute",
	    "r/o store",
	    "r/o abort",
	    "r/o execute",
	    "through the view",
	    "no table, data",
	    "no table, fetch",
	    "MMU off",
	    "while changing",
	};

	for (unsigned k = 0; k < SEEN_KINDS; k++) {
		uint64_t seen = machine.shared->vcpu[0].count[k] + machine.shared->vcpu[1].count[k];

		printf("%-16s %llu\n", names[k], (unsigned long long)seen);
		if (seen < 10)
			machine_fail(&machine, "%s: hardly ever", names[k]);
	}
	printf("%lu changes, %lu refused, %llu accesses\n", changes, refused,
	       (unsigned long long)ops());
}

int main(int argc, char **argv)
{
	unsigned long wanted = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;

	if (argc < 3 || argc > 4 || !wanted)
		errx(2, "usage: slots IMAGE CHANGES [SEED]");
	if (argc > 3)
		randomness ^= strtoul(argv[3], NULL, 0) * UINT64_C(0x9e3779b97f4a7c15);
	machine_create(&machine, argv[1]);
	prepare();
	machine_populate(&machine);
	machine_start(&machine);
	while (changes < wanted && !atomic_load(&machine.failed)) {
		if (pick(8))
			change_slot();
		else
			change_table();
		pause_a_little();
	}
	if (machine_stop(&machine)) {
		finish();
		report();
	}
	bool failed = atomic_load(&machine.failed);

	machine_destroy(&machine);
	return failed;
}
