/* SPDX-License-Identifier: MIT */
/*
 * The commands and tables of KVM's transcript (its_tables.txt, and its_tables_guest.txt, which is
 * the same with the commands queued by a guest) done here: every line must be KVM's. The files are
 * the arguments.
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>

#define T_DEVT	 (RAM + 0x20000)
#define T_COLT	 (RAM + 0x30000)
#define T_ITT(n) (RAM + 0x40000 + (n)*0x10000ull)
#define T_PROP	 (RAM + 0x100000)
#define T_PEND	 (RAM + 0x110000)
#define T_L2	 (RAM + 0x180000)

static const char *const *paths;
static char *text;
static size_t len, max;
static bool by_guest;
static struct box b;

static void rec(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void rec(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	assert_in_range(n, 0, sizeof(line) - 2);
	line[n++] = '\n';
	if (len + (size_t)n > max) {
		max = 2 * max + 4096;
		text = realloc(text, max);
		assert_non_null(text);
	}
	memcpy(text + len, line, (size_t)n);
	len += (size_t)n;
}

static const char *res(int r)
{
	return r == 0	      ? "0"
	       : r == 1	      ? "1"
	       : r == -EINVAL ? "-EINVAL"
	       : r == -EBUSY  ? "-EBUSY"
			      : "?";
}

/* ---- what the transcript's program does ---- */

static void reg(const char *name, unsigned offset)
{
	rec("  %s (%#x) = 0 %#018llx", name, offset, (unsigned long long)its_get(&b, offset));
}

static void all_regs(void)
{
	rec("  CTLR (0) = 0 %#018llx", (unsigned long long)its_get(&b, CTLR));
	reg("IIDR", 4);
	reg("TYPER", 8);
	reg("CBASER", CBASER);
	reg("CWRITER", CWRITER);
	reg("CREADR", CREADR);
	for (unsigned i = 0; i < 8; i++) {
		char name[8];

		snprintf(name, sizeof(name), "BASER%u", i);
		reg(name, BASER0 + 8 * i);
	}
}

static void dump64(const char *name, uint64_t ipa, unsigned bytes)
{
	for (unsigned i = 0; i < bytes / 8; i++)
		if (ram64(&b, ipa + 8 * i))
			rec("    %s[%u] = %016llx", name, i,
			    (unsigned long long)ram64(&b, ipa + 8 * i));
}

static void save_dump(bool clear)
{
	char name[16];

	if (clear) {
		memset(at(&b, T_DEVT), 0, 0x20000);
		memset(at(&b, T_ITT(0)), 0, 0xc0000);
	}
	rec("    save%s = %s", clear ? " (cleared)" : " (kept)",
	    res(its_ctrl(&b, AM_ITS_CTRL_SAVE_TABLES)));
	dump64("devt", T_DEVT, 0x10000);
	dump64("colt", T_COLT, 0x10000);
	for (unsigned n = 0; n < 12; n++) {
		snprintf(name, sizeof(name), "itt%u", n);
		dump64(name, T_ITT(n), 0x10000);
	}
}

static void pend_dump(void)
{
	const unsigned char *p = at(&b, T_PEND);

	memset(at(&b, T_PEND), 0, 0x40000);
	rec("    save_pending = %s", res(am_gic_set_attr(b.gic, AM_GIC_GRP_CTRL, 3, 0)));
	for (unsigned i = 0; i < 0x40000; i++)
		if (p[i])
			rec("    pend%u byte %#x = %02x", i >> 16, i & 0xffff, p[i]);
}

static void send(struct cmd c)
{
	b.cwriter = (uint32_t)its_get(&b, CWRITER);
	queue(&b, c);
	if (by_guest)
		wr(&b, GITS + CWRITER, 8, b.cwriter);
	else
		assert_int_equal(its_set(&b, CWRITER, b.cwriter), 0);
}

static void done(const char *what)
{
	rec("%s -> creadr %#llx ctlr %#llx", what, (unsigned long long)its_get(&b, CREADR),
	    (unsigned long long)its_get(&b, CTLR));
	save_dump(true);
}

#define DO(name, c)         \
	do {                \
		send(c);    \
		done(name); \
	} while (0)
#define DOC(c) DO(#c, c)

static void setup(void)
{
	box_its(&b, 2);
	wr(&b, GICD, 4, 0);
	memset(at(&b, T_PROP), 0xa1, 0x10000);
	for (unsigned i = 0; i < 2; i++) {
		gicr_set(&b, i, 0x70, (uint32_t)(T_PROP | 15));
		gicr_set(&b, i, 0x74, 0);
		gicr_set(&b, i, 0x78, (uint32_t)(T_PEND + i * 0x10000));
		gicr_set(&b, i, 0x7c, 0);
		gicr_set(&b, i, 0, 1);
	}
	assert_int_equal(its_set(&b, CBASER, VALID | CMDQ | 15), 0);
	assert_int_equal(its_set(&b, BASER0, VALID | T_DEVT), 0);
	assert_int_equal(its_set(&b, BASER1, VALID | T_COLT), 0);
	assert_int_equal(its_set(&b, CTLR, 1), 0);
}

/* The transcript's names of things. */
#define TITT(n) T_ITT(n)

static void basic(bool verbose)
{
	static const struct {
		const char *name;
		struct cmd c;
	} seq[] = {
	    {"MAPC(0, 0, 1)", MAPC(0, 0, 1)},
	    {"MAPC(1, 1, 1)", MAPC(1, 1, 1)},
	    {"MAPC(5, 1, 1)", MAPC(5, 1, 1)},
	    {"MAPD(0, 4, ITT(0), 1)", MAPD(0, 4, TITT(0), 1)},
	    {"MAPD(7, 15, ITT(1), 1)", MAPD(7, 15, TITT(1), 1)},
	    {"MAPD(0x20, 7, ITT(9), 1)", MAPD(0x20, 7, TITT(9), 1)},
	    {"MAPD(3, 0, ITT(10), 1)", MAPD(3, 0, TITT(10), 1)},
	    {"MAPTI(0, 0, 8192, 0)", MAPTI(0, 0, 8192, 0)},
	    {"MAPTI(0, 1, 8193, 1)", MAPTI(0, 1, 8193, 1)},
	    {"MAPTI(0, 5, 8200, 5)", MAPTI(0, 5, 8200, 5)},
	    {"MAPTI(0, 31, 8300, 1)", MAPTI(0, 31, 8300, 1)},
	    {"MAPI(7, 8205, 0)", MAPI(7, 8205, 0)},
	    {"MAPTI(7, 0xffff, 0xffff, 1)", MAPTI(7, 0xffff, 0xffff, 1)},
	    {"MAPTI(0x20, 255, 9000, 5)", MAPTI(0x20, 255, 9000, 5)},
	    {"MAPTI(3, 1, 9001, 5)", MAPTI(3, 1, 9001, 5)},
	    {"SYNC(0)", SYNC(0)},
	    {"SYNC(1)", SYNC(1)},
	};

	for (unsigned i = 0; i < sizeof(seq) / sizeof(seq[0]); i++) {
		send(seq[i].c);
		if (verbose)
			done(seq[i].name);
	}
}

static void msi_is(const char *what, uint64_t address, bool has_devid, unsigned dev, unsigned data)
{
	rec("  msi %s = %s", what, res(am_gic_msi(b.gic, address, has_devid, dev, data)));
}

static void part_basic(void)
{
	setup();
	rec("setup:");
	all_regs();
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned o = 0x70; o < 0x80; o += 4)
			rec("  GICR%u %#x = 0 %#x", i, o, gicr_get(&b, i, o));
		rec("  GICR%u CTLR = 0 %#x", i, gicr_get(&b, i, 0));
	}
	rec("basic:");
	basic(true);
	DOC(MOVI(0, 1, 0));
	DOC(INV(0, 0));
	DOC(INVALL(1));
	DOC(MOVALL(0, 1));
	DOC(MOVALL(1, 0));
	rec("pending:");
	DOC(INT(0, 0));
	pend_dump();
	DOC(INT(0, 5));
	DOC(INT(7, 0xffff));
	pend_dump();
	DOC(CLEAR(0, 0));
	pend_dump();
	DOC(INT(0, 1));
	DOC(MOVI(0, 1, 1));
	pend_dump();
	DOC(MOVALL(1, 0));
	pend_dump();
	rec("msi:");
	msi_is("dev0 ev31 devid flag", GITS + 0x10040, true, 0, 31);
	pend_dump();
	msi_is("dev0 ev31 no flag", GITS + 0x10040, false, 0, 31);
	msi_is("dev0 ev30 unmapped", GITS + 0x10040, true, 0, 30);
	msi_is("dev99", GITS + 0x10040, true, 99, 0);
	msi_is("wrong doorbell", GITS + 0x10044, true, 0, 31);
	msi_is("far doorbell", 0x90000000, true, 0, 31);
	rec("  msi flags 2 = -EINVAL"); /* the ioctl's */
	its_set(&b, CTLR, 0);
	msi_is("its disabled", GITS + 0x10040, true, 0, 31);
	its_set(&b, CTLR, 1);
	rec("unmapping:");
	DOC(DISCARD(0, 5));
	save_dump(false);
	pend_dump();
	DOC(MAPTI(0, 5, 8200, 5));
	DOC(DISCARD(0, 31));
	rec("  (kept memory after DISCARD shows stale entries, if any)");
	save_dump(false);
	DOC(MAPC(5, 1, 0));
	save_dump(false);
	DOC(INT(0, 5));
	DOC(MAPC(5, 0, 1));
	DO("MAPD(7, 15, ITT(1), 0)", MAPD(7, 15, TITT(1), 0));
	send(MAPD(0x20, 7, TITT(9), 0));
	rec("MAPD(0x20, V=0), tables kept:");
	save_dump(false);
	DO("MAPD(0, 4, ITT(2), 1)", MAPD(0, 4, TITT(2), 1));
	save_dump(false);
	box_end(&b);
}

static void part_errors(void)
{
	rec("errors:");
	setup();
	basic(false);
	rec("before:");
	save_dump(true);
	DO("MAPD(0x10, 16, ITT(2), 1)", MAPD(0x10, 16, TITT(2), 1));
	DO("MAPD(0x10, 31, ITT(2), 1)", MAPD(0x10, 31, TITT(2), 1));
	DO("MAPD(0xffff, 1, ITT(2), 1)", MAPD(0xffff, 1, TITT(2), 1));
	DO("MAPD(0x10000, 1, ITT(2), 1)", MAPD(0x10000, 1, TITT(2), 1));
	DO("MAPD(0x1fff, 1, ITT(2), 1)", MAPD(0x1fff, 1, TITT(2), 1));
	DO("MAPD(0x2000, 1, ITT(2), 1)", MAPD(0x2000, 1, TITT(2), 1));
	DO("MAPD(0x10, 1, ITT(2) + 0x80, 1)", MAPD(0x10, 1, TITT(2) + 0x80, 1));
	DOC(MAPD(0x11, 1, 0x90000000, 1));
	DOC(MAPD(0x11, 1, 0, 0));
	DOC(MAPD(0x55, 1, 0, 0));
	DOC(MAPC(6, 2, 1));
	DOC(MAPC(6, 0xffff, 1));
	DOC(MAPC(8191, 1, 1));
	DOC(MAPC(8192, 1, 1));
	DOC(MAPC(0xffff, 1, 1));
	DOC(MAPC(77, 0, 0));
	DOC(MAPC(1, 0, 1));
	DOC(MAPTI(0x44, 0, 8400, 0));
	DOC(MAPTI(0, 32, 8401, 0));
	DOC(MAPTI(0, 2, 8191, 0));
	DOC(MAPTI(0, 2, 0, 0));
	DOC(MAPTI(0, 2, 65536, 0));
	DOC(MAPTI(0, 2, 65535, 0));
	DOC(MAPTI(0, 3, 8402, 99));
	DOC(MAPTI(0, 4, 8403, 9000));
	DOC(MAPTI(0, 0, 8500, 0));
	DOC(MAPTI(0, 6, 8192, 0));
	DOC(MAPI(0, 7, 0));
	DOC(MOVI(0, 20, 0));
	DOC(MOVI(0, 0, 99));
	DOC(MOVI(0x44, 0, 0));
	DOC(INV(0, 20));
	DOC(INVALL(99));
	DOC(MOVALL(9, 1));
	DOC(DISCARD(0, 20));
	DOC(DISCARD(0x44, 0));
	DOC(INT(0, 20));
	DOC(INT(0x44, 0));
	DOC(CLEAR(0, 20));
	DOC(SYNC(77));
	DO("C3(0, 0, 0, 0)", EVENT(0, 0, 0, 0));
	DO("C3(0x7f, 0, 0, 0)", EVENT(0x7f, 0, 0, 0));
	DO("C3(0x29, 0, 0, 0)", EVENT(0x29, 0, 0, 0));
	pend_dump();
	rec("remap and reset:");
	rec("  reset = %s", res(its_ctrl(&b, AM_ITS_CTRL_RESET)));
	all_regs();
	save_dump(true);
	box_end(&b);
}

static unsigned long long get(unsigned offset)
{
	return its_get(&b, offset);
}

static void part_queue(void)
{
	rec("queue wrap:");
	setup();
	for (unsigned i = 0; i < 2047; i++)
		send(SYNC(0));
	rec("  after 2047: cwriter %#llx creadr %#llx", get(CWRITER), get(CREADR));
	send(MAPC(2, 1, 1));
	rec("  after 2048: cwriter %#llx creadr %#llx", get(CWRITER), get(CREADR));
	send(MAPC(3, 1, 1));
	rec("  after 2049: cwriter %#llx creadr %#llx", get(CWRITER), get(CREADR));
	save_dump(true);
	box_end(&b);

	rec("command queue in no memory:");
	setup();
	its_set(&b, CTLR, 0);
	its_set(&b, CBASER, VALID | NOWHERE);
	its_set(&b, CTLR, 1);
	rec("  cwriter 0x20 = %s", res(its_set(&b, CWRITER, 0x20)));
	all_regs();
	box_end(&b);

	rec("queued while disabled, then enabled:");
	setup();
	its_set(&b, CTLR, 0);
	send(MAPC(4, 1, 1));
	rec("  disabled: creadr %#llx cwriter %#llx ctlr %#llx", get(CREADR), get(CWRITER),
	    get(CTLR));
	its_set(&b, CTLR, 1);
	rec("  enabled: creadr %#llx cwriter %#llx ctlr %#llx", get(CREADR), get(CWRITER),
	    get(CTLR));
	save_dump(true);
	its_set(&b, CTLR, 0);
	rec("changing BASER1's value frees collections; BASER0's devices:");
	send(SYNC(0));
	its_set(&b, CTLR, 1);
	send(MAPD(1, 4, T_ITT(0), 1));
	send(MAPTI(1, 2, 8192, 4));
	save_dump(true);
	its_set(&b, CTLR, 0);
	its_set(&b, BASER1, VALID | T_COLT);
	rec("  BASER1 rewritten the same:");
	save_dump(true);
	its_set(&b, BASER1, T_COLT);
	rec("  BASER1 invalid:");
	save_dump(true);
	its_set(&b, BASER0, T_DEVT);
	rec("  BASER0 invalid:");
	save_dump(true);
	box_end(&b);
}

static void part_two_level(void)
{
	static const unsigned devs[] = {0, 1, 8191, 8192, 16384, 16385, 16391, 24575, 24576, 65535};

	rec("two-level device table:");
	setup();
	its_set(&b, CTLR, 0);
	its_set(&b, BASER0, VALID | INDIRECT | T_DEVT);
	reg("BASER0", 0x100);
	its_set(&b, CTLR, 1);
	ram64_set(&b, T_DEVT, VALID | T_L2);
	ram64_set(&b, T_DEVT + 16, VALID | (T_L2 + 0x10000));
	send(MAPC(0, 0, 1));
	for (unsigned i = 0; i < sizeof(devs) / sizeof(devs[0]); i++) {
		memset(at(&b, T_L2), 0, 0x20000);
		send(MAPD(devs[i], 4, T_ITT(i), 1));
		rec("  MAPD %u: save = %s", devs[i], res(its_ctrl(&b, AM_ITS_CTRL_SAVE_TABLES)));
		dump64("l2a", T_L2, 0x10000);
		dump64("l2b", T_L2 + 0x10000, 0x10000);
	}
	box_end(&b);
}

static void part_far(void)
{
	rec("the next field's cap: devices far apart, events far apart:");
	setup();
	its_set(&b, CTLR, 0);
	its_set(&b, BASER0, VALID | INDIRECT | T_DEVT);
	for (unsigned i = 0; i < 8; i++)
		ram64_set(&b, T_DEVT + 8 * i, VALID | (T_L2 + i * 0x10000));
	its_set(&b, CTLR, 1);
	send(MAPC(0, 0, 1));
	send(MAPD(1, 15, T_ITT(0), 1));
	send(MAPD(0xfff0, 15, T_ITT(8), 1));
	send(MAPTI(1, 0, 8192, 0));
	send(MAPTI(1, 0xffff, 8193, 0));
	send(MAPTI(0xfff0, 0x100, 8194, 0));
	rec("  save = %s", res(its_ctrl(&b, AM_ITS_CTRL_SAVE_TABLES)));
	for (unsigned i = 0; i < 8; i++) {
		char name[8];

		snprintf(name, sizeof(name), "l2.%u", i);
		dump64(name, T_L2 + i * 0x10000, 0x10000);
	}
	dump64("itt0", T_ITT(0), 0x80000);
	dump64("itt8", T_ITT(8), 0x40000);
	box_end(&b);
}

/* ---- comparing ---- */

static void compare(const char *path)
{
	FILE *f = fopen(path, "r");
	char *mine = text, line[256];
	unsigned n = 0;

	if (!f)
		fail_msg("%s: cannot be read", path);
	while (fgets(line, sizeof(line), f)) {
		size_t l = strlen(line);

		n++;
		if (l > len - (size_t)(mine - text) || memcmp(mine, line, l))
			fail_msg("%s:%u: KVM has: %shere: %.80s", path, n, line, mine);
		mine += l;
	}
	fclose(f);
	assert_true(mine == text + len);
	assert_true(n > 1000);
}

static void transcript(bool guest)
{
	by_guest = guest;
	len = 0;
	rec("# commands queued by %s",
	    guest ? "a guest's store to GITS_CWRITER" : "user space's GITS_CWRITER attribute");
	part_basic();
	part_errors();
	part_queue();
	part_two_level();
	part_far();
	compare(paths[guest]);
}

static void test_user(void **state)
{
	transcript(false);
}

static void test_guest(void **state)
{
	transcript(true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_user),
	    cmocka_unit_test(test_guest),
	};
	int failed;

	if (argc != 3) {
		fprintf(stderr, "usage: unit-its-transcript its_tables.txt its_tables_guest.txt\n");
		return 2;
	}
	paths = (const char *const *)argv + 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(text);
	return failed;
}
