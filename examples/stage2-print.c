/* SPDX-License-Identifier: MIT */
/*
 * Builds the stage 2 tables of a small machine and prints them: what goes into VTCR_EL2 and
 * VTTBR_EL2, every table with its descriptors, and the ranges that result. Needs nothing of
 * Armature but <armature/stage2.h>; a hypervisor differs in where tables come from, and in tlbi.
 */
#include <armature/stage2.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* ---- Memory for tables: a little physical memory, from this address on ---- */

#define TABLES	   UINT64_C(0x880000000)
#define NR_TABLES  32
#define TABLE_SIZE (4 * KIB)

struct tables {
	uint64_t word[NR_TABLES][TABLE_SIZE / 8];
	bool used[NR_TABLES];
};

static bool table_alloc(void *opaque, size_t size, uint64_t *pa)
{
	struct tables *t = opaque;
	size_t nr = size / TABLE_SIZE;

	for (size_t n = 0; n + nr <= NR_TABLES; n += nr) {
		size_t k = 0;

		while (k < nr && !t->used[n + k])
			k++;
		if (k < nr)
			continue;
		memset(&t->used[n], true, nr);
		memset(t->word[n], 0, size);
		*pa = TABLES + n * TABLE_SIZE;
		return true;
	}
	return false;
}

static void table_free(void *opaque, uint64_t pa, size_t size)
{
	struct tables *t = opaque;

	memset(&t->used[(pa - TABLES) / TABLE_SIZE], false, size / TABLE_SIZE);
}

static void *table_at(void *opaque, uint64_t pa)
{
	struct tables *t = opaque;

	return t->word[(pa - TABLES) / TABLE_SIZE];
}

/* Break-before-make. A hypervisor: DSB ISHST; TLBI IPAS2E1IS for each page; DSB ISH; TLBI
 * VMALLE1IS; DSB ISH; ISB. */
static void tlbi(void *opaque, uint64_t ipa, uint64_t size)
{
	printf("tlbi       %#012" PRIx64 " +%#" PRIx64 "\n", ipa, size);
}

static const struct am_s2_ops ops = {table_alloc, table_free, table_at, tlbi};

/* ---- Printing ---- */

static const char *prot_name(unsigned prot)
{
	static char s[4];

	s[0] = prot & AM_S2_R ? 'r' : '-';
	s[1] = prot & AM_S2_W ? 'w' : '-';
	s[2] = prot & AM_S2_X ? 'x' : '-';
	return s;
}

static const char *memory_name(unsigned memory)
{
	static const char *const names[] = {
	    [AM_S2_NORMAL_WB] = "normal WB",	   [AM_S2_NORMAL_WT] = "normal WT",
	    [AM_S2_NORMAL_NC] = "normal NC",	   [AM_S2_DEVICE_nGnRnE] = "device nGnRnE",
	    [AM_S2_DEVICE_nGnRE] = "device nGnRE", [AM_S2_DEVICE_nGRE] = "device nGRE",
	    [AM_S2_DEVICE_GRE] = "device GRE",	   [AM_S2_STAGE1] = "as stage 1 says",
	};

	return names[memory];
}

static void print_size(uint64_t size)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	unsigned n = 0;

	for (size /= KIB; size % 1024 == 0 && n < 3; n++)
		size /= 1024;
	printf("%7" PRIu64 " %s", size, units[n]);
}

/* One entry of a table: where it leads, or what it maps. */
static void print_entry(const struct am_s2 *s2, unsigned n, uint64_t desc, int level, uint64_t ipa)
{
	struct am_s2_result r;

	printf("  %4u  %#018" PRIx64 "  %#012" PRIx64 "  ", n, desc, ipa);
	if (level < 3 && (desc & 2)) {
		printf("table %#" PRIx64 "\n", desc & 0xfffffffff000);
		return;
	}
	am_s2_walk(s2, ipa, &r);
	print_size(UINT64_C(1) << r.log2_size);
	printf("  -> %#012" PRIx64 " %s%s %s\n", r.oa, prot_name(r.prot), r.young ? "" : " old",
	       memory_name(r.memory));
}

/*
 * The table of @nr entries at @pa, as it is in memory, and those below it. Entries that continue
 * the one before are counted only. (4 KiB pages: each level maps 9 bits of the address.)
 */
static void print_table(const struct am_s2 *s2, uint64_t pa, unsigned nr, int level, uint64_t ipa)
{
	const uint64_t *table = s2->ops->table_at(s2->opaque, pa);
	uint64_t size = UINT64_C(1) << (12 + 9 * (3 - level));
	unsigned more = 0;

	printf("level %d table at %#" PRIx64 "\n", level, pa);
	for (unsigned n = 0; n < nr; n++) {
		bool leaf = (table[n] & 1) && (level == 3 || !(table[n] & 2));

		if (n && leaf && table[n] == table[n - 1] + size) {
			more++;
			continue;
		}
		if (more)
			printf("        ... and the next %u\n", more);
		more = 0;
		if (table[n] & 1)
			print_entry(s2, n, table[n], level, ipa + n * size);
	}
	if (more)
		printf("        ... and the next %u\n", more);
	for (unsigned n = 0; n < nr; n++) {
		if (level < 3 && (table[n] & 3) == 3)
			print_table(s2, table[n] & 0xfffffffff000, 512, level + 1, ipa + n * size);
	}
}

/* Neighbours that continue one another, as one. */
struct range {
	uint64_t ipa, size, oa;
	unsigned prot, memory;
};

static void print_range(const struct range *g)
{
	if (!g->size)
		return;
	printf("%#012" PRIx64 "  ", g->ipa);
	print_size(g->size);
	printf("  -> %#012" PRIx64 " %s %s\n", g->oa, prot_name(g->prot), memory_name(g->memory));
}

static int add_to_range(void *opaque, uint64_t ipa, const struct am_s2_result *r)
{
	struct range *g = opaque;

	if (ipa != g->ipa + g->size || r->oa != g->oa + g->size || r->prot != g->prot ||
	    r->memory != g->memory) {
		print_range(g);
		*g = (struct range){.ipa = ipa, .oa = r->oa, .prot = r->prot, .memory = r->memory};
	}
	g->size += UINT64_C(1) << r->log2_size;
	return 0;
}

static void print(const struct am_s2 *s2)
{
	uint64_t all = UINT64_C(1) << s2->config.ipa_bits;
	struct range range = {0};

	printf("VTCR_EL2   %#018" PRIx64 "\n", am_s2_vtcr(s2));
	printf("VTTBR_EL2  %#018" PRIx64 "\n", am_s2_vttbr(s2, 1));
	printf("start at level %d with %u tables side by side; %zu tables\n", s2->start_level,
	       s2->root_tables, s2->nr_tables);
	print_table(s2, am_s2_vttbr(s2, 0), s2->root_tables * 512u, s2->start_level, 0);
	printf("ranges\n");
	am_s2_for_each(s2, 0, all, add_to_range, &range);
	print_range(&range);
}

/* ---- The machine ---- */

static void must(int err)
{
	if (err) {
		fprintf(stderr, "error %d\n", -err);
		exit(1);
	}
}

int main(void)
{
	const struct am_s2_config config = {
	    .ipa_bits = 40,
	    .granule = 12,
	    .oa_bits = 44,
	    .flags = AM_S2_XNX | AM_S2_VMID16,
	};
	struct tables *tables = calloc(1, sizeof(*tables));
	uint64_t ram = UINT64_C(0x40000000), pa = UINT64_C(0x900000000);
	struct am_s2_result r;
	struct am_s2 s2;

	if (!tables)
		return 1;
	must(am_s2_init(&s2, &config, &ops, tables));
	/* RAM, 1 GiB and a little; a UART's page. */
	must(am_s2_map(&s2, ram, GIB + 2 * MIB + 8 * KIB, pa, AM_S2_RWX, AM_S2_NORMAL_WB));
	must(am_s2_map(&s2, 0x09000000, 4 * KIB, 0x7ff000000, AM_S2_R | AM_S2_W,
		       AM_S2_DEVICE_nGnRE));
	/* A page of the 2 MiB block to be written under our eyes: the block is cut. */
	must(am_s2_protect(&s2, ram + GIB + 64 * KIB, 4 * KIB, AM_S2_W, 0, NULL));
	print(&s2);

	printf("a store to the protected page: ");
	printf("fault status %#x\n", am_s2_check(&s2, ram + GIB + 64 * KIB, AM_S2_W, &r));
	printf("a load where nothing is: ");
	printf("fault status %#x\n", am_s2_check(&s2, 0, AM_S2_R, &r));
	am_s2_finish(&s2);
	free(tables);
	return 0;
}
