/* SPDX-License-Identifier: MIT */
/*
 * Building the machine through the KVM ABI, on a stand-in that records what it was asked for: the
 * memory map, the interrupt controller, the CPUs' first state, and that everything is closed again.
 */
#include "cm.h"

#include <armature/kvm.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_kvm.h"
#include "vmm/machine.h"
#include "vmm/report.h"

static char path[64], big[64];

static void write_kernel(const char *name, uint64_t text_offset, uint64_t image_size)
{
	uint8_t k[256] = {0};
	FILE *f = fopen(name, "wb");

	for (unsigned i = 0; i < 8; i++) {
		k[8 + i] = (uint8_t)(text_offset >> (8 * i));
		k[16 + i] = (uint8_t)(image_size >> (8 * i));
	}
	memcpy(k + 56, "ARMd", 4);
	memset(k + 64, 0x5a, sizeof(k) - 64);
	assert_non_null(f);
	fwrite(k, 1, sizeof(k), f);
	fclose(f);
}

static void builds(void **state)
{
	struct options o = {
	    .kernel = path, .initrd = path, .append = "one two", .cpus = 130, .memory = 64u << 20};
	struct machine m;
	const void *p;
	uint8_t *tree;
	int len;

	write_kernel(path, 0x80000, 0x300000);
	fake_reset_seen();
	assert_int_equal(machine_init(&m, &o), 0);
	assert_int_equal(machine_create_vm(&m), 0);
	assert_int_equal(machine_boot(&m), 0);
	assert_true(fake_seen.ram_base == 0x40000000);
	assert_true(fake_seen.ram_size == 64u << 20);
	assert_int_equal((uintptr_t)fake_seen.ram % (2 << 20), 0);
	assert_int_equal(fake_seen.vcpus, 130);
	assert_int_equal(fake_seen.power_off, 129);
	assert_true(fake_seen.dist == 0x08000000);
	assert_true(fake_seen.redist[0] == (UINT64_C(123) << 52 | 0x080a0000));
	assert_true(fake_seen.redist[1] == (UINT64_C(7) << 52 | 0x4000000000 | 1));
	assert_int_equal(fake_seen.nr_irqs, 288);
	assert_int_equal(fake_seen.initialised_gics, 1);
	assert_true(fake_seen.its == 0x08080000);
	assert_int_equal(fake_seen.initialised_itses, 1);
	assert_true(m.has_its);
	assert_true(fake_seen.pc == 0x40080000);
	assert_int_equal(fake_seen.ram[0x80000 + 100], 0x5a);
	assert_true(fake_seen.x0 == 0x40400000); /* the first 2 MiB behind offset + image_size */
	tree = fake_seen.ram + 0x400000;
	assert_int_equal(fdt_check_full(tree, 2 << 20), 0);
	p = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "bootargs", &len);
	assert_string_equal(p, "console=ttyAMA0 one two");
	assert_int_equal(fake_seen.ram[0x600000 + 100], 0x5a); /* the initrd */
	machine_finish(&m);
	assert_int_equal(fake_seen.open_fds, 0);
}

static int boot(uint64_t memory, const char *kernel, const char *initrd)
{
	struct options o = {.kernel = kernel, .initrd = initrd, .cpus = 1, .memory = memory};
	struct machine m;
	int status = machine_init(&m, &o);

	if (!status)
		status = machine_create_vm(&m);
	if (!status)
		status = machine_boot(&m);
	machine_finish(&m);
	return status;
}

static void gic_v2(void **state)
{
	struct options o = {.kernel = path, .cpus = 8, .memory = 64u << 20, .gic_version = 2};
	struct machine m;

	fake_reset_seen();
	assert_int_equal(machine_init(&m, &o), 0);
	assert_int_equal(machine_create_vm(&m), 0);
	assert_int_equal(fake_seen.gic, KVM_DEV_TYPE_ARM_VGIC_V2);
	assert_true(fake_seen.dist == 0x08000000);
	assert_true(fake_seen.gicc == 0x08010000);
	assert_int_equal(fake_seen.nr_redist, 0);
	assert_int_equal(fake_seen.nr_irqs, 288);
	assert_int_equal(fake_seen.initialised_gics, 1);
	assert_int_equal(fake_seen.initialised_itses, 0);
	assert_false(m.has_its);
	machine_finish(&m);
}

static void redistributor_regions(void **state)
{
	struct options o = {.kernel = path,
			    .cpus = 6,
			    .memory = 64u << 20,
			    .gic_version = 3,
			    .nr_redist = 3,
			    .redist = {{0x10000000, 1}, {0x8000000000, 2}, {0x20000000, 3}}};
	struct machine m;

	fake_reset_seen();
	assert_int_equal(machine_init(&m, &o), 0);
	assert_int_equal(machine_create_vm(&m), 0);
	assert_int_equal(fake_seen.gic, KVM_DEV_TYPE_ARM_VGIC_V3);
	assert_int_equal(fake_seen.nr_redist, 3);
	assert_true(fake_seen.redist[0] == (UINT64_C(1) << 52 | 0x10000000 | 0));
	assert_true(fake_seen.redist[1] == (UINT64_C(2) << 52 | 0x8000000000 | 1));
	assert_true(fake_seen.redist[2] == (UINT64_C(3) << 52 | 0x20000000 | 2));
	machine_finish(&m);
}

/* The VM's type is what KVM understands, and RAM is in slots that KVM takes. */
static void address_spaces(void **state)
{
	static const struct {
		int limit;
		unsigned bits;
		uint64_t memory, base;
		bool top;
		unsigned long type;
		uint64_t at;
		unsigned slots;
	} cases[] = {
	    {48, 0, 1ull << 30, 0, false, 40, 1ull << 30, 1},
	    {48, 36, 1ull << 30, 0, false, 36, 1ull << 30, 1},
	    {48, 36, 1ull << 30, 0, true, 36, 63ull << 30, 1},
	    {52, 52, 1ull << 30, 0, true, 52, (1ull << 52) - (1ull << 30), 1},
	    {48, 0, 1ull << 40, 0, false, 41, 1ull << 30, 1},
	    {48, 0, 9ull << 40, 0, false, 44, 1ull << 30, 3},
	    {48, 0, 1ull << 30, 1ull << 45, false, 46, 1ull << 45, 1},
	    {36, 0, 1ull << 30, 0, false, 36, 1ull << 30, 1},
	    /* A KVM without the capability: type 0 is all there is. */
	    {0, 0, 1ull << 30, 0, false, 0, 1ull << 30, 1},
	    {0, 40, 1ull << 30, 0, true, 0, 1023ull << 30, 1},
	};

	fake_reset_seen();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options o = {.kernel = path,
				    .cpus = 1,
				    .memory = cases[i].memory,
				    .ipa_bits = cases[i].bits,
				    .ram_base = cases[i].base,
				    .ram_top = cases[i].top};
		struct machine m;

#if defined(__SANITIZE_THREAD__)
		if (cases[i].memory > 1ull << 40) /* there is no room for it beside the shadow */
			continue;
#endif
		fake_ipa_limit = cases[i].limit;
		assert_int_equal(machine_init(&m, &o), 0);
		assert_int_equal(machine_create_vm(&m), 0);
		assert_int_equal(fake_seen.vm_type, cases[i].type);
		assert_true(fake_seen.ram_base == cases[i].at);
		assert_true(fake_seen.ram_size == cases[i].memory);
		assert_int_equal(fake_seen.slots, cases[i].slots);
		machine_finish(&m);
	}
	fake_ipa_limit = 48;
	assert_int_equal(fake_seen.open_fds, 0);
}

static void what_does_not_fit(void **state)
{
	FILE *f = fopen(big, "wb");

	fclose(f);
	fake_reset_seen();
	write_kernel(path, 0, 14u << 20);
	assert_int_equal(boot(16u << 20, path, NULL), 0);
	write_kernel(path, 0, (14u << 20) + 1);
	assert_int_equal(boot(16u << 20, path, NULL), VMM_FILE);
	assert_int_equal(boot(18u << 20, path, NULL), 0);
	write_kernel(path, 0, UINT64_MAX);
	assert_int_equal(boot(16u << 20, path, NULL), VMM_FILE);
	write_kernel(path, UINT64_C(0xfffffffffffff000), 0x2000);
	assert_int_equal(boot(16u << 20, path, NULL), VMM_FILE);

	write_kernel(path, 0, 4096);
	assert_int_equal(truncate(big, 12 << 20), 0);
	assert_int_equal(boot(16u << 20, path, big), 0);
	assert_int_equal(truncate(big, (12 << 20) + 1), 0);
	assert_int_equal(boot(16u << 20, path, big), VMM_FILE);
	assert_int_equal(truncate(big, INT64_C(1) << 40), 0);
	assert_int_equal(boot(16u << 20, path, big), VMM_FILE);
	assert_int_equal(boot(16u << 20, path, "/dev/zero"), VMM_FILE);
	assert_int_equal(boot(16u << 20, path, "/dev/null"), VMM_FILE);
	assert_int_equal(fake_seen.open_fds, 0);
	assert_int_equal(fake_seen.vms_created, fake_seen.vms_closed);
}

static int name_files(void **state)
{
	snprintf(path, sizeof(path), "/tmp/armature-test-machine.%d", (int)getpid());
	snprintf(big, sizeof(big), "/tmp/armature-test-machine.%d.big", (int)getpid());
	return 0;
}

static int remove_files(void **state)
{
	unlink(path);
	unlink(big);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(builds),
	    cmocka_unit_test(gic_v2),
	    cmocka_unit_test(redistributor_regions),
	    cmocka_unit_test(address_spaces),
	    cmocka_unit_test(what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, name_files, remove_files);
}
