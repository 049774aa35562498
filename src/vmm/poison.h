/* SPDX-License-Identifier: MIT */
/*
 * Garbage where restoring an ITS must not look. KVM's table format leaves room between entries, and
 * behind the last: what is there is not defined, and a restore that reads it works only as long as
 * it is zero. So a test of saving and restoring fills it, after the save, and gives it back after
 * the restore: from then on the guest may come to use these entries.
 */
#ifndef VMM_POISON_H
#define VMM_POISON_H

#include <stdint.h>

struct machine;
struct poison;
struct state;

/*
 * Garbage in all bytes of the ITS's tables that are not read when @s is restored, and in the first
 * KiB of the redistributors' pending tables. *@p is for poison_undo(), NULL if there is nothing to
 * poison. Returns 0 or a status.
 */
int poison_apply(struct machine *m, const struct state *s, struct poison **p);

/* What was there is there again. NULL is fine. */
void poison_undo(struct poison *p);

/* How many bytes are garbage. */
uint64_t poison_bytes(const struct poison *p);

#endif
