/* SPDX-License-Identifier: MIT */
/* What can be said to a running machine through its control socket (control.h). */
#ifndef VMM_COMMANDS_H
#define VMM_COMMANDS_H

#include <stddef.h>

struct machine;

/*
 * Obeys @line, and answers with a line of up to @size bytes with its final 0: "ok", "ok: ..." or
 * "error: ...". The main thread, so that the machine does not change meanwhile.
 */
void commands_run(struct machine *m, const char *line, char *answer, size_t size);

#endif
