/* SPDX-License-Identifier: MIT */
/* The device tree: what a guest finds in it, read back with libfdt. */
#include "cm.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/fdt.h"
#include "vmm/options.h"

#define SIZE (2 << 20)

static uint8_t *tree;
static struct layout_map map;

static uint32_t cell(const char *node, const char *name, int n)
{
	int len;
	const fdt32_t *p = fdt_getprop(tree, fdt_path_offset(tree, node), name, &len);

	assert_non_null(p);
	assert_true(len >= 4 * (n + 1));
	return fdt32_to_cpu(p[n]);
}

static uint64_t cell64(const char *node, const char *name, int n)
{
	return (uint64_t)cell(node, name, 2 * n) << 32 | cell(node, name, 2 * n + 1);
}

static const char *string(const char *node, const char *name)
{
	return fdt_getprop(tree, fdt_path_offset(tree, node), name, NULL);
}

static void build(unsigned cpus, uint64_t ram)
{
	static uint64_t mpidr[512];
	struct options o = {.cpus = cpus, .memory = ram};
	struct fdt_machine m = {.cpus = cpus, .mpidr = mpidr, .map = &map};

	assert_int_equal(layout_plan(&map, &o, 48), 0);
	for (unsigned i = 0; i < cpus; i++)
		mpidr[i] = 1u << 31 | (i & 15) | i >> 4 << 8;
	assert_int_equal(fdt_build(tree, SIZE, &m), 0);
}

static void hardware(void **state)
{
	build(4, UINT64_C(5) << 30);
	assert_true(cell64("/memory@40000000", "reg", 0) == 0x40000000);
	assert_true(cell64("/memory@40000000", "reg", 1) == UINT64_C(5) << 30);
	assert_string_equal(string("/psci", "method"), "hvc");
	assert_true(cell64("/intc@8000000", "reg", 0) == 0x08000000);
	assert_true(cell64("/intc@8000000", "reg", 2) == 0x080a0000);
	assert_true(cell64("/intc@8000000", "reg", 3) == 4 * 0x20000);
	assert_int_equal(cell("/intc@8000000", "#redistributor-regions", 0), 1);
	assert_int_equal(cell("/", "interrupt-parent", 0), cell("/intc@8000000", "phandle", 0));
	/* PPIs 13, 14, 11, 10; SPIs 1 and 2. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(cell("/timer", "interrupts", 3 * i), 1);
	assert_int_equal(cell("/timer", "interrupts", 1), 13);
	assert_int_equal(cell("/timer", "interrupts", 4), 14);
	assert_int_equal(cell("/timer", "interrupts", 7), 11);
	assert_int_equal(cell("/timer", "interrupts", 10), 10);
	assert_true(cell64("/pl011@9000000", "reg", 0) == 0x09000000);
	assert_int_equal(cell("/pl011@9000000", "interrupts", 1), 1);
	assert_true(cell64("/pl031@9010000", "reg", 0) == 0x09010000);
	assert_int_equal(cell("/pl031@9010000", "interrupts", 1), 2);
	assert_int_equal(cell("/pl011@9000000", "clocks", 1), cell("/apb-pclk", "phandle", 0));
	assert_true(fdt_path_offset(tree, string("/chosen", "stdout-path")) > 0);
	assert_int_equal(cell("/cpus/cpu@3", "reg", 0), 3);
	assert_int_equal(fdt_path_offset(tree, "/cpus/cpu@4"), -FDT_ERR_NOTFOUND);
}

static void many_cpus(void **state)
{
	build(512, UINT64_C(1) << 30);
	assert_int_equal(cell("/intc@8000000", "#redistributor-regions", 0), 2);
	assert_true(cell64("/intc@8000000", "reg", 3) == 123 * 0x20000);
	assert_true(cell64("/intc@8000000", "reg", 4) == UINT64_C(0x4000000000));
	assert_true(cell64("/intc@8000000", "reg", 5) == 389 * 0x20000);
	/* CPU 511's affinity is 0.31.15. */
	assert_int_equal(cell("/cpus/cpu@1f0f", "reg", 0), 0x1f0f);
	assert_true(fdt_finish_tree(tree) < SIZE);
	assert_int_equal(fdt_check_full(tree, SIZE), 0);
}

static void gic_v2(void **state)
{
	uint64_t mpidr[3] = {0, 1, 2};
	struct options o = {.cpus = 3, .memory = 1 << 30, .gic_version = 2};
	struct fdt_machine m = {.cpus = 3, .mpidr = mpidr, .map = &map};

	assert_int_equal(layout_plan(&map, &o, 48), 0);
	assert_int_equal(fdt_build(tree, SIZE, &m), 0);
	assert_string_equal(string("/intc@8000000", "compatible"), "arm,cortex-a15-gic");
	assert_true(cell64("/intc@8000000", "reg", 0) == 0x08000000);
	assert_true(cell64("/intc@8000000", "reg", 1) == 0x1000);
	assert_true(cell64("/intc@8000000", "reg", 2) == 0x08010000);
	assert_true(cell64("/intc@8000000", "reg", 3) == 0x2000);
	assert_null(string("/intc@8000000", "#redistributor-regions"));
	/* Private interrupts: level, high, of CPUs 0 to 2. */
	assert_int_equal(cell("/timer", "interrupts", 2), 0x704);
	assert_int_equal(cell("/pl011@9000000", "interrupts", 2), 4);
}

/* The node that Linux's driver looks for: there if asked for. */
static void sdei(void **state)
{
	static const char node[] = "/firmware/sdei";
	struct fdt_machine m = {.cpus = 1, .mpidr = (uint64_t[]){0}, .map = &map, .has_sdei = true};

	build(1, UINT64_C(1) << 30);
	assert_true(fdt_path_offset(tree, "/firmware") < 0);
	assert_int_equal(fdt_build(tree, SIZE, &m), 0);
	assert_string_equal(string(node, "compatible"), "arm,sdei-1.0");
	assert_string_equal(string(node, "method"), "hvc");
}

/* Two devices' pins, turned by the number of the device: PCI-to-PCI bridge 1.2, 9.1. */
static void pci(void **state)
{
	static const char node[] = "/pcie@3f000000", its[] = "/intc@8000000/its@8080000";
	struct options o = {.cpus = 1, .memory = 1 << 30, .nr_redist = 1};
	struct fdt_machine m = {.cpus = 1, .mpidr = (uint64_t[]){0}, .map = &map, .has_its = true};
	int len;

	build(1, UINT64_C(1) << 30);
	assert_string_equal(string(node, "compatible"), "pci-host-ecam-generic");
	assert_string_equal(string(node, "device_type"), "pci");
	assert_true(cell64(node, "reg", 0) == 0x3f000000);
	assert_true(cell64(node, "reg", 1) == 0x100000);
	assert_int_equal(cell(node, "bus-range", 1), 0);
	assert_int_equal(cell(node, "ranges", 0), 0x02000000);
	for (int i = 2; i <= 4; i += 2)
		assert_int_equal(cell(node, "ranges", i), 0x10000000);
	assert_int_equal(cell(node, "ranges", 6), 0x2eff0000);
	fdt_getprop(tree, fdt_path_offset(tree, node), "interrupt-map", &len);
	assert_int_equal(len, 16 * 10 * 4);
	for (int i = 0; i < 16; i++) {
		const int at = i * 10, device = i / 4, pin = i % 4;

		assert_int_equal(cell(node, "interrupt-map", at), device << 11);
		assert_int_equal(cell(node, "interrupt-map", at + 3), pin + 1);
		assert_int_equal(cell(node, "interrupt-map", at + 4),
				 cell("/intc@8000000", "phandle", 0));
		assert_int_equal(cell(node, "interrupt-map", at + 7), 0);
		assert_int_equal(cell(node, "interrupt-map", at + 8), 3 + (pin + device) % 4);
		assert_int_equal(cell(node, "interrupt-map", at + 9), 4);
	}
	assert_int_equal(cell(node, "interrupt-map-mask", 0), 0x1800);
	assert_int_equal(cell(node, "interrupt-map-mask", 3), 7);
	/* No ITS: no messages. */
	assert_null(string(node, "msi-map"));
	assert_int_equal(fdt_path_offset(tree, its), -FDT_ERR_NOTFOUND);

	o.redist[0] = (struct layout_gicr){0x10000000, 1};
	assert_int_equal(layout_plan(&map, &o, 48), 0);
	assert_int_equal(fdt_build(tree, SIZE, &m), 0);
	assert_int_equal(cell(node, "ranges", 4), 0x10020000);
	assert_int_equal(cell(node, "ranges", 6), 0x2eff0000 - 0x20000);
	assert_string_equal(string(its, "compatible"), "arm,gic-v3-its");
	assert_true(cell64(its, "reg", 0) == 0x08080000);
	assert_true(cell64(its, "reg", 1) == 0x20000);
	assert_non_null(string(its, "msi-controller"));
	assert_int_equal(cell(its, "#msi-cells", 0), 1);
	/* All requester IDs, each its own DeviceID. */
	assert_int_equal(cell(node, "msi-map", 0), 0);
	assert_int_equal(cell(node, "msi-map", 1), cell(its, "phandle", 0));
	assert_int_equal(cell(node, "msi-map", 2), 0);
	assert_int_equal(cell(node, "msi-map", 3), 0x10000);
}

static void redist_regions(void **state)
{
	static uint64_t mpidr[512];
	struct options o = {.cpus = 512, .memory = 1 << 30, .nr_redist = 512};
	struct fdt_machine m = {.cpus = 512, .mpidr = mpidr, .map = &map};

	/* As many as there can be, none next to another. */
	for (unsigned i = 0; i < 512; i++) {
		mpidr[i] = (i & 15) | i >> 4 << 8;
		o.redist[i] = (struct layout_gicr){(511 - i) * 0x40000 + 0x10000000, 1};
	}
	assert_int_equal(layout_plan(&map, &o, 48), 0);
	assert_int_equal(fdt_build(tree, SIZE, &m), 0);
	assert_int_equal(cell("/intc@8000000", "#redistributor-regions", 0), 512);
	for (unsigned i = 0; i < 512; i++) {
		assert_true(cell64("/intc@8000000", "reg", 2 + 2 * (int)i) == o.redist[i].base);
		assert_true(cell64("/intc@8000000", "reg", 3 + 2 * (int)i) == 0x20000);
	}
}

static void boot_values(void **state)
{
	struct fdt_boot b = {.bootargs = "console=ttyAMA0 quiet",
			     .initrd_start = 0x48000000,
			     .initrd_end = 0x48123456,
			     .map = &map};
	char *copy;
	int len;

	build(1, UINT64_C(1) << 30);
	assert_int_equal(fdt_set_boot(tree, &b), 0);
	assert_int_equal(fdt_set_seeds(tree), 0);
	assert_string_equal(string("/chosen", "bootargs"), b.bootargs);
	assert_true(cell64("/chosen", "linux,initrd-start", 0) == b.initrd_start);
	assert_true(cell64("/chosen", "linux,initrd-end", 0) == b.initrd_end);
	fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "rng-seed", &len);
	assert_int_equal(len, 32);

	/* The same tree as a file's, for a run with other values. */
	len = (int)fdt_finish_tree(tree);
	copy = malloc((size_t)len);
	memcpy(copy, tree, (size_t)len);
	assert_true(fdt_adopt(tree, (uint64_t)len - 1, SIZE) < 0);
	assert_int_equal(fdt_adopt(tree, (uint64_t)len, SIZE), 0);
	map.ram_base = UINT64_C(1) << 40;
	map.ram_size = UINT64_C(7) << 30;
	b = (struct fdt_boot){.map = &map};
	assert_int_equal(fdt_set_boot(tree, &b), 0);
	assert_string_equal(string("/chosen", "bootargs"), "console=ttyAMA0 quiet");
	assert_null(string("/chosen", "linux,initrd-start"));
	assert_true(cell64("/memory@40000000", "reg", 0) == UINT64_C(1) << 40);
	assert_true(cell64("/memory@40000000", "reg", 1) == UINT64_C(7) << 30);

	/* Damaged in any one byte, it is refused or at least harmless. */
	for (int i = 0; i < len; i++) {
		memcpy(tree, copy, (size_t)len);
		tree[i] ^= 0xff;
		if (fdt_adopt(tree, (uint64_t)len, SIZE) >= 0)
			fdt_set_boot(tree, &b);
	}
	for (int n = 0; n < len; n += 13)
		assert_true(fdt_adopt(memcpy(tree, copy, (size_t)n), (uint64_t)n, SIZE) < 0);
	free(copy);
}

static void too_small(void **state)
{
	uint64_t mpidr = 0;
	struct fdt_machine m = {.cpus = 1, .mpidr = &mpidr, .map = &map};

	build(1, UINT64_C(1) << 30);

	for (int size = 0; size < 1000; size += 8)
		assert_true(fdt_build(tree, size, &m) < 0);
}

static int setup(void **state)
{
	tree = malloc(SIZE);
	return tree ? 0 : -1;
}

static int teardown(void **state)
{
	free(tree);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hardware),	   cmocka_unit_test(many_cpus),
	    cmocka_unit_test(gic_v2),	   cmocka_unit_test(redist_regions),
	    cmocka_unit_test(boot_values), cmocka_unit_test(too_small),
	    cmocka_unit_test(pci),	   cmocka_unit_test(sdei),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
