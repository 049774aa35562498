/* SPDX-License-Identifier: MIT */
/*
 * The filter of calls: ranges of function ids that user space denies or answers itself
 * (KVM_ARM_VM_SMCCC_FILTER). Ranges never overlap and are never taken back, and none comes once a
 * vCPU has run: so a vCPU looks one up without a lock.
 *
 * Arm's own range is always the library's: what it says about the mitigation of Spectre must be
 * true, whoever else answers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "fw/fw.h"

/* Arm Architecture Service calls, 32-bit and 64-bit (DEN0028 table 6-2). */
static const struct fw_range reserved[] = {
    {0x80000000u, 0x8000ffffu, FW_FILTER_HANDLE},
    {0xc0000000u, 0xc000ffffu, FW_FILTER_HANDLE},
};

static bool overlap(const struct fw_range *a, uint32_t first, uint32_t last)
{
	return a->first <= last && first <= a->last;
}

/* How many ranges lie wholly before @id. */
static size_t ranges_before(const struct fw_filter *f, uint32_t id)
{
	size_t low = 0, high = f->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->range[mid].last < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum fw_filter_action fw_filter_find(const struct fw_filter *f, uint32_t id)
{
	size_t n = ranges_before(f, id);

	return n < f->nr && f->range[n].first <= id ? f->range[n].action : FW_FILTER_HANDLE;
}

static bool make_room(struct fw_filter *f)
{
	size_t room = f->room ? 2 * f->room : 8;
	struct fw_range *p;

	if (f->nr < f->room)
		return true;
	p = realloc(f->range, room * sizeof(*p));
	if (!p)
		return false;
	f->range = p;
	f->room = room;
	return true;
}

int fw_filter_add(struct fw_filter *f, const struct fw_range *r)
{
	size_t at = ranges_before(f, r->first);

	for (unsigned n = 0; n < AM_ARRAY_SIZE(reserved); n++) {
		if (overlap(&reserved[n], r->first, r->last))
			return -EEXIST;
	}
	if (at < f->nr && overlap(&f->range[at], r->first, r->last))
		return -EEXIST;
	if (!make_room(f))
		return -ENOMEM;
	memmove(f->range + at + 1, f->range + at, (f->nr - at) * sizeof(*r));
	f->range[at] = *r;
	f->nr++;
	return 0;
}

void fw_filter_finish(struct fw_filter *f)
{
	free(f->range);
	*f = (struct fw_filter){0};
}
