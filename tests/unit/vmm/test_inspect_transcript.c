/* SPDX-License-Identifier: MIT */
/*
 * The walk over the ITS's saved tables on what a real KVM saved: each block of its_tables.txt is
 * the memory of the tables after one SAVE_TABLES, entry by entry. The walk must find every one of
 * them, nothing else, and nothing wrong but what the transcript's commands did on purpose.
 */
#include "test_inspect_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const *paths;

struct block {
	unsigned line, nr; /* entries */
	unsigned pages;	   /* of two levels, or 0 */
	bool kept;
	uint64_t unseen; /* a collection that is there */
	uint64_t gpa[MAX_TOLD];
};

static struct image m;
static struct block b;
static unsigned nr_blocks, nr_entries, nr_overlaps, nr_shared, nr_outside;

/* Where the transcript's program has them: its names, and an index that follows. */
static bool place(const char *name, unsigned number, uint64_t *gpa)
{
	if (strcmp(name, "devt") == 0)
		*gpa = DEVT;
	else if (strcmp(name, "colt") == 0)
		*gpa = COLT;
	else if (strcmp(name, "itt") == 0)
		*gpa = ITT(number);
	else if (strcmp(name, "l2a") == 0 || strcmp(name, "l2b") == 0)
		*gpa = L2(name[2] - 'a');
	else if (strcmp(name, "l2.") == 0)
		*gpa = L2(number);
	else
		return false;
	return true;
}

/* "    itt10[1] = 0000000023290005" */
static bool parse_entry(const char *line, uint64_t *gpa, uint64_t *value)
{
	char name[8] = "", *open = strchr(line, '[');
	unsigned index, number = 0;
	unsigned long long v;
	size_t len;

	line += strspn(line, " ");
	if (!open || sscanf(open, "[%u] = %llx", &index, &v) != 2)
		return false;
	len = strncmp(line, "itt", 3) == 0 || strncmp(line, "l2.", 3) == 0 ? 3
									   : (size_t)(open - line);
	if (len >= sizeof(name))
		return false;
	memcpy(name, line, len);
	if (len == 3 && open - line > 3)
		number = (unsigned)strtoul(line + 3, NULL, 10);
	if (!place(name, number, gpa))
		return false;
	*gpa += 8 * index;
	*value = v;
	return true;
}

static void check_issues(void)
{
	for (unsigned i = 0; i < m.nr_issues; i++) {
		const struct its_issue *issue = &m.issue[i];
		char text[256];

		if (issue->kind == ITS_ISSUE_OVERLAP) {
			/* The commands give several devices the same ITT. */
			assert_int_equal(issue->table, ITS_EXTENT_ITT);
			nr_overlaps++;
		} else if (issue->kind == ITS_ISSUE_EVENT_LPI_DUPLICATE) {
			/* And events the same LPI. */
			assert_true(issue->value == 8192 || issue->value == 65535);
			nr_shared++;
		} else if (issue->kind == ITS_ISSUE_ITT_OUTSIDE) {
			/* And one of them where there is no memory. */
			assert_int_equal(issue->value, NOWHERE);
			nr_outside++;
		} else {
			its_issue_text(issue, text, sizeof(text));
			fail_msg("line %u: %s", b.line, text);
		}
	}
}

static void end_block(void)
{
	unsigned told = 0;

	if (!b.line)
		return;
	m.walk.devices = BASER_DEVICES | DEVT | (b.pages ? INDIRECT : 0);
	image_walk(&m);
	assert_true(m.nr_entries < MAX_TOLD);
	check_issues();
	for (unsigned i = 0; i < m.nr_entries; i++) {
		const struct its_entry *e = &m.entry[i];

		if (e->kind != ITS_ENTRY_COLLECTION && e->kind != ITS_ENTRY_DEVICE &&
		    e->kind != ITS_ENTRY_EVENT)
			continue;
		assert_int_equal(e->raw, image_get(&m, e->gpa));
		told++;
	}
	/* Each is told once: then the same number of them is the same ones. */
	for (unsigned i = 0; i < b.nr && !b.kept; i++)
		if (!image_entry(&m, ITS_ENTRY_COLLECTION, b.gpa[i]) &&
		    !image_entry(&m, ITS_ENTRY_DEVICE, b.gpa[i]) &&
		    !image_entry(&m, ITS_ENTRY_EVENT, b.gpa[i]))
			fail_msg("block of line %u: entry at %#llx is not told", b.line,
				 (unsigned long long)b.gpa[i]);
	if (told != b.nr)
		fail_msg("block of line %u: %u entries told of %u", b.line, told, b.nr);
	nr_blocks++;
	nr_entries += told;
	b.line = 0;
}

static void begin_block(unsigned line, bool kept)
{
	end_block();
	b.line = line;
	b.kept = kept;
	b.nr = 0;
	memset(m.ram, 0, IMAGE_SIZE);
	/* The transcript's level 1: all eight pages, or two, of which the second is the third's. */
	for (unsigned i = 0; i < b.pages; i++)
		image_set(&m, DEV(b.pages == 2 ? 2 * i : i), V63 | L2(i));
}

static void take_entry(uint64_t gpa, uint64_t value)
{
	assert_in_range(b.nr, 0, MAX_TOLD - 1);
	b.gpa[b.nr++] = gpa;
	image_set(&m, gpa, value);
}

static void take_line(unsigned number, const char *line)
{
	uint64_t gpa, value;

	if (strstr(line, "two-level device table")) {
		end_block();
		b.pages = 2;
	} else if (strstr(line, "next field's cap")) {
		end_block();
		b.pages = 8;
		/* Its collection table is not shown. */
		b.unseen = cte(0, 0);
	} else if (strstr(line, "save = 0") || strstr(line, "save (")) {
		begin_block(number, strstr(line, "(kept)"));
		if (b.unseen)
			take_entry(COLT, b.unseen);
	} else if (b.line && parse_entry(line, &gpa, &value)) {
		take_entry(gpa, value);
	} else {
		end_block();
	}
}

static void transcript(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256];
	unsigned number = 0;

	if (!f)
		fail_msg("%s: cannot be read", path);
	nr_blocks = nr_entries = nr_overlaps = nr_shared = nr_outside = 0;
	memset(&b, 0, sizeof(b));
	image_init(&m);
	while (fgets(line, sizeof(line), f))
		take_line(++number, line);
	end_block();
	fclose(f);
	image_finish(&m);
	assert_true(nr_blocks > 100);
	assert_true(nr_entries > 1000);
	assert_true(nr_overlaps > 10);
	assert_true(nr_shared > 10);
	assert_int_equal(nr_outside, 1);
}

static void test_user(void **state)
{
	transcript(paths[0]);
}

static void test_guest(void **state)
{
	transcript(paths[1]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_user),
	    cmocka_unit_test(test_guest),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: unit-vmm-inspect-transcript its_tables.txt "
				"its_tables_guest.txt\n");
		return 2;
	}
	paths = (const char *const *)argv + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
