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
	    {"--memory", "1024G"},
	    {"--memory", "lots"},
	    {"--memory", "16385K"},
	    {"--gic-version", "2"},
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
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
