/* SPDX-License-Identifier: MIT */
/* Guest memory with ITS tables for tests. */
#include "test_inspect_image.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void *image_at(struct image *m, uint64_t gpa, uint64_t len)
{
	if (gpa < IMAGE_BASE || gpa - IMAGE_BASE > m->size || len > m->size - (gpa - IMAGE_BASE))
		return NULL;
	return m->ram + (gpa - IMAGE_BASE);
}

void image_set(struct image *m, uint64_t gpa, uint64_t value)
{
	void *at = image_at(m, gpa, 8);

	assert_non_null(at);
	value = htole64(value);
	memcpy(at, &value, 8);
}

uint64_t image_get(struct image *m, uint64_t gpa)
{
	void *at = image_at(m, gpa, 8);
	uint64_t value;

	assert_non_null(at);
	memcpy(&value, at, 8);
	return le64toh(value);
}

static bool on_read(void *opaque, uint64_t gpa, void *to, size_t len)
{
	const void *from = image_at(opaque, gpa, len);

	if (from)
		memcpy(to, from, len);
	return from;
}

static bool on_contains(void *opaque, uint64_t gpa, uint64_t len)
{
	return image_at(opaque, gpa, len);
}

static void on_entry(void *opaque, const struct its_entry *e)
{
	struct image *m = opaque;

	if (m->nr_entries++ < MAX_TOLD)
		m->entry[m->nr_entries - 1] = *e;
}

static void on_issue(void *opaque, const struct its_issue *i)
{
	struct image *m = opaque;
	char text[256];

	/* Each has words, all of which fit. */
	its_issue_text(i, text, sizeof(text));
	assert_in_range(strlen(text), 10, 200);
	assert_null(strpbrk(text, "\"\\\n"));
	if (m->nr_issues++ < MAX_TOLD)
		m->issue[m->nr_issues - 1] = *i;
}

static void on_extent(void *opaque, const struct its_extent *x)
{
	struct image *m = opaque;

	if (m->nr_extents++ < MAX_TOLD)
		m->extent[m->nr_extents - 1] = *x;
}

void image_init(struct image *m)
{
	image_init_size(m, IMAGE_SIZE);
}

void image_init_size(struct image *m, uint64_t size)
{
	memset(m, 0, sizeof(*m));
	m->size = size;
	m->ram = calloc(1, size);
	assert_non_null(m->ram);
	m->walk = (struct its_walk){
	    .read = on_read,
	    .contains = on_contains,
	    .extent = on_extent,
	    .entry = on_entry,
	    .issue = on_issue,
	    .opaque = m,
	    .devices = BASER_DEVICES | DEVT,
	    .collections = BASER_COLLECTIONS | COLT,
	};
}

void image_finish(struct image *m)
{
	free(m->ram);
}

void image_walk(struct image *m)
{
	unsigned long by = 0;

	m->nr_entries = m->nr_issues = m->nr_extents = 0;
	assert_int_equal(its_walk(&m->walk, &m->result), 0);
	assert_int_equal(m->result.issues, m->nr_issues);
	for (unsigned k = 0; k < ITS_NR_ISSUES; k++)
		by += m->result.by[k];
	assert_int_equal(by, m->nr_issues);
	assert_true(m->result.complete == !m->result.by[ITS_ISSUE_LIMIT]);
}

const struct its_entry *image_entry(const struct image *m, enum its_entry_kind kind, uint64_t gpa)
{
	for (unsigned i = 0; i < m->nr_entries && i < MAX_TOLD; i++)
		if (m->entry[i].kind == kind && m->entry[i].gpa == gpa)
			return &m->entry[i];
	return NULL;
}

unsigned image_count(const struct image *m, enum its_entry_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->nr_entries && i < MAX_TOLD; i++)
		n += m->entry[i].kind == kind;
	return n;
}

/* ---- The tables that tests begin with ---- */

int image_setup(void **state)
{
	static struct image m;

	image_init(&m);
	image_set(&m, COL(0), cte(0, 0));
	image_set(&m, COL(1), cte(1, 1));
	image_set(&m, COL(2), cte(5, ITS_NOT_MAPPED));
	image_set(&m, DEV(0), dte(ITT(0), 5, 3));
	image_set(&m, DEV(3), dte(ITT(10), 1, 4));
	image_set(&m, DEV(7), dte(ITT(1), 16, 25));
	image_set(&m, DEV(32), dte(ITT(9), 4, 0));
	image_set(&m, EV(0, 0), ite(LPI(0), 0, 1));
	image_set(&m, EV(0, 1), ite(LPI(1), 1, 4));
	image_set(&m, EV(0, 5), ite(LPI(5), 5, 26));
	image_set(&m, EV(0, 31), ite(LPI(31), 1, 0));
	image_set(&m, ITT(1) + 8 * 65535, ite(65535, 0, 0));
	image_set(&m, EV(9, 0), ite(LPI(9), 1, 0));
	*state = &m;
	return 0;
}

int image_teardown(void **state)
{
	image_finish(*state);
	return 0;
}

void image_finds(struct image *m, enum its_issue_kind kind, int err, uint64_t gpa, uint64_t value)
{
	image_walk(m);
	if (m->nr_issues != 1 || m->issue[0].kind != kind) {
		char text[256] = "";

		if (m->nr_issues)
			its_issue_text(&m->issue[m->issue[0].kind == kind], text, sizeof(text));
		fail_msg("%u issues instead of one %s: %s", m->nr_issues, its_issue_name(kind),
			 text);
	}
	assert_int_equal(m->issue[0].err, err);
	assert_int_equal(m->result.err, err);
	assert_int_equal(m->issue[0].gpa, gpa);
	assert_int_equal(m->issue[0].value, value);
}

void image_of_device(const struct image *m, uint32_t device, uint32_t event)
{
	assert_int_equal(m->issue[0].device, device);
	assert_int_equal(m->issue[0].event, event);
}
