/* SPDX-License-Identifier: MIT */
/*
 * See poison.h. A walk over the tables says where they are, a second one which entries are read;
 * what is left in a bitmap of RAM, one bit for 8 bytes, is garbage. Garbage is the exclusive or
 * with a number that follows from the address, so that nothing need be kept to take it back.
 *
 * A guest whose tables share memory with something else finds it unchanged as well, unless its
 * devices write there meanwhile.
 */
#include "vmm/poison.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <armature/kvm.h>

#include "vmm/dma.h"
#include "vmm/its_tables.h"
#include "vmm/machine.h"
#include "vmm/report.h"
#include "vmm/state.h"

/* IHI 0069H 12.11 and 12.19. */
enum {
	GICR_PROPBASER = 0x0070,
	GICR_PENDBASER = 0x0078,
	GITS_CBASER = 0x0080,
	GITS_BASER = 0x0100,
};

#define TABLE_ADDRESS (((UINT64_C(1) << 52) - 1) & ~UINT64_C(0xfff)) /* bits [51:12] */

/* What a pending table begins with is IMPLEMENTATION DEFINED, and nothing in KVM: 5.1.2. */
#define PENDING_HEAD 1024u
/* Bits and bytes for INTIDs of 16 bits. */
#define PENDING_SIZE	8192u
#define PROPERTIES_SIZE 65536u

struct poison {
	struct dma ram;
	uint8_t *bits;	    /* of each 8 bytes of RAM whether they are garbage */
	size_t size;	    /* of the bitmap */
	size_t first, last; /* bytes of it that have any; last < first: none has */
	uint64_t words;
};

/* ---- The bitmap ---- */

static void set_bit(struct poison *p, uint64_t n, bool value)
{
	const uint8_t bit = (uint8_t)(1u << n % 8);

	if (value)
		p->bits[n / 8] |= bit;
	else
		p->bits[n / 8] &= (uint8_t)~bit;
}

/* The part of [@gpa, @gpa + @size) that is RAM; words that are not wholly in it are left out. */
static void set_range(struct poison *p, uint64_t gpa, uint64_t size, bool value)
{
	uint64_t at, end;

	if (gpa < p->ram.base) {
		if (size <= p->ram.base - gpa)
			return;
		size -= p->ram.base - gpa;
		gpa = p->ram.base;
	}
	at = gpa - p->ram.base;
	if (at >= p->ram.size)
		return;
	end = (size < p->ram.size - at ? at + size : p->ram.size) / 8;
	at = (at + 7) / 8;
	if (at >= end)
		return;
	if (value) {
		p->first = at / 8 < p->first ? at / 8 : p->first;
		p->last = (end - 1) / 8 > p->last ? (end - 1) / 8 : p->last;
	}
	for (; at < end && at % 8; at++)
		set_bit(p, at, value);
	memset(p->bits + at / 8, value ? 0xff : 0, (end - at) / 8);
	for (at += (end - at) / 8 * 8; at < end; at++)
		set_bit(p, at, value);
}

/* Never zero, and with the bit set that says in most entries that they are valid. */
static uint64_t garbage(uint64_t n)
{
	n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return (n ^ n >> 27) | UINT64_C(1) << 63;
}

/* Once makes garbage, twice takes it back. Returns of how many words. */
static uint64_t turn(struct poison *p)
{
	uint64_t words = 0;

	for (size_t i = p->first; i <= p->last && i < p->size; i++) {
		for (unsigned bits = p->bits[i]; bits; bits &= bits - 1) {
			uint64_t n = (uint64_t)i * 8 + (unsigned)__builtin_ctz(bits), v;

			memcpy(&v, p->ram.ram + n * 8, 8);
			v ^= garbage(n);
			memcpy(p->ram.ram + n * 8, &v, 8);
			words++;
		}
	}
	return words;
}

/* ---- The tables ---- */

static bool walk_read(void *opaque, uint64_t gpa, void *to, size_t len)
{
	struct poison *p = opaque;
	const void *from = dma_map(&p->ram, gpa, len);

	if (from)
		memcpy(to, from, len);
	return from != NULL;
}

static bool walk_contains(void *opaque, uint64_t gpa, uint64_t len)
{
	struct poison *p = opaque;

	return dma_map(&p->ram, gpa, len) != NULL;
}

/* Level 1 is not KVM's but the guest's, who reads it. */
static void mark_table(void *opaque, const struct its_extent *e)
{
	if (e->kind == ITS_EXTENT_COLLECTIONS || e->kind == ITS_EXTENT_DEVICES ||
	    e->kind == ITS_EXTENT_LEVEL2 || e->kind == ITS_EXTENT_ITT)
		set_range(opaque, e->base, e->size, true);
}

static void keep_table(void *opaque, const struct its_extent *e)
{
	if (e->kind == ITS_EXTENT_LEVEL1)
		set_range(opaque, e->base, e->size, false);
}

static void keep_entry(void *opaque, const struct its_entry *e)
{
	set_range(opaque, e->gpa, e->size, false);
}

static uint64_t its_register(const struct state *s, uint64_t offset)
{
	for (unsigned i = 0; i < s->its.nr; i++)
		if (s->its.reg[i].offset == offset)
			return s->its.reg[i].value;
	return 0;
}

/* GITS_BASER<n> of a type, if it is in use. */
static uint64_t baser_of(const struct state *s, unsigned type)
{
	for (unsigned n = 0; n < 8; n++) {
		struct its_baser b = its_baser_decode(its_register(s, GITS_BASER + 8 * n));

		if (b.valid && b.type == type)
			return b.value;
	}
	return 0;
}

/* Of each redistributor: @head or the rest of its pending table, and the LPIs' configuration. */
static void each_redistributor(struct poison *p, const struct state *s, bool head)
{
	for (size_t i = 0; i + 1 < s->gic.nr; i++) {
		const struct state_attr *a = &s->gic.attr[i];
		uint64_t base = (a[0].value | a[1].value << 32) & TABLE_ADDRESS;

		/* The upper half is the next one: state_gic.c. */
		if (a->group != KVM_DEV_ARM_VGIC_GRP_REDIST_REGS)
			continue;
		if ((uint32_t)a->attr == GICR_PENDBASER && head)
			set_range(p, base, PENDING_HEAD, true);
		else if ((uint32_t)a->attr == GICR_PENDBASER)
			set_range(p, base + PENDING_HEAD, PENDING_SIZE - PENDING_HEAD, false);
		else if ((uint32_t)a->attr == GICR_PROPBASER && !head)
			set_range(p, base, PROPERTIES_SIZE, false);
	}
}

/* Returns 0 or -ENOMEM. */
static int find_places(struct poison *p, struct machine *m, const struct state *s)
{
	const uint64_t queue = its_register(s, GITS_CBASER);
	struct its_walk walk = {
	    .read = walk_read,
	    .contains = walk_contains,
	    .extent = mark_table,
	    .opaque = p,
	    .devices = baser_of(s, ITS_TYPE_DEVICES),
	    .collections = baser_of(s, ITS_TYPE_COLLECTIONS),
	    .nr_vcpus = m->nr_vcpus,
	};
	struct its_walk_result result;
	int err;

	each_redistributor(p, s, true);
	err = its_walk(&walk, &result);
	/* What a restore reads is known only of tables that it takes. */
	if (err || result.err || !result.complete) {
		p->first = p->size;
		p->last = 0;
		return err;
	}
	walk.extent = keep_table;
	walk.entry = keep_entry;
	err = its_walk(&walk, &result);
	set_range(p, queue & TABLE_ADDRESS, ((queue & 0xff) + 1) * 4096, false);
	each_redistributor(p, s, false);
	return err;
}

/* ---- The interface ---- */

int poison_apply(struct machine *m, const struct state *s, struct poison **out)
{
	struct poison *p;

	*out = NULL;
	if (!s->its.nr)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return vmm_fail(VMM_HOST, "not enough memory for the garbage's places");
	p->ram = (struct dma){m->ram, m->map.ram_base, m->map.ram_size};
	p->size = m->map.ram_size / 64 + 1;
	p->first = p->size;
	/* Only what is touched takes memory. */
	p->bits = mmap(NULL, p->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->bits == MAP_FAILED) {
		free(p);
		return vmm_fail(VMM_HOST, "not enough memory for the garbage's places");
	}
	if (find_places(p, m, s)) {
		munmap(p->bits, p->size);
		free(p);
		return vmm_fail(VMM_HOST, "not enough memory to look at the ITS's tables");
	}
	p->words = turn(p);
	*out = p;
	return 0;
}

uint64_t poison_bytes(const struct poison *p)
{
	return p ? p->words * 8 : 0;
}

void poison_undo(struct poison *p)
{
	if (!p)
		return;
	turn(p);
	munmap(p->bits, p->size);
	free(p);
}
