/* SPDX-License-Identifier: MIT */
/* The command line: what is accepted, what is refused, and that refusals have status 2. */
#include "cm.h"

#include <string.h>

#include "vmm/options.h"
#include "vmm/report.h"

static struct options opt;

static int parse(const char *a, const char *b, const char *c, const char *d)
{
	char *argv[6] = {"run", (char *)a, (char *)b, (char *)c, (char *)d, NULL};
	int argc = 1;

	while (argv[argc])
		argc++;
	return options_parse(&opt, argc, argv);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
	    {"1", 1 << 20},
	    {"256M", 256u << 20},
	    {"256m", 256u << 20},
	    {"4G", 4ull << 30},
	    {"64K", 64 << 10},
	    {"2MiB", 2 << 20},
	    {"2MB", 2 << 20},
	    {"1T", 1ull << 40},
	    {"0", 0},
	    {"16777215T", 0xffffffull << 40},
	};
	static const char *const bad[] = {
	    "", "M", "-1", "1.5G", "1Q", "1GG", " 1", "16777216T", "18446744073709551616", "1G "};
	uint64_t v;

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_parse_size(good[i].text, &v), 0);
		assert_true(v == good[i].bytes);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(options_parse_size(bad[i], &v), -1);
}

static void addresses(void **state)
{
	static const struct {
		const char *text;
		uint64_t address;
	} good[] = {
	    {"0x40000000", 1u << 30},
	    {"0X4000000000", 1ull << 38},
	    {"1G", 1u << 30},
	    {"0xABCdef", 0xabcdef},
	    {"0xffffffffffffffff", ~0ull},
	    {"0x0000000000000000000001", 1},
	};
	static const char *const bad[] = {
	    "", "0x", "x40", "0x1g", "40000000", "0x10000000000000000", "0x ", "-1G"};
	uint64_t v;

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_parse_address(good[i].text, &v), 0);
		assert_true(v == good[i].address);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(options_parse_address(bad[i], &v), -1);

	assert_int_equal(parse("--kernel=k", "--ram-base=4G", "--ipa-bits=44", NULL), 0);
	assert_true(opt.ram_base == 4ull << 30);
	assert_false(opt.ram_top);
	assert_int_equal(opt.ipa_bits, 44);
	assert_int_equal(parse("--kernel=k", "--ram-base=4G", "--ram-base=top", NULL), 0);
	assert_true(opt.ram_top);
	assert_true(opt.ram_base == 0);
}

static void interrupt_controllers(void **state)
{
	static const char *const bad[] = {"",
					  "0x10000000",
					  "0x10000000,",
					  "0x10000000,0",
					  "0x10000000,4096",
					  "0x10000000,x",
					  "0x10000000,1x",
					  "0x10000000,-1",
					  ",1",
					  "0x10001000,1",
					  "10000000,1",
					  "0x10000000,1,2",
					  "0x10000000 ,1",
					  "0x1000000000000000000000000,1"};

	assert_int_equal(parse("--kernel=k", "--gic-version=2", "--cpus=8", NULL), 0);
	assert_int_equal(opt.gic_version, 2);
	assert_int_equal(parse("--kernel=k", "--gic-version=2", "--cpus=9", NULL), VMM_USAGE);
	assert_int_equal(parse("--kernel=k", "--gic-version=2", "--redist-region=1G,1", NULL),
			 VMM_USAGE);
	assert_int_equal(
	    parse("--kernel=k", "--redist-region=0x10000000,4095", "--redist-region=256G,1", NULL),
	    0);
	assert_int_equal(opt.gic_version, 3);
	assert_int_equal(opt.nr_redist, 2);
	assert_true(opt.redist[0].base == 0x10000000);
	assert_int_equal(opt.redist[0].count, 4095);
	assert_true(opt.redist[1].base == 256ull << 30);
	assert_int_equal(opt.redist[1].count, 1);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse("--kernel=k", "--redist-region", bad[i], NULL), VMM_USAGE);
}

static void too_many_regions(void **state)
{
	static char *argv[LAYOUT_MAX_GICR + 4] = {"run", "--kernel=k"};
	const int n = LAYOUT_MAX_GICR + 2;

	for (int i = 2; i <= n; i++)
		argv[i] = "--redist-region=0x10000000,1";
	assert_int_equal(options_parse(&opt, n, argv), 0);
	assert_int_equal(opt.nr_redist, LAYOUT_MAX_GICR);
	assert_int_equal(options_parse(&opt, n + 1, argv), VMM_USAGE);
}

static void disks(void **state)
{
	static const struct {
		const char *text, *path;
		bool readonly;
	} good[] = {
	    {"disk.img", "disk.img", false}, {"disk.img,readonly", "disk.img", true},
	    {"/a,,b/c", "/a,b/c", false},    {"a,,readonly", "a,readonly", false},
	    {"a,,,readonly", "a,", true},    {",,", ",", false},
	    {",,,,,readonly", ",,", true},   {"readonly", "readonly", false},
	};
	static const char *const bad[] = {"",	 ",",	   ",readonly",	  "a,",
					  "a,b", "a,read", "a,readonly,", "a,readonly,readonly",
					  "a,,,"};
	static char *argv[OPTIONS_MAX_DISKS + 4] = {"run", "--kernel=k"};
	char path[32];
	bool readonly;

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_parse_disk(good[i].text, path, sizeof(path), &readonly),
				 0);
		assert_string_equal(path, good[i].path);
		assert_int_equal(readonly, good[i].readonly);
		/* It fits exactly, or not. */
		assert_int_equal(
		    options_parse_disk(good[i].text, path, strlen(good[i].path) + 1, &readonly), 0);
		assert_int_equal(
		    options_parse_disk(good[i].text, path, strlen(good[i].path), &readonly), -1);
		assert_int_equal(parse("--kernel=k", "--disk", good[i].text, NULL), 0);
		assert_int_equal(opt.nr_disks, 1);
		assert_string_equal(opt.disk[0], good[i].text);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse("--kernel=k", "--disk", bad[i], NULL), VMM_USAGE);
	for (int i = 2; i < OPTIONS_MAX_DISKS + 3; i++)
		argv[i] = "--disk=d";
	assert_int_equal(options_parse(&opt, OPTIONS_MAX_DISKS + 2, argv), 0);
	assert_int_equal(opt.nr_disks, OPTIONS_MAX_DISKS);
	assert_int_equal(options_parse(&opt, OPTIONS_MAX_DISKS + 3, argv), VMM_USAGE);
}

static void other_devices(void **state)
{
	assert_int_equal(parse("--kernel=k", NULL, NULL, NULL), 0);
	assert_false(opt.virtio_console);
	assert_false(opt.no_rng);
	assert_int_equal(opt.nr_disks, 0);
	assert_int_equal(parse("--kernel=k", "--console=virtio", "--no-rng", NULL), 0);
	assert_true(opt.virtio_console);
	assert_true(opt.no_rng);
	assert_int_equal(parse("--kernel=k", "--console=virtio", "--console=pl011", NULL), 0);
	assert_false(opt.virtio_console);
	assert_int_equal(parse("--kernel=k", "--console=hvc0", NULL, NULL), VMM_USAGE);
}

static void sdei_and_control(void **state)
{
	assert_int_equal(parse("--kernel=k", NULL, NULL, NULL), 0);
	assert_false(opt.sdei);
	assert_null(opt.control);
	assert_int_equal(parse("--kernel=k", "--sdei", "--control", "p"), 0);
	assert_true(opt.sdei);
	assert_string_equal(opt.control, "p");
	assert_int_equal(parse("--kernel=k", "--sdei=1", NULL, NULL), VMM_USAGE);
	assert_int_equal(parse("--kernel=k", "--control", NULL, NULL), VMM_USAGE);
}

static void defaults(void **state)
{
	assert_int_equal(parse("--kernel", "k", NULL, NULL), 0);
	assert_string_equal(opt.kernel, "k");
	assert_int_equal(opt.cpus, 1);
	assert_true(opt.memory == 1u << 30);
	assert_false(opt.no_reboot);
	assert_int_equal(opt.accel, ACCEL_AUTO);
	assert_null(opt.append);
	assert_int_equal(parse("--kernel=k2", "--cpus=512", "--memory=16M", "--no-reboot"), 0);
	assert_string_equal(opt.kernel, "k2");
	assert_int_equal(opt.cpus, 512);
	assert_true(opt.memory == 16u << 20);
	assert_true(opt.no_reboot);
	assert_int_equal(parse("--dump-dtb", "f", "--accel", "kvm"), 0);
	assert_int_equal(opt.accel, ACCEL_KVM);
	assert_int_equal(parse("--kernel=k", "--recreate-every=30", NULL, NULL), 0);
	assert_int_equal(opt.recreate_every, 30);
	assert_false(opt.recreate_poison);
	assert_int_equal(parse("--kernel=k", "--recreate-every", "20,poison", NULL), 0);
	assert_int_equal(opt.recreate_every, 20);
	assert_true(opt.recreate_poison);
	assert_int_equal(parse("--help", NULL, NULL, NULL), 0);
	assert_true(opt.help);
}

static void refused(void **state)
{
	static const char *const pairs[][2] = {
	    {"--cpus", "0"},
	    {"--cpus", "513"},
	    {"--cpus", "-1"},
	    {"--cpus", "two"},
	    {"--cpus", ""},
	    {"--cpus", "4x"},
	    {"--cpus", "99999999999999999999"},
	    {"--memory", "1"},
	    {"--memory", "15M"},
	    {"--memory", "0"},
	    {"--memory", "lots"},
	    {"--memory", "16385K"},
	    {"--ipa-bits", "31"},
	    {"--ipa-bits", "53"},
	    {"--ipa-bits", "40x"},
	    {"--ram-base", "1023M"},
	    {"--ram-base", "1025M"},
	    {"--ram-base", "bottom"},
	    {"--gic-version", "4"},
	    {"--gic-version", "v3"},
	    {"--recreate-every", "0"},
	    {"--recreate-every", "1000001"},
	    {"--recreate-every", "often"},
	    {"--recreate-every", ",poison"},
	    {"--recreate-every", "30,poisons"},
	    {"--recreate-every", "30ms"},
	    {"--accel", "tcg"},
	    {"--unknown", "x"},
	    {"stray", "words"},
	    {"--append", NULL},
	};

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_int_equal(parse("--kernel", "k", pairs[i][0], pairs[i][1]), VMM_USAGE);
	assert_int_equal(parse(NULL, NULL, NULL, NULL), VMM_USAGE);
	assert_int_equal(parse("--dtb=a", "--dump-dtb=b", "--kernel=k", NULL), VMM_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(interrupt_controllers),
	    cmocka_unit_test(too_many_regions),
	    cmocka_unit_test(disks),
	    cmocka_unit_test(other_devices),
	    cmocka_unit_test(sdei_and_control),
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
