/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with the ITS's tables in words, for people and for programs.
 */
#include "vmm/its_tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const names[ITS_NR_ISSUES] = {
    [ITS_ISSUE_BASER_PAGE_SIZE] = "baser_page_size",
    [ITS_ISSUE_BASER_ENTRY_SIZE] = "baser_entry_size",
    [ITS_ISSUE_BASER_INDIRECT] = "baser_indirect",
    [ITS_ISSUE_TABLE_OUTSIDE] = "table_outside",
    [ITS_ISSUE_LEVEL2_OUTSIDE] = "level2_outside",
    [ITS_ISSUE_ITT_OUTSIDE] = "itt_outside",
    [ITS_ISSUE_RESERVED_BITS] = "reserved_bits",
    [ITS_ISSUE_COLLECTION_TARGET] = "collection_target",
    [ITS_ISSUE_COLLECTION_DUPLICATE] = "collection_duplicate",
    [ITS_ISSUE_COLLECTION_BEYOND] = "collection_beyond",
    [ITS_ISSUE_DEVICE_ID] = "device_id",
    [ITS_ISSUE_DEVICE_EVENTID_BITS] = "device_eventid_bits",
    [ITS_ISSUE_DEVICE_CHAIN_BEYOND] = "device_chain_beyond",
    [ITS_ISSUE_DEVICE_CHAIN_DANGLING] = "device_chain_dangling",
    [ITS_ISSUE_DEVICE_CHAIN_STRAY] = "device_chain_stray",
    [ITS_ISSUE_EVENT_LPI] = "event_lpi",
    [ITS_ISSUE_EVENT_LPI_BITS] = "event_lpi_bits",
    [ITS_ISSUE_EVENT_LPI_DUPLICATE] = "event_lpi_duplicate",
    [ITS_ISSUE_EVENT_CHAIN_BEYOND] = "event_chain_beyond",
    [ITS_ISSUE_EVENT_COLLECTION] = "event_collection",
    [ITS_ISSUE_EVENT_CONFIG] = "event_config",
    [ITS_ISSUE_OVERLAP] = "overlap",
    [ITS_ISSUE_LIMIT] = "limit",
};

const char *its_issue_name(enum its_issue_kind kind)
{
	return (unsigned)kind < ITS_NR_ISSUES ? names[kind] : "?";
}

const char *its_error_name(int err)
{
	switch (err < 0 ? -err : err) {
	case 0:
		return "none";
	case EINVAL:
		return "EINVAL";
	case EFAULT:
		return "EFAULT";
	case EEXIST:
		return "EEXIST";
	default:
		return "?";
	}
}

/* ---- A line of text that is put together ---- */

struct line {
	char *text;
	size_t size, len;
};

static void add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, l->size - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n;
	if (l->len >= l->size)
		l->len = l->size - 1;
}

static void add_extent(struct line *l, const struct its_extent *e)
{
	switch (e->kind) {
	case ITS_EXTENT_COLLECTIONS:
		add(l, "the collection table");
		break;
	case ITS_EXTENT_DEVICES:
	case ITS_EXTENT_LEVEL1:
		add(l, "the device table");
		break;
	case ITS_EXTENT_LEVEL2:
		add(l, "the page of devices from %" PRIu32, e->id);
		break;
	case ITS_EXTENT_ITT:
		add(l, "the ITT of device %" PRIu32, e->id);
		break;
	case ITS_EXTENT_PROPERTIES:
		add(l, "the LPIs' configuration");
		break;
	}
}

static void add_table(struct line *l, enum its_extent_kind table)
{
	add_extent(l, &(struct its_extent){.kind = table});
}

/* ---- Each kind ---- */

static void baser_text(struct line *l, const struct its_issue *i)
{
	const char *what = i->table == ITS_EXTENT_COLLECTIONS ? "collection" : "device";

	add(l, "GITS_BASER of the %s table: ", what);
	if (i->kind == ITS_ISSUE_BASER_ENTRY_SIZE)
		add(l, "entries of %" PRIu64 " bytes: KVM's have 8, and are read so", i->value);
	else if (i->kind == ITS_ISSUE_BASER_INDIRECT)
		add(l, "two levels: KVM has one, and it is read so");
	else if (i->value)
		add(l, "pages of %" PRIu64 " KiB: KVM's have 64, and are read so", i->value);
	else
		add(l, "a page size that is reserved: KVM's has 64 KiB, and is read so");
}

static void outside_text(struct line *l, const struct its_issue *i)
{
	/* Of a page or an ITT @value is where it begins; so is it of the table. */
	if (i->kind == ITS_ISSUE_ITT_OUTSIDE)
		add(l, "the ITT of device %" PRIu32, i->device);
	else if (i->kind == ITS_ISSUE_LEVEL2_OUTSIDE)
		add(l, "a page of device entries");
	else
		add_table(l, i->table);
	add(l, " at 0x%" PRIx64 " is not in memory", i->value);
	if (!i->err)
		add(l, " as a whole; nothing that a restore reads is missing");
	else if (i->gpa != i->value)
		add(l, " as a whole");
}

static void reserved_text(struct line *l, const struct its_issue *i)
{
	if (i->table == ITS_EXTENT_ITT)
		add(l, "ITT of device %" PRIu32 ": entry", i->device);
	else
		add(l, "%s",
		    i->table == ITS_EXTENT_COLLECTIONS ? "collection entry"
		    : i->table == ITS_EXTENT_LEVEL1    ? "level 1 entry"
						       : "device entry");
	add(l, " 0x%016" PRIx64, i->value);
	if (i->table != ITS_EXTENT_ITT && i->value >> 63)
		add(l, " has bits that mean nothing");
	else
		add(l, " is not valid, but not zero either");
}

static void collection_text(struct line *l, const struct its_issue *i)
{
	if (i->kind == ITS_ISSUE_COLLECTION_TARGET)
		add(l, "collection goes to vCPU %" PRIu64 ", which is not there", i->value);
	else if (i->kind == ITS_ISSUE_COLLECTION_DUPLICATE)
		add(l, "collection %" PRIu64 " is in the table twice", i->value);
	else
		add(l, "collection %" PRIu64 " has no place in a table of this size", i->value);
}

static void device_text(struct line *l, const struct its_issue *i)
{
	switch (i->kind) {
	case ITS_ISSUE_DEVICE_ID:
		add(l, "DeviceID %" PRIu64 " has more than 16 bits; no more devices are read",
		    i->value);
		break;
	case ITS_ISSUE_DEVICE_EVENTID_BITS:
		add(l, "device %" PRIu32 " has EventIDs of %" PRIu64 " bits: 16 are the most",
		    i->device, i->value);
		break;
	case ITS_ISSUE_DEVICE_CHAIN_BEYOND:
		add(l,
		    "device %" PRIu32 " is followed by device %" PRIu64
		    ", for which the table is too small",
		    i->device, i->value);
		break;
	case ITS_ISSUE_DEVICE_CHAIN_DANGLING:
		add(l, "device %" PRIu32 " is followed by device %" PRIu64 ", which is not there",
		    i->device, i->value);
		break;
	default:
		add(l, "device %" PRIu32 " is restored although device %" PRIu64 " passes over it",
		    i->device, i->value);
	}
}

static void event_text(struct line *l, const struct its_issue *i)
{
	add(l, "device %" PRIu32 " event %" PRIu32 ": ", i->device, i->event);
	switch (i->kind) {
	case ITS_ISSUE_EVENT_LPI:
		add(l, "INTID %" PRIu64 " is no LPI: they begin at 8192", i->value);
		break;
	case ITS_ISSUE_EVENT_LPI_BITS:
		add(l, "LPI %" PRIu64 " has more bits than the VM's INTIDs", i->value);
		break;
	case ITS_ISSUE_EVENT_LPI_DUPLICATE:
		add(l,
		    "LPI %" PRIu64 " is also that of device %" PRIu32 " by the entry at 0x%" PRIx64
		    ": they share one pending bit and one target",
		    i->value, i->other.id, i->other.base);
		break;
	case ITS_ISSUE_EVENT_CHAIN_BEYOND:
		add(l, "is followed by event %" PRIu64 ", which is beyond the ITT", i->value);
		break;
	case ITS_ISSUE_EVENT_COLLECTION:
		add(l, "collection %" PRIu64 " is not in the collection table", i->value);
		break;
	default:
		add(l, "the configuration of LPI %" PRIu64 " is not in memory", i->value);
	}
}

static void overlap_text(struct line *l, const struct its_issue *i)
{
	struct its_extent e = {.kind = i->table, .base = i->gpa, .size = i->value, .id = i->device};

	if (e.kind == ITS_EXTENT_LEVEL2)
		add(l, "a page of devices");
	else
		add_extent(l, &e);
	add(l, ", %" PRIu64 " bytes from 0x%" PRIx64 ", shares memory with ", e.size, e.base);
	add_extent(l, &i->other);
	add(l, ", %" PRIu64 " bytes from 0x%" PRIx64, i->other.size, i->other.base);
}

void its_issue_text(const struct its_issue *i, char *text, size_t size)
{
	struct line l = {.text = text, .size = size};

	if (!size)
		return;
	*text = 0;
	if (i->kind <= ITS_ISSUE_BASER_INDIRECT)
		baser_text(&l, i);
	else if (i->kind <= ITS_ISSUE_ITT_OUTSIDE)
		outside_text(&l, i);
	else if (i->kind == ITS_ISSUE_RESERVED_BITS)
		reserved_text(&l, i);
	else if (i->kind <= ITS_ISSUE_COLLECTION_BEYOND)
		collection_text(&l, i);
	else if (i->kind <= ITS_ISSUE_DEVICE_CHAIN_STRAY)
		device_text(&l, i);
	else if (i->kind <= ITS_ISSUE_EVENT_CONFIG)
		event_text(&l, i);
	else if (i->kind == ITS_ISSUE_OVERLAP)
		overlap_text(&l, i);
	else
		add(&l, "too much to read: the walk ended here, at its limit of %" PRIu64,
		    i->value);
}
