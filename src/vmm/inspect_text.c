/* SPDX-License-Identifier: MIT */
/* "armature inspect its" for people: a line for each entry, and what is wrong below it. */
#include <inttypes.h>
#include <stdio.h>

#include "vmm/inspect_its.h"

enum section { BEGIN, COLLECTIONS, DEVICES };

static void section_begins(struct inspect_its *its, enum section section)
{
	enum section *now = its->view;

	if (*now == section)
		return;
	*now = section;
	fputs(section == COLLECTIONS ? "\ncollections\n" : "\ndevices and their events\n",
	      its->out);
}

/* ---- Before the walk ---- */

static void put_memory(struct inspect_its *its)
{
	for (unsigned i = 0; i < its->memory.nr; i++) {
		const struct inspect_piece *p = &its->memory.piece[i];

		fprintf(its->out, "memory            0x%" PRIx64 "-0x%" PRIx64 "  %s\n", p->base,
			p->base + p->size - 1, p->path);
	}
}

static void put_table(struct inspect_its *its, const char *name, uint64_t value, const char *what)
{
	struct its_baser b = its_baser_decode(value);

	if (!b.valid) {
		fprintf(its->out, "%-16s  not valid: nothing is restored from it\n", name);
		return;
	}
	fprintf(its->out, "%-16s  0x%" PRIx64 "  %" PRIu64 " KiB, ", name, b.base, b.size / 1024);
	if (b.indirect && b.type == ITS_TYPE_DEVICES)
		fprintf(its->out, "two levels, %" PRIu64 " pages of %s\n", b.size / ITS_ENTRY_SIZE,
			what);
	else
		fprintf(its->out, "room for %" PRIu64 " %s\n", b.size / ITS_ENTRY_SIZE, what);
}

/* ---- During the walk ---- */

/* Where interrupts of a collection go. */
static const char *target_text(char text[24], bool known, uint32_t target)
{
	if (!known)
		return "no vCPU";
	if (target == ITS_NOT_MAPPED)
		return "unmapped";
	snprintf(text, 24, "vCPU %" PRIu32, target);
	return text;
}

static void put_device(struct inspect_its *its, const struct its_entry *e)
{
	uint32_t id = e->u.device.id;

	/* A DeviceID is most often a PCI function's bus, device and function. */
	fprintf(its->out,
		"0x%012" PRIx64 "  device %5" PRIu32 " (%02x:%02x.%x)  ITT 0x%" PRIx64
		"  %lu events",
		e->gpa, id, id >> 8 & 0xff, id >> 3 & 31, id & 7, e->u.device.itt,
		1ul << e->u.device.bits);
	if (e->u.device.next)
		fprintf(its->out, "  next +%" PRIu32 "\n", e->u.device.next);
	else
		fputs("  last\n", its->out);
}

static void put_event(struct inspect_its *its, const struct its_entry *e)
{
	char text[24];
	const char *target = target_text(text, e->u.event.known, e->u.event.target);

	fprintf(its->out,
		"  0x%012" PRIx64 "  event %5" PRIu32 "  LPI %5" PRIu32 "  collection %5" PRIu32,
		e->gpa, e->u.event.id, e->u.event.intid, e->u.event.icid);
	if (e->u.event.has_config)
		fprintf(its->out, "  %-8s  priority 0x%02x %s\n", target, e->u.event.config & 0xfc,
			e->u.event.config & 1 ? "enabled" : "disabled");
	else
		fprintf(its->out, "  %s\n", target);
}

static void put_collection(struct inspect_its *its, const struct its_entry *e)
{
	char text[24];

	fprintf(its->out, "0x%012" PRIx64 "  collection %5" PRIu32 "  %s\n", e->gpa,
		e->u.collection.icid, target_text(text, true, e->u.collection.target));
}

static void on_entry(void *opaque, const struct its_entry *e)
{
	struct inspect_its *its = opaque;

	if (e->kind == ITS_ENTRY_COLLECTION) {
		section_begins(its, COLLECTIONS);
		put_collection(its, e);
	} else if (e->kind == ITS_ENTRY_LEVEL1) {
		section_begins(its, DEVICES);
		fprintf(its->out,
			"0x%012" PRIx64 "  page of devices from %" PRIu32 ": 0x%" PRIx64 "\n",
			e->gpa, e->u.level1.first_id, e->u.level1.page);
	} else if (e->kind == ITS_ENTRY_DEVICE) {
		section_begins(its, DEVICES);
		put_device(its, e);
	} else if (e->kind == ITS_ENTRY_EVENT) {
		put_event(its, e);
	}
}

static void on_issue(void *opaque, const struct its_issue *i)
{
	struct inspect_its *its = opaque;
	char text[256];

	if (!inspect_its_shows(its, i->kind))
		return;
	its_issue_text(i, text, sizeof(text));
	if (i->gpa != ITS_NO_GPA)
		fprintf(its->out, "!! 0x%012" PRIx64 "  %s", i->gpa, text);
	else
		fprintf(its->out, "!! %s", text);
	if (i->err)
		fprintf(its->out, " [restore fails: %s]\n", its_error_name(i->err));
	else
		fputs(" [restore goes on]\n", its->out);
}

/* ---- After it ---- */

static void put_count(struct inspect_its *its, unsigned long n, const char *one, const char *end)
{
	fprintf(its->out, "%lu %s%s%s", n, one, n == 1 ? "" : "s", end);
}

static void put_summary(struct inspect_its *its, const struct its_walk_result *r)
{
	const char *sep = " (";

	fputs("\n", its->out);
	put_count(its, r->collections, "collection", ", ");
	put_count(its, r->devices, "device", ", ");
	put_count(its, r->events, "event", ", ");
	put_count(its, r->lpis, "LPI", ": ");
	if (!r->issues) {
		fputs("nothing is wrong\n", its->out);
		return;
	}
	fprintf(its->out, "%lu %s", r->issues,
		r->issues == 1 ? "inconsistency" : "inconsistencies");
	for (unsigned k = 0; k < ITS_NR_ISSUES; k++) {
		if (!r->by[k])
			continue;
		fprintf(its->out, "%s%s %lu%s", sep, its_issue_name(k), r->by[k],
			r->by[k] > INSPECT_SHOWN ? ", not all shown" : "");
		sep = ", ";
	}
	if (r->err)
		fprintf(its->out, "); KVM's restore returns %s\n", its_error_name(r->err));
	else if (r->complete)
		fputs("); KVM's restore succeeds\n", its->out);
	else
		fputs("); what KVM's restore returns is not known\n", its->out);
}

int inspect_its_text(struct inspect_its *its, struct its_walk_result *result)
{
	enum section section = BEGIN;
	int err;

	its->view = &section;
	its->walk.entry = on_entry;
	its->walk.issue = on_issue;
	put_memory(its);
	put_table(its, "device table", its->walk.devices, "devices");
	put_table(its, "collection table", its->walk.collections, "collections");
	err = its_walk(&its->walk, result);
	if (!err)
		put_summary(its, result);
	return err;
}
