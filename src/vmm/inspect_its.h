/* SPDX-License-Identifier: MIT */
/* "armature inspect its": the walk of its_tables.h over images of memory, for people or programs.
 */
#ifndef VMM_INSPECT_ITS_H
#define VMM_INSPECT_ITS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/inspect_memory.h"
#include "vmm/its_tables.h"

/* So many inconsistencies of a kind are shown; more are counted. */
enum { INSPECT_SHOWN = 1000 };

struct inspect_its {
	struct inspect_memory memory;
	struct its_walk walk; /* its callbacks' @opaque is this structure */
	FILE *out;
	void *view; /* what has been shown so far, of inspect_text.c or inspect_json.c */
	unsigned long shown[ITS_NR_ISSUES];
};

/* Another of the kind is shown. */
bool inspect_its_shows(struct inspect_its *its, enum its_issue_kind kind);

/* Both do the walk. 0 or -ENOMEM. */
int inspect_its_text(struct inspect_its *its, struct its_walk_result *result);
int inspect_its_json(struct inspect_its *its, struct its_walk_result *result);

#endif
