/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of changes on every kind of address space, compared after each step with the
 * model (model.h), through the library's own eyes and through those of a processor (oracle.h).
 * Besides: tables that exist are exactly those that the mappings need; break-before-make happens
 * exactly where the architecture asks for it; and for some steps every allocation fails in turn,
 * with nothing changed, until one succeeds.
 *
 *     property [OPERATIONS [SEED]]
 *
 * On a difference, prints the seed, and the shortest sequence that it could find that differs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "model.h"

enum kind { MAP, UNMAP, PROTECT, AGE, MKYOUNG, PROCESSOR_AF, SPLIT, COLLAPSE, WALK, NR_KINDS };

static const char *const names[] = {"map",    "unmap", "protect",  "age", "mkyoung",
				    "cpu-af", "split", "collapse", "walk"};

struct op {
	enum kind kind;
	unsigned from, to;    /* units */
	uint64_t oa;	      /* MAP */
	unsigned prot, prot2; /* MAP; PROTECT: clear, set */
	unsigned memory;      /* MAP; SPLIT: log2 */
	bool inject;	      /* let allocations fail */
};

struct setup {
	struct am_s2_config config;
	unsigned unit;
	bool tlbi;
};

static struct {
	uint64_t operations, walks, failures, tlbis, spaces;
} count;

/* ---- Random numbers ---- */

static uint64_t state;

static uint64_t rnd(uint64_t below)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % below;
}

/* ---- One address space under test ---- */

struct run {
	struct arena arena;
	struct am_s2 s2;
	struct model model, before;
	const struct setup *setup;
	unsigned steps;
	char error[200];
};

#define FAIL(r, ...)                                                           \
	do {                                                                   \
		if (!(r)->error[0])                                            \
			snprintf((r)->error, sizeof((r)->error), __VA_ARGS__); \
	} while (0)

/* MemAttr, from facts. */
static unsigned memattr(const struct run *r, unsigned memory)
{
	static const unsigned plain[] = {15, 10, 5, 0, 1, 2, 3, 15},
			      fwb[] = {6, 16, 5, 0, 1, 2, 3, 7};

	return r->setup->config.flags & AM_S2_FWB ? fwb[memory] : plain[memory];
}

static void compare_oracle(struct run *r, uint64_t ipa, const struct unit *u, uint64_t oa)
{
	struct oracle_result o;
	bool af_faults = !(r->setup->config.flags & AM_S2_HA);
	int level, fault = -1;

	oracle_walk(&r->arena.oracle, ipa, &o);
	if (!u->mapped) {
		if (o.fault != 4 + o.level)
			FAIL(r, "%#" PRIx64 ": the processor sees %#" PRIx64, ipa, o.desc);
		return;
	}
	level = 3 - (int)((u->log2 - r->model.granule) / (r->model.granule - 3));
	if (af_faults && !u->young)
		fault = 8 + level;
	else if (!(u->prot & AM_S2_R))
		fault = 12 + level;
	if (!o.leaf || o.oa != oa || o.log2 != u->log2 || o.fault != fault || o.af != u->young ||
	    o.r != !!(u->prot & AM_S2_R) || o.w != !!(u->prot & AM_S2_W) ||
	    o.x1 != !!(u->prot & AM_S2_X_EL1) || o.x0 != !!(u->prot & AM_S2_X_EL0) ||
	    o.memattr != memattr(r, u->memory) || o.sh != 3)
		FAIL(r,
		     "%#" PRIx64 ": the processor sees %#" PRIx64 ", fault %d, oa %#" PRIx64
		     ", 2^%u; should be fault %d, oa %#" PRIx64 ", 2^%u",
		     ipa, o.desc, o.fault, o.oa, o.log2, fault, oa, u->log2);
}

static void compare_library(struct run *r, uint64_t ipa, const struct unit *u, uint64_t oa)
{
	unsigned log2 = 0, memory = u->memory;
	uint64_t desc = am_s2_leaf(&r->s2, ipa, &log2);
	struct am_s2_result w;

	if (memory == AM_S2_STAGE1 && !(r->setup->config.flags & AM_S2_FWB))
		memory = AM_S2_NORMAL_WB;
	if (!am_s2_walk(&r->s2, ipa, &w) || w.mapped != u->mapped || !desc != !u->mapped)
		FAIL(r, "%#" PRIx64 ": mapped %d, should be %d", ipa, w.mapped, u->mapped);
	if (!u->mapped)
		return;
	if (w.oa != oa || w.prot != u->prot || w.memory != memory || w.young != u->young ||
	    w.log2_size != u->log2)
		FAIL(r,
		     "%#" PRIx64 ": walk: oa %#" PRIx64 " prot %u memory %u young %d 2^%u, should "
		     "be %#" PRIx64 " %u %u %d 2^%u",
		     ipa, w.oa, w.prot, w.memory, w.young, w.log2_size, oa, u->prot, memory,
		     u->young, u->log2);
	if (log2 != u->log2 || desc != w.desc ||
	    am_s2_leaf_oa(&r->s2, desc, log2) + (ipa & ((1ull << log2) - 1)) != oa)
		FAIL(r, "%#" PRIx64 ": leaf: %#" PRIx64 " 2^%u", ipa, desc, log2);
}

/* The first byte, the last, or some other of the unit. */
static void compare(struct run *r, unsigned n)
{
	const struct unit *u = &r->model.u[n];
	uint64_t size = 1ull << r->model.unit, ipa = model_ipa(&r->model, n);
	uint64_t offset = (n & 1 ? size - 1 : 0) ^ ((uint64_t)(n * 0x9e3779b1u) & (size - 1));

	count.walks++;
	compare_oracle(r, ipa + offset, u, u->oa + offset);
	compare_library(r, ipa + offset, u, u->oa + offset);
}

static int count_leaf(void *opaque, uint64_t ipa, const struct am_s2_result *res)
{
	uint64_t *bytes = opaque;

	*bytes += 1ull << res->log2_size;
	return ipa & ((1ull << res->log2_size) - 1) ? 1 : 0;
}

static void compare_all(struct run *r)
{
	unsigned nr = r->model.nr_windows * r->model.per_window, tables = model_tables(&r->model);
	uint64_t mapped = 0, bytes = 0;

	for (unsigned n = 0; n < nr; n++) {
		compare(r, n);
		mapped += r->model.u[n].mapped;
	}
	if (am_s2_for_each(&r->s2, 0, 1ull << r->setup->config.ipa_bits, count_leaf, &bytes) ||
	    bytes != mapped << r->model.unit)
		FAIL(r, "for_each: %#" PRIx64 " bytes", bytes);
	am_s2_reap(&r->s2);
	if (r->s2.nr_tables != tables + r->s2.root_tables || r->arena.live != r->s2.nr_tables)
		FAIL(r, "%zu tables (%u are there), should be %u + %u", r->s2.nr_tables,
		     r->arena.live, r->s2.root_tables, tables);
}

/* ---- Break-before-make ---- */

static bool was_told(const struct run *r, uint64_t ipa)
{
	for (unsigned n = 0; n < r->arena.nr_tlbi; n++) {
		if (ipa - r->arena.tlbi[n].ipa < r->arena.tlbi[n].size)
			return true;
	}
	return false;
}

static void compare_tlbi(struct run *r, unsigned n)
{
	const struct unit *a = &r->before.u[n], *b = &r->model.u[n];
	bool told = was_told(r, model_ipa(&r->model, n)), needed = false, size;

	if (a->mapped && b->mapped) {
		size = a->log2 != b->log2;
		needed = a->oa != b->oa || memattr(r, a->memory) != memattr(r, b->memory) ||
			 (size && !(r->setup->config.flags & AM_S2_BBM2));
		if (told && !needed && !size)
			FAIL(r, "%#" PRIx64 ": needless TLBI", model_ipa(&r->model, n));
	}
	if (needed && !told)
		FAIL(r, "%#" PRIx64 ": no TLBI", model_ipa(&r->model, n));
}

/* ---- Steps ---- */

static void processor_sets_af(struct run *r, uint64_t ipa)
{
	struct oracle_result o;

	oracle_walk(&r->arena.oracle, ipa, &o);
	if (o.leaf)
		atomic_fetch_or((_Atomic(uint64_t) *)(r->arena.mem + (o.desc_pa - r->arena.base)),
				1 << 10);
}

static int do_library(struct run *r, const struct op *o, bool *flag)
{
	uint64_t ipa = model_ipa(&r->model, o->from);
	uint64_t size = (uint64_t)(o->to - o->from) << r->model.unit;

	switch (o->kind) {
	case MAP:
		return am_s2_map(&r->s2, ipa, size, o->oa, o->prot, (enum am_s2_memory)o->memory);
	case UNMAP:
		return am_s2_unmap(&r->s2, ipa, size);
	case PROTECT:
		return am_s2_protect(&r->s2, ipa, size, o->prot, o->prot2, flag);
	case AGE:
		return am_s2_age(&r->s2, ipa, size, flag);
	case MKYOUNG:
		*flag = am_s2_mkyoung(&r->s2, ipa + size / 2) == 0;
		return 0;
	case PROCESSOR_AF:
		processor_sets_af(r, ipa);
		return 0;
	case SPLIT:
		return am_s2_split(&r->s2, ipa, size, o->memory);
	case COLLAPSE:
		return am_s2_collapse(&r->s2, ipa, size);
	default:
		return 0;
	}
}

static bool do_model(struct model *m, const struct op *o)
{
	switch (o->kind) {
	case MAP:
		model_map(m, o->from, o->to, o->oa, o->prot, o->memory);
		return false;
	case UNMAP:
		model_unmap(m, o->from, o->to);
		return false;
	case PROTECT:
		return model_protect(m, o->from, o->to, o->prot, o->prot2);
	case AGE:
		return model_age(m, o->from, o->to);
	case MKYOUNG:
		return model_mkyoung(m, o->from + (o->to - o->from) / 2);
	case PROCESSOR_AF:
		model_mkyoung(m, o->from);
		return false;
	case SPLIT:
		model_split(m, o->from, o->to, o->memory);
		return false;
	case COLLAPSE:
		model_collapse(m, o->from, o->to);
		return false;
	default:
		return false;
	}
}

static void compare_around(struct run *r, const struct op *o)
{
	unsigned nr = r->model.nr_windows * r->model.per_window, len = o->to - o->from;
	unsigned step = len > 64 ? len / 37 : 1;

	if (o->from)
		compare(r, o->from - 1);
	for (unsigned n = o->from; n < o->to; n += step)
		compare(r, n);
	compare(r, o->to - 1);
	if (o->to < nr)
		compare(r, o->to);
	compare(r, (o->from * 2654435761u + r->steps * 40503u) % nr);
}

/* Allocations fail, the first at first, then the second...: nothing may have changed. */
static int with_failures(struct run *r, const struct op *o, bool *flag)
{
	unsigned tables = r->arena.live;
	int err = -ENOMEM;

	for (long n = 0; err == -ENOMEM && !r->error[0]; n++) {
		r->arena.fail_after = n;
		err = do_library(r, o, flag);
		r->arena.fail_after = -1;
		if (err != -ENOMEM)
			break;
		count.failures++;
		if (r->arena.nr_tlbi)
			FAIL(r, "TLBI by a change that failed");
		if (*flag)
			FAIL(r, "a change that failed says that it changed something");
		am_s2_reap(&r->s2);
		if (r->arena.live != tables)
			FAIL(r, "%u tables after a failure, %u before", r->arena.live, tables);
		if (n < 4 || n % 16 == 0)
			compare_around(r, o);
	}
	return err;
}

static void step(struct run *r, const struct op *o)
{
	unsigned nr = r->model.nr_windows * r->model.per_window;
	bool check_bbm = r->setup->tlbi && r->steps % (o->kind == COLLAPSE ? 2 : 16) == 0;
	bool flag = false, expected;
	int err;

	r->arena.nr_tlbi = 0;
	if (o->inject) {
		am_s2_reap(&r->s2);
		err = with_failures(r, o, &flag);
	} else {
		err = do_library(r, o, &flag);
	}
	if (check_bbm)
		memcpy(r->before.u, r->model.u, nr * sizeof(*r->model.u));
	expected = do_model(&r->model, o);
	if (err || flag != expected)
		FAIL(r, "returns %d, %d; should be 0, %d", err, flag, expected);
	count.operations++;
	count.tlbis += r->arena.nr_tlbi;
	compare_around(r, o);
	if (check_bbm && r->arena.nr_tlbi <= ARENA_TLBIS) {
		for (unsigned n = 0; n < nr; n++)
			compare_tlbi(r, n);
	}
	if (r->steps % 256 == 255)
		compare_all(r);
	else if (r->steps % 8 == 0)
		am_s2_reap(&r->s2);
	if (r->arena.error)
		FAIL(r, "%s", r->arena.error);
	r->steps++;
}

static uint64_t table_base(const struct am_s2_config *c)
{
	uint64_t top = (1ull << c->oa_bits) - (32ull << 20);

	if (c->flags & AM_S2_IDENTITY)
		return 0;
	if (c->granule != 16 && !(c->flags & AM_S2_LPA2) && c->oa_bits > 48)
		top = (1ull << 48) - (32ull << 20);
	return top;
}

/* The number of the first step that goes wrong, or @nr. */
static unsigned run(const struct setup *s, const struct op *ops, unsigned nr, char *error)
{
	static struct run r;
	unsigned n = 0, done = nr;
	int err;

	memset(&r, 0, sizeof(r));
	r.setup = s;
	error[0] = 0;
	if (!model_init(&r.model, &s->config, s->unit))
		return nr;
	r.before = r.model;
	r.before.u = calloc((size_t)r.model.nr_windows * r.model.per_window, sizeof(*r.before.u));
	arena_init(&r.arena, s->config.granule, (24u << 20) >> s->config.granule,
		   table_base(&s->config));
	err = arena_s2_init(&r.arena, &r.s2, &s->config, s->tlbi);
	if (err)
		FAIL(&r, "am_s2_init: %d", err);
	for (; n < nr && !r.error[0]; n++)
		step(&r, &ops[n]);
	if (!r.error[0])
		compare_all(&r);
	if (r.error[0]) {
		done = n - 1;
		strcpy(error, r.error);
	}
	am_s2_finish(&r.s2);
	if (!arena_is_clean(&r.arena) && !error[0]) {
		done = nr - 1;
		snprintf(error, sizeof(r.error), "after am_s2_finish(): %s, %u tables left",
			 r.arena.error ? r.arena.error : "", r.arena.live);
	}
	arena_finish(&r.arena);
	free(r.before.u);
	model_finish(&r.model);
	return done;
}

/* ---- Making them up ---- */

static const uint8_t prots[] = {
    AM_S2_RWX, AM_S2_RWX, AM_S2_RWX, AM_S2_R | AM_S2_X,	    AM_S2_R | AM_S2_W,
    AM_S2_R,   AM_S2_W,	  0,	     AM_S2_R | AM_S2_X_EL1, AM_S2_R | AM_S2_W | AM_S2_X_EL0};

static unsigned random_prot(const struct setup *s)
{
	return prots[rnd(s->config.flags & AM_S2_XNX ? 10 : 8)];
}

static void random_range(const struct model *m, struct op *o)
{
	unsigned w = (unsigned)rnd(m->nr_windows) * m->per_window, len, from, block;

	switch (rnd(16)) {
	case 0 ... 6:
		len = 1 + (unsigned)rnd(4);
		break;
	case 7 ... 10:
		len = 1 + (unsigned)rnd(64);
		break;
	case 11:
		len = 1 + (unsigned)rnd(m->per_window);
		break;
	default:
		block = 1u << (m->granule - 3);
		if (block > m->per_window)
			block = m->per_window;
		len = block * (1 + (unsigned)rnd(2));
		if (len > m->per_window)
			len = m->per_window;
		/* So that the address is a multiple. */
		from = (unsigned)rnd(m->per_window - len + 1);
		from -= (unsigned)((model_ipa(m, w + from) >> m->unit) % block);
		if (from > m->per_window - len)
			from = 0;
		o->from = w + from;
		o->to = o->from + len;
		return;
	}
	if (len > m->per_window)
		len = m->per_window;
	o->from = w + (unsigned)rnd(m->per_window - len + 1);
	o->to = o->from + len;
}

/* Mostly so that neighbours continue one another, and blocks are possible. */
static uint64_t random_oa(const struct setup *s, const struct model *m, const struct op *o)
{
	unsigned oa_bits = s->config.oa_bits;
	uint64_t len = (uint64_t)(o->to - o->from) << m->unit, oa, end;

	if (oa_bits > 48 && s->config.granule != 16 && !(s->config.flags & AM_S2_LPA2))
		oa_bits = 48;
	end = 1ull << oa_bits;
	oa = model_ipa(m, o->from);
	switch (rnd(8)) {
	case 0:
		oa += rnd(64) << m->unit;
		break;
	case 1:
		oa += rnd(8) << m->size[m->nr_sizes - 1];
		break;
	case 2:
		oa = end - len;
		break;
	case 3:
		oa = rnd(end >> m->unit) << m->unit;
		break;
	default:
		oa ^= 1ull << (oa_bits - 1);
	}
	oa &= end - 1;
	return len <= end - oa ? oa : end - len;
}

static void random_op(const struct setup *s, const struct model *m, struct op *o)
{
	static const uint8_t often[] = {MAP,   MAP,	 MAP,	   MAP, MAP,	 UNMAP,
					UNMAP, PROTECT,	 PROTECT,  AGE, MKYOUNG, PROCESSOR_AF,
					SPLIT, COLLAPSE, COLLAPSE, WALK};

	memset(o, 0, sizeof(*o));
	o->kind = often[rnd(sizeof(often))];
	random_range(m, o);
	o->inject = rnd(6) == 0 && o->kind <= PROTECT;
	switch (o->kind) {
	case MAP:
		o->oa = random_oa(s, m, o);
		o->memory = rnd(4) ? AM_S2_NORMAL_WB : (unsigned)rnd(8);
		if (o->memory == AM_S2_NORMAL_WT && (s->config.flags & AM_S2_FWB))
			o->memory = AM_S2_NORMAL_NC;
		/* Without FWB it is another name for write-back. */
		if (o->memory == AM_S2_STAGE1 && !(s->config.flags & AM_S2_FWB))
			o->memory = AM_S2_NORMAL_WB;
		o->prot = random_prot(s);
		if (o->memory >= AM_S2_DEVICE_nGnRnE && o->memory <= AM_S2_DEVICE_GRE)
			o->prot &= ~(unsigned)AM_S2_X;
		break;
	case PROTECT:
		o->prot = rnd(2) ? AM_S2_W : random_prot(s);
		o->prot2 = rnd(2) ? 0 : random_prot(s);
		break;
	case SPLIT:
		o->memory = m->size[rnd(m->nr_sizes)];
		o->inject = rnd(8) == 0;
		break;
	default:
		break;
	}
}

/* ---- Reporting ---- */

static void print_op(const struct setup *s, const struct op *o)
{
	struct model m;

	if (!model_init(&m, &s->config, s->unit))
		return;
	printf("    %s %#" PRIx64 "+%#" PRIx64, names[o->kind], model_ipa(&m, o->from),
	       (uint64_t)(o->to - o->from) << m.unit);
	if (o->kind == MAP)
		printf(" oa %#" PRIx64 " prot %u memory %u", o->oa, o->prot, o->memory);
	if (o->kind == PROTECT)
		printf(" clear %u set %u", o->prot, o->prot2);
	if (o->kind == SPLIT)
		printf(" 2^%u", o->memory);
	printf("%s\n", o->inject ? " (allocations fail)" : "");
	model_finish(&m);
}

/* Leaves out what can be left out. */
static unsigned shrink(const struct setup *s, struct op *ops, unsigned nr)
{
	struct op *less = malloc(nr * sizeof(*ops));
	char error[200];

	for (unsigned chunk = nr / 2; chunk; chunk /= 2) {
		for (unsigned at = 0; at + chunk <= nr;) {
			memcpy(less, ops, at * sizeof(*ops));
			memcpy(less + at, ops + at + chunk, (nr - at - chunk) * sizeof(*ops));
			unsigned bad = run(s, less, nr - chunk, error);

			if (error[0]) {
				nr = bad + 1;
				memcpy(ops, less, nr * sizeof(*ops));
			} else {
				at += chunk;
			}
		}
	}
	free(less);
	return nr;
}

static bool try_space(const struct setup *s, unsigned nr, uint64_t seed)
{
	struct op *ops = malloc(nr * sizeof(*ops)), *split = NULL;
	struct model m;
	char error[200], first[200];
	unsigned bad;

	if (!model_init(&m, &s->config, s->unit)) {
		free(ops);
		return true;
	}
	for (unsigned n = 0; n < nr; n++) {
		random_op(s, &m, &ops[n]);
		if (ops[n].kind == SPLIT)
			split = &ops[n];
		/* Most often where something was cut, or there would be little to join. */
		if (ops[n].kind == COLLAPSE && split && rnd(4)) {
			ops[n].from = split->from;
			ops[n].to = split->to;
		}
	}
	model_finish(&m);
	count.spaces++;
	bad = run(s, ops, nr, error);
	if (!error[0]) {
		free(ops);
		return true;
	}
	strcpy(first, error);
	printf("seed %" PRIu64
	       ": ipa %u granule %u oa %u max_block %u flags %#x unit 2^%u tlbi %d\n"
	       "  step %u of %u: %s\n",
	       seed, s->config.ipa_bits, s->config.granule, s->config.oa_bits, s->config.max_block,
	       s->config.flags, s->unit, s->tlbi, bad, nr, first);
	nr = shrink(s, ops, bad + 1);
	run(s, ops, nr, error);
	printf("  with %u steps: %s\n", nr, error);
	for (unsigned n = 0; n < nr; n++)
		print_op(s, &ops[n]);
	free(ops);
	return false;
}

/* ---- Every kind of address space ---- */

static bool fits(const struct am_s2_config *c)
{
	bool layout52 = c->granule == 16 || (c->flags & AM_S2_LPA2);

	return c->ipa_bits <= c->oa_bits && (c->ipa_bits <= 48 || layout52);
}

/* Pages, or, for larger blocks, larger units, where there are any. */
static void random_unit(struct setup *s)
{
	unsigned larger = (unsigned)rnd(5);
	struct model m;

	do {
		s->unit = s->config.granule + larger * (s->config.granule - 3u);
	} while (!model_init(&m, &s->config, s->unit) && larger--);
	model_finish(&m);
	if (rnd(4) == 0)
		s->config.max_block = (uint8_t)(s->unit + rnd(12));
}

static bool round_of_all(unsigned nr, uint64_t seed)
{
	static const uint8_t granules[] = {12, 14, 16}, oas[] = {32, 36, 40, 42, 44, 48, 52};
	struct setup s;

	for (unsigned k = 0; k < 6; k++) {
		for (unsigned ipa = 32; ipa <= 52; ipa++) {
			memset(&s, 0, sizeof(s));
			s.config.granule = granules[k % 3];
			s.config.flags = (uint32_t)rnd(64) & ~(uint32_t)AM_S2_LPA2;
			if (k >= 3 && k % 3 != 2)
				s.config.flags |= AM_S2_LPA2;
			s.config.ipa_bits = (uint8_t)ipa;
			do
				s.config.oa_bits = oas[rnd(7)];
			while (s.config.oa_bits < ipa);
			if (k == 5) /* 64 KiB, with the 52-bit layout */
				s.config.oa_bits = 52;
			if (!fits(&s.config))
				continue;
			if (s.config.oa_bits >= 48 && rnd(2))
				s.config.flags |= AM_S2_IDENTITY;
			random_unit(&s);
			s.tlbi = rnd(2);
			if (!try_space(&s, nr, seed))
				return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 0) : 120000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	unsigned per_space = total > 1000000 ? 2000 : 700;
	bool ok = true;

	printf("seed %" PRIu64 "\n", seed);
	while (ok && count.operations < total) {
		state = seed;
		ok = round_of_all(per_space, seed);
		seed++;
	}
	printf("%" PRIu64 " operations on %" PRIu64 " address spaces, %" PRIu64 " walks, %" PRIu64
	       " failed allocations, %" PRIu64 " TLBIs: %s\n",
	       count.operations, count.spaces, count.walks, count.failures, count.tlbis,
	       ok ? "no difference" : "DIFFERENT");
	return !ok;
}
