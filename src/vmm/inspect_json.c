/* SPDX-License-Identifier: MIT */
/*
 * "armature inspect its" for programs: one JSON document, described in docs/inspect.md. It is
 * written as the walk goes on; only what comes last in it is kept until then.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/inspect_its.h"

enum { PAGES = ITS_MAX_IDS / (ITS_PAGE_SIZE / ITS_ENTRY_SIZE) };

struct view {
	bool device_open;
	unsigned long devices, events; /* so far, of the whole and of the device that is open */
	unsigned long collections;
	bool in_devices;
	unsigned nr_pages;
	struct its_entry page[PAGES];
	unsigned long nr_issues, max_issues;
	struct its_issue *issue;
	bool no_memory;
};

/* ---- Pieces ---- */

static void put_hex(struct inspect_its *its, const char *key, uint64_t v, const char *end)
{
	fprintf(its->out, "\"%s\":\"0x%" PRIx64 "\"%s", key, v, end);
}

static void put_number(struct inspect_its *its, const char *key, unsigned long v, const char *end)
{
	fprintf(its->out, "\"%s\":%lu%s", key, v, end);
}

static void put_bool(struct inspect_its *its, const char *key, bool v, const char *end)
{
	fprintf(its->out, "\"%s\":%s%s", key, v ? "true" : "false", end);
}

static void put_vcpu(struct inspect_its *its, bool known, uint32_t target)
{
	if (known && target != ITS_NOT_MAPPED)
		fprintf(its->out, "\"vcpu\":%" PRIu32, target);
	else
		fputs("\"vcpu\":null", its->out);
}

static void put_error(struct inspect_its *its, int err)
{
	if (err)
		fprintf(its->out, "\"restore_error\":\"%s\"", its_error_name(err));
	else
		fputs("\"restore_error\":null", its->out);
}

/* ---- Before the walk ---- */

static void put_table(struct inspect_its *its, const char *key, uint64_t value)
{
	struct its_baser b = its_baser_decode(value);

	fprintf(its->out, ",\n\"%s\":{", key);
	put_hex(its, "baser", value, ",");
	put_bool(its, "valid", b.valid, ",");
	put_hex(its, "base", b.base, ",");
	put_number(its, "size", b.size, ",");
	put_number(its, "levels", b.indirect && b.type == ITS_TYPE_DEVICES ? 2 : 1, "}");
}

static void put_begin(struct inspect_its *its)
{
	fputs("{\"format\":\"armature-inspect-its\",\"version\":1,\n\"memory\":[", its->out);
	for (unsigned i = 0; i < its->memory.nr; i++) {
		fputs(i ? ",{" : "{", its->out);
		put_hex(its, "base", its->memory.piece[i].base, ",");
		put_number(its, "size", its->memory.piece[i].size, "}");
	}
	fputs("]", its->out);
	put_table(its, "device_table", its->walk.devices);
	put_table(its, "collection_table", its->walk.collections);
	fputs(",\n\"collections\":[", its->out);
}

/* ---- During the walk ---- */

/* The walk does collections before devices. */
static void to_devices(struct inspect_its *its, struct view *v)
{
	if (!v->in_devices)
		fputs("],\n\"devices\":[", its->out);
	v->in_devices = true;
}

static void close_device(struct inspect_its *its, struct view *v)
{
	if (v->device_open)
		fputs("]}", its->out);
	v->device_open = false;
}

static void put_collection(struct inspect_its *its, struct view *v, const struct its_entry *e)
{
	fputs(v->collections++ ? ",\n{" : "\n{", its->out);
	put_hex(its, "address", e->gpa, ",");
	put_number(its, "icid", e->u.collection.icid, ",");
	put_vcpu(its, true, e->u.collection.target);
	fputs("}", its->out);
}

static void put_device(struct inspect_its *its, struct view *v, const struct its_entry *e)
{
	to_devices(its, v);
	close_device(its, v);
	fputs(v->devices++ ? ",\n{" : "\n{", its->out);
	put_hex(its, "address", e->gpa, ",");
	put_number(its, "device_id", e->u.device.id, ",");
	put_hex(its, "itt", e->u.device.itt, ",");
	put_number(its, "eventid_bits", e->u.device.bits, ",");
	put_number(its, "next", e->u.device.next, ",");
	fputs("\"events\":[", its->out);
	v->device_open = true;
	v->events = 0;
}

static void put_event(struct inspect_its *its, struct view *v, const struct its_entry *e)
{
	fputs(v->events++ ? ",\n {" : "\n {", its->out);
	put_hex(its, "address", e->gpa, ",");
	put_number(its, "event_id", e->u.event.id, ",");
	put_number(its, "intid", e->u.event.intid, ",");
	put_number(its, "icid", e->u.event.icid, ",");
	put_vcpu(its, e->u.event.known, e->u.event.target);
	fputs(",", its->out);
	if (e->u.event.has_config) {
		put_number(its, "priority", e->u.event.config & 0xfcu, ",");
		put_bool(its, "enabled", e->u.event.config & 1, ",");
	}
	put_number(its, "next", e->u.event.next, "}");
}

static void on_entry(void *opaque, const struct its_entry *e)
{
	struct inspect_its *its = opaque;
	struct view *v = its->view;

	if (e->kind == ITS_ENTRY_COLLECTION)
		put_collection(its, v, e);
	else if (e->kind == ITS_ENTRY_DEVICE)
		put_device(its, v, e);
	else if (e->kind == ITS_ENTRY_EVENT)
		put_event(its, v, e);
	else if (e->kind == ITS_ENTRY_LEVEL1 && v->nr_pages < PAGES)
		v->page[v->nr_pages++] = *e;
}

static void on_issue(void *opaque, const struct its_issue *i)
{
	struct inspect_its *its = opaque;
	struct view *v = its->view;

	if (!inspect_its_shows(its, i->kind))
		return;
	if (v->nr_issues == v->max_issues) {
		unsigned long max = v->max_issues ? 2 * v->max_issues : 64;
		struct its_issue *more = realloc(v->issue, max * sizeof(*more));

		if (!more) {
			v->no_memory = true;
			return;
		}
		v->issue = more;
		v->max_issues = max;
	}
	v->issue[v->nr_issues++] = *i;
}

/* ---- After it ---- */

static void put_pages(struct inspect_its *its, const struct view *v)
{
	fputs("],\n\"level2_pages\":[", its->out);
	for (unsigned i = 0; i < v->nr_pages; i++) {
		fputs(i ? ",{" : "{", its->out);
		put_hex(its, "address", v->page[i].gpa, ",");
		put_hex(its, "page", v->page[i].u.level1.page, ",");
		put_number(its, "first_device_id", v->page[i].u.level1.first_id, "}");
	}
}

/* The text has no character that JSON would want escaped. */
static void put_issue(struct inspect_its *its, const struct its_issue *i)
{
	char text[256];

	its_issue_text(i, text, sizeof(text));
	fprintf(its->out, "{\"kind\":\"%s\",", its_issue_name(i->kind));
	if (i->gpa != ITS_NO_GPA)
		put_hex(its, "address", i->gpa, ",");
	else
		fputs("\"address\":null,", its->out);
	if (i->device != ITS_NO_ID)
		put_number(its, "device_id", i->device, ",");
	if (i->event != ITS_NO_ID)
		put_number(its, "event_id", i->event, ",");
	put_error(its, i->err);
	fprintf(its->out, ",\"text\":\"%s\"}", text);
}

static void put_end(struct inspect_its *its, struct view *v, const struct its_walk_result *r)
{
	const char *sep = "";

	to_devices(its, v);
	close_device(its, v);
	put_pages(its, v);
	fputs("],\n\"issues\":[", its->out);
	for (unsigned long i = 0; i < v->nr_issues; i++) {
		fputs(i ? ",\n" : "\n", its->out);
		put_issue(its, &v->issue[i]);
	}
	fputs("],\n\"issues_by_kind\":{", its->out);
	for (unsigned k = 0; k < ITS_NR_ISSUES; k++) {
		if (!r->by[k])
			continue;
		fprintf(its->out, "%s\"%s\":%lu", sep, its_issue_name(k), r->by[k]);
		sep = ",";
	}
	fputs("},\n\"summary\":{", its->out);
	put_number(its, "collections", r->collections, ",");
	put_number(its, "devices", r->devices, ",");
	put_number(its, "events", r->events, ",");
	put_number(its, "lpis", r->lpis, ",");
	put_number(its, "issues", r->issues, ",");
	put_bool(its, "complete", r->complete, ",");
	put_error(its, r->err);
	fputs("}}\n", its->out);
}

int inspect_its_json(struct inspect_its *its, struct its_walk_result *result)
{
	struct view v = {0};
	int err;

	its->view = &v;
	its->walk.entry = on_entry;
	its->walk.issue = on_issue;
	put_begin(its);
	err = its_walk(&its->walk, result);
	if (!err)
		put_end(its, &v, result);
	free(v.issue);
	return err ? err : v.no_memory ? -ENOMEM : 0;
}
