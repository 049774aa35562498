/* SPDX-License-Identifier: MIT */
/*
 * Addresses: nothing overlaps, boot files are in RAM at the alignments the kernel wants, the
 * address space is as large as asked for or as needed, and what does not fit is refused.
 */
#include "cm.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/layout.h"
#include "vmm/options.h"
#include "vmm/report.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct layout_map map;

static void places(void **state)
{
	static const uint64_t bases[] = {LAYOUT_RAM, 64 * GIB};
	static const uint64_t rams[] = {16 * MIB, 64 * MIB, 256 * MIB, 4 * GIB, 1023 * GIB};
	static const uint64_t offsets[] = {0, 0x1000, 0x80000, 2 * MIB};
	static const uint64_t sizes[] = {64,	   MIB,	     2 * MIB, 2 * MIB + 1,
					 15 * MIB, 33 * MIB, 5 * GIB};

	for (unsigned n = 0; n < 2 * 5 * 4 * 7; n++) {
		const uint64_t base = bases[n % 2], ram = rams[n / 2 % 5],
			       off = offsets[n / 10 % 4];
		const uint64_t size = sizes[n / 40];
		struct layout l;
		uint64_t need;

		map.ram_base = base;
		map.ram_size = ram;
		need = layout_place(&l, &map, off, size);
		if (need) {
			assert_true(need > ram);
			/* And that much is enough. */
			map.ram_size = need;
			assert_int_equal(layout_place(&l, &map, off, size), 0);
			assert_int_equal(l.initrd_room, 0);
			continue;
		}
		assert_true(l.kernel == base + off);
		assert_true(l.kernel + l.kernel_room == base + ram);
		assert_true(l.kernel + size <= l.dtb);
		assert_int_equal(l.dtb % LAYOUT_DTB_MAX, 0);
		assert_true(l.dtb + LAYOUT_DTB_MAX <= l.initrd);
		assert_true(l.initrd <= base + ram);
		assert_true(l.initrd + l.initrd_room == base + ram);
	}
}

static void absurd_sizes(void **state)
{
	struct layout l;

	map.ram_base = LAYOUT_RAM;
	map.ram_size = GIB;
	assert_true(layout_place(&l, &map, 0, UINT64_MAX) == UINT64_MAX);
	assert_true(layout_place(&l, &map, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
	assert_true(layout_place(&l, &map, UINT64_MAX & ~UINT64_C(0xfff), 64) == UINT64_MAX);
	assert_true(layout_place(&l, &map, 0, (UINT64_C(1) << 40) + 1) == UINT64_MAX);
}

static int plan(unsigned cpus, uint64_t memory, unsigned bits, unsigned limit)
{
	struct options o = {.cpus = cpus, .memory = memory, .ipa_bits = bits};

	return layout_plan(&map, &o, limit);
}

static void redistributors(void **state)
{
	assert_int_equal(LAYOUT_GICR_LOW_MAX, 123);
	assert_int_equal(plan(1, GIB, 0, 48), 0);
	assert_int_equal(map.nr_gicr, 1);
	assert_int_equal(map.gicr[0].count, 1);
	assert_int_equal(plan(123, GIB, 0, 48), 0);
	assert_int_equal(map.nr_gicr, 1);
	assert_int_equal(map.gicr[0].count, 123);
	assert_int_equal(plan(124, GIB, 0, 48), 0);
	assert_int_equal(map.nr_gicr, 2);
	assert_int_equal(map.gicr[1].count, 1);
	assert_true(map.gicr[1].base == LAYOUT_GICR_HIGH);
	/* Above RAM when that reaches beyond 256 GiB. */
	assert_int_equal(plan(512, 255 * GIB, 0, 48), 0);
	assert_true(map.gicr[1].base == LAYOUT_GICR_HIGH);
	assert_int_equal(plan(512, 255 * GIB + 64 * MIB, 0, 48), 0);
	assert_int_equal(map.gicr[1].count, 389);
	assert_true(map.gicr[1].base == 257 * GIB);
	assert_int_equal(plan(512, 1022 * GIB, 40, 48), 0);
	assert_true(map.gicr[1].base == 1023 * GIB);
	assert_int_equal(plan(512, 1023 * GIB, 40, 48), VMM_USAGE);
	assert_int_equal(plan(512, 1023 * GIB, 0, 40), VMM_USAGE);
	assert_int_equal(plan(123, 1023 * GIB, 40, 40), 0);
	/* A larger address space when nobody said how large. */
	assert_int_equal(plan(512, 1023 * GIB, 0, 41), 0);
	assert_int_equal(map.ipa_bits, 41);
	assert_int_equal(plan(124, GIB, 38, 48), VMM_USAGE);
	assert_int_equal(plan(124, GIB, 39, 48), 0);
}

/* For each size of the address space, all the RAM that fits and nothing more. */
static void ipa_bits(void **state)
{
	for (unsigned bits = LAYOUT_IPA_MIN; bits <= LAYOUT_IPA_MAX; bits++) {
		const uint64_t most = (UINT64_C(1) << bits) - LAYOUT_RAM;

		assert_int_equal(plan(1, most, bits, 52), 0);
		assert_int_equal(map.ipa_bits, bits);
		assert_int_equal(plan(1, most + 65536, bits, 52), VMM_USAGE);
		assert_int_equal(plan(1, most, bits, bits), 0);
		assert_int_equal(plan(1, MIB * 16, bits, bits - 1), VMM_USAGE);
		/* Not asked for: the usual one, more if it takes more, less if there is no more. */
		assert_int_equal(plan(1, most, 0, 52), 0);
		assert_int_equal(map.ipa_bits, bits < 40 ? 40 : bits);
		assert_int_equal(plan(1, most + 65536, 0, 52), bits == 52 ? VMM_USAGE : 0);
		if (bits < 52)
			assert_int_equal(map.ipa_bits, bits < 40 ? 40 : bits + 1);
		assert_int_equal(plan(1, GIB, 0, bits), 0);
		assert_int_equal(map.ipa_bits, bits < 40 ? bits : 40);
	}
	assert_int_equal(plan(1, GIB, 0, 0), 0);
	assert_int_equal(map.ipa_bits, 40);
	assert_int_equal(plan(1, GIB, 40, 0), 0);
	assert_int_equal(plan(1, GIB, 41, 0), VMM_USAGE);
	assert_int_equal(plan(1, 1024 * GIB, 0, 0), VMM_USAGE);
}

static void ram_base(void **state)
{
	struct options o = {.cpus = 1, .memory = GIB, .ram_top = true};

	for (unsigned bits = LAYOUT_IPA_MIN; bits <= LAYOUT_IPA_MAX; bits++) {
		o.ipa_bits = bits;
		assert_int_equal(layout_plan(&map, &o, 52), 0);
		assert_true(map.ram_base + map.ram_size == UINT64_C(1) << bits);
		assert_int_equal(map.ipa_bits, bits);
	}
	o.ipa_bits = 0;
	assert_int_equal(layout_plan(&map, &o, 52), 0);
	assert_true(map.ram_base == 1023 * GIB);
	o.memory = 1023 * GIB;
	assert_int_equal(layout_plan(&map, &o, 52), 0);
	assert_true(map.ram_base == LAYOUT_RAM);
	o.memory = 1024 * GIB;
	assert_int_equal(layout_plan(&map, &o, 52), 0);
	assert_true(map.ram_base == 1024 * GIB);
	assert_int_equal(map.ipa_bits, 41);
	/* Redistributors find a place beside it, if there is one. */
	o.cpus = 512;
	o.memory = GIB;
	assert_int_equal(layout_plan(&map, &o, 52), 0);
	assert_true(map.gicr[1].base == LAYOUT_GICR_HIGH);
	o.ipa_bits = 39;
	o.memory = 256 * GIB;
	assert_int_equal(layout_plan(&map, &o, 52), VMM_USAGE);

	o = (struct options){.cpus = 1, .memory = GIB, .ram_base = 4 * GIB};
	assert_int_equal(layout_plan(&map, &o, 52), 0);
	assert_true(map.ram_base == 4 * GIB);
	o.ram_base = UINT64_C(1) << 45;
	assert_int_equal(layout_plan(&map, &o, 48), 0);
	assert_int_equal(map.ipa_bits, 46);
	assert_int_equal(layout_plan(&map, &o, 45), VMM_USAGE);
	o.ram_base = UINT64_MAX - 2 * MIB + 1;
	assert_int_equal(layout_plan(&map, &o, 52), VMM_USAGE);
}

static int regions(unsigned cpus, unsigned nr, const struct layout_gicr *r)
{
	struct options o = {.cpus = cpus, .memory = GIB, .nr_redist = nr};

	memcpy(o.redist, r, nr * sizeof(*r));
	return layout_plan(&map, &o, 48);
}

/* What the user asks for, and every way in which it cannot be. */
static void redist_regions(void **state)
{
	static const struct layout_gicr three[] = {
	    {0x10000000, 2}, {0x8000000000, 5}, {0x080a0000, 123}};
	static const struct layout_gicr bad[] = {
	    {0x08000000, 1},			/* the distributor */
	    {0x07ff0000, 1},			/* its end */
	    {0x08fe0000 + 0x10000, 1},		/* the UART */
	    {0x09000000, 1},			/* the UART and the clock */
	    {0x08080000, 1},			/* the ITS */
	    {0x08090000, 1},			/* its end */
	    {0x3f000000, 1},			/* the PCI bus */
	    {0x3eff0000, 1},			/* its start */
	    {0x3f0f0000, 1},			/* its end */
	    {0x40000000, 1},			/* memory */
	    {0x3fff0000, 1},			/* its start */
	    {0x7fff0000, 1},			/* its end */
	    {(UINT64_C(1) << 48) - 0x10000, 1}, /* beyond the end */
	    {UINT64_C(1) << 48, 1},
	    {UINT64_MAX - 0xffff, 1},
	};
	struct layout_gicr pair[2] = {{0x10000000, 2}, {0, 1}};

	assert_int_equal(regions(130, 3, three), 0);
	assert_int_equal(map.nr_gicr, 3);
	assert_memory_equal(map.gicr, three, sizeof(three));
	assert_int_equal(map.ipa_bits, 40);
	assert_int_equal(regions(131, 3, three), VMM_USAGE); /* too few */
	assert_int_equal(regions(1, 3, three), 0);	     /* more than needed */
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(regions(1, 1, &bad[i]), VMM_USAGE);
	for (uint64_t base = 0x0ffe0000; base <= 0x10040000; base += 0x10000) {
		pair[1].base = base;
		assert_int_equal(regions(3, 2, pair),
				 base == 0x0ffe0000 || base == 0x10040000 ? 0 : VMM_USAGE);
	}
	/* Beyond 40 bits, if that is not forbidden. */
	pair[1].base = UINT64_C(1) << 44;
	assert_int_equal(regions(3, 2, pair), 0);
	assert_int_equal(map.ipa_bits, 45);
}

static bool window_is(uint64_t base, uint64_t end)
{
	return map.pci_window == base && map.pci_window + map.pci_window_size == end;
}

/* PCI devices get the largest part of QEMU's window that redistributors leave. */
static void pci_windows(void **state)
{
	const uint64_t first = 0x10000000, end = 0x3eff0000;
	static const struct layout_gicr readme[] = {
	    {0x100a0000, 2}, {0x4000000000, 1}, {0x20000000, 3}};
	struct layout_gicr many[LAYOUT_MAX_GICR];

	assert_int_equal(plan(512, GIB, 0, 48), 0);
	assert_true(window_is(first, end));
	struct options v2 = {.cpus = 8, .memory = GIB, .gic_version = 2};
	assert_int_equal(layout_plan(&map, &v2, 48), 0);
	assert_true(window_is(first, end));

	assert_int_equal(regions(6, 3, readme), 0);
	assert_true(window_is(0x20060000, end));
	many[0] = (struct layout_gicr){0x0fff0000, 1}; /* reaches into the window */
	assert_int_equal(regions(1, 1, many), 0);
	assert_true(window_is(0x10010000, end));
	many[0] = (struct layout_gicr){0x30000000, 1};
	assert_int_equal(regions(1, 1, many), 0);
	assert_true(window_is(first, 0x30000000));
	many[0] = (struct layout_gicr){end - 0x20000, 1};
	assert_int_equal(regions(1, 1, many), 0);
	assert_true(window_is(first, end - 0x20000));

	/* 1 MiB is enough, less is refused. */
	for (unsigned i = 0; i < LAYOUT_MAX_GICR; i++)
		many[i] = (struct layout_gicr){first + i * 0x180000, 4};
	assert_int_equal(regions(1, LAYOUT_MAX_GICR, many), 0);
	for (unsigned i = 0; i < LAYOUT_MAX_GICR; i++)
		many[i] = (struct layout_gicr){first + i * UINT64_C(0x180000), 5};
	assert_int_equal(regions(1, LAYOUT_MAX_GICR, many), VMM_USAGE);

	/* Never where a redistributor is, and large enough. */
	srandom(1);
	for (unsigned n = 0; n < 500; n++) {
		const unsigned nr = 1 + (unsigned)random() % 6;
		uint64_t at = 0x0ff00000;

		for (unsigned i = 0; i < nr; i++) {
			many[i].base = at + (uint64_t)(random() & 0x3ff) * 0x10000;
			many[i].count = 1 + (unsigned)random() % 300;
			at = many[i].base + many[i].count * LAYOUT_GICR_STEP;
		}
		if (regions(1, nr, many))
			continue;
		assert_true(map.pci_window >= first);
		assert_true(map.pci_window + map.pci_window_size <= end);
		assert_true(map.pci_window_size >= LAYOUT_PCI_LEAST);
		for (unsigned i = 0; i < nr; i++)
			assert_true(many[i].base >= map.pci_window + map.pci_window_size ||
				    many[i].base + many[i].count * LAYOUT_GICR_STEP <=
					map.pci_window);
	}
}

/* Adjoining regions are one for the guest: what it sees are chains of redistributors. */
static void merged_regions(void **state)
{
	static const struct layout_gicr r[] = {
	    {0x10000000, 2}, {0x10140000, 2}, {0x10100000, 2}, {0x20000000, 9}, {0x10180000, 4}};
	struct layout_gicr out[LAYOUT_MAX_GICR];

	assert_int_equal(regions(6, 5, r), 0);
	assert_int_equal(layout_merge_gicr(&map, 6, out), 2);
	assert_true(out[0].base == 0x10000000 && out[0].count == 2);
	assert_true(out[1].base == 0x10100000 && out[1].count == 4);
	/* Not full: the last redistributor in use says that it is the last. */
	assert_int_equal(layout_merge_gicr(&map, 5, out), 3);
	assert_true(out[1].base == 0x10140000 && out[1].count == 2);
	assert_true(out[2].base == 0x10100000 && out[2].count == 2);
	assert_int_equal(layout_merge_gicr(&map, 1, out), 1);
	/* The fourth is not full but in use; the fifth not, and then it is: three in a row. */
	assert_int_equal(layout_merge_gicr(&map, 7, out), 3);
	assert_true(out[2].base == 0x20000000 && out[2].count == 9);
	assert_int_equal(layout_merge_gicr(&map, 16, out), 3);
	assert_true(out[1].base == 0x10100000 && out[1].count == 8);
}

static void size_texts(void **state)
{
	char b[24];

	assert_string_equal(layout_size_text(63 * GIB, b), "63G");
	assert_string_equal(layout_size_text(GIB + MIB, b), "1025M");
	assert_string_equal(layout_size_text(MIB + 65536, b), "1088K");
	assert_string_equal(layout_size_text(1024 * GIB, b), "1T");
	assert_string_equal(layout_size_text(1023 * GIB, b), "1023G");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(places),	      cmocka_unit_test(absurd_sizes),
	    cmocka_unit_test(redistributors), cmocka_unit_test(ipa_bits),
	    cmocka_unit_test(ram_base),	      cmocka_unit_test(redist_regions),
	    cmocka_unit_test(merged_regions), cmocka_unit_test(size_texts),
	    cmocka_unit_test(pci_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
