/* SPDX-License-Identifier: MIT */
/*
 * The terminal on standard input: raw while the guest has it, and given back on every way out of
 * the process - return, exit(), a fatal signal, or the end of console_destroy().
 */
#ifndef VMM_TERMINAL_H
#define VMM_TERMINAL_H

#include <stdbool.h>

/* Makes the terminal raw; false if standard input is not one (and then nothing happens). */
bool terminal_init(void);

/* As it was before. Async-signal-safe, and harmless when called again. */
void terminal_restore(void);

/* Raw again, after a stop. */
void terminal_raw(void);

#endif
