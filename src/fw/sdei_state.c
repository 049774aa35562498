/* SPDX-License-Identifier: MIT */
/*
 * The events there are, and what each action does in each state (DEN0054 6.1): one row per state,
 * as the states are the spec's. Checks of arguments come before the table and are the calls'.
 */
#include "fw/sdei_impl.h"

/* ---- Slots ---- */

static const uint32_t platform_events[] = {
    [SDEI_SLOT_SOFTWARE] = AM_SDEI_EVENT_SOFTWARE,
    [SDEI_SLOT_PRIVATE] = AM_SDEI_EVENT_PRIVATE,
    [SDEI_SLOT_PRIVATE_CRITICAL] = AM_SDEI_EVENT_PRIVATE_CRITICAL,
    [SDEI_SLOT_SHARED] = AM_SDEI_EVENT_SHARED,
    [SDEI_SLOT_SHARED_CRITICAL] = AM_SDEI_EVENT_SHARED_CRITICAL,
};

_Static_assert(AM_ARRAY_SIZE(platform_events) == SDEI_SLOT_BOUND_PRIVATE, "the rest is bound");

uint32_t sdei_slot_event(unsigned slot)
{
	if (slot < AM_ARRAY_SIZE(platform_events))
		return platform_events[slot];
	return AM_SDEI_EVENT_BOUND + slot - SDEI_SLOT_BOUND_PRIVATE;
}

int sdei_event_slot(uint64_t event)
{
	for (unsigned slot = 0; slot < AM_ARRAY_SIZE(platform_events); slot++) {
		if (platform_events[slot] == event)
			return (int)slot;
	}
	if (event < AM_SDEI_EVENT_BOUND ||
	    event - AM_SDEI_EVENT_BOUND >= SDEI_NR_SLOTS - SDEI_SLOT_BOUND_PRIVATE)
		return -1;
	return (int)(event - AM_SDEI_EVENT_BOUND) + SDEI_SLOT_BOUND_PRIVATE;
}

/* ---- States x actions ---- */

#define ___ 0
#define __G SDEI_G
#define _EG (SDEI_E | SDEI_G)
#define R__ SDEI_R
#define R_G (SDEI_R | SDEI_G)
#define REG (SDEI_R | SDEI_E | SDEI_G)

/* A cell: go to that state; the same, with an answer; no. What cannot be asked for is a no, too. */
/* clang-format off */
#define GO(state)          {SDEI_SUCCESS, state}
#define SAY(answer, state) {SDEI_##answer, state}
#define NO(state)          {SDEI_DENIED, state}

/*
 * R__ is "unregister pending": the handler unregistered its own event. States with E and without G
 * do not exist; user space that asks for one is refused before a vCPU runs.
 */
#define NOWHERE [SDEI_E] = NO(SDEI_E), [SDEI_R | SDEI_E] = NO(SDEI_R | SDEI_E)

const struct sdei_cell sdei_table[SDEI_NR_ACTIONS][8] = {
	[SDEI_REGISTER] = {
		[___] = GO(__G),   [R__] = NO(R__),   [__G] = NO(__G),
		[R_G] = NO(R_G),   [_EG] = NO(_EG),   [REG] = NO(REG),   NOWHERE,
	},
	[SDEI_ENABLE] = {
		[___] = NO(___),   [R__] = NO(R__),   [__G] = GO(_EG),
		[R_G] = GO(REG),   [_EG] = GO(_EG),   [REG] = GO(REG),   NOWHERE,
	},
	[SDEI_DISABLE] = {
		[___] = NO(___),   [R__] = NO(R__),   [__G] = GO(__G),
		[R_G] = GO(R_G),   [_EG] = GO(__G),   [REG] = GO(R_G),   NOWHERE,
	},
	[SDEI_UNREGISTER] = {
		[___] = NO(___),   [R__] = SAY(PENDING, R__), [__G] = GO(___),
		[R_G] = SAY(PENDING, R__), [_EG] = GO(___),   [REG] = SAY(PENDING, R__), NOWHERE,
	},
	[SDEI_ROUTE] = {
		[___] = NO(___),   [R__] = NO(R__),   [__G] = GO(__G),
		[R_G] = NO(R_G),   [_EG] = NO(_EG),   [REG] = NO(REG),   NOWHERE,
	},
	[SDEI_CONTEXT] = {
		[___] = NO(___),   [R__] = GO(R__),   [__G] = NO(__G),
		[R_G] = GO(R_G),   [_EG] = NO(_EG),   [REG] = GO(REG),   NOWHERE,
	},
	[SDEI_COMPLETE] = {
		[___] = NO(___),   [R__] = GO(___),   [__G] = NO(__G),
		[R_G] = GO(__G),   [_EG] = NO(_EG),   [REG] = GO(_EG),   NOWHERE,
	},
	[SDEI_RELEASE] = {
		[___] = GO(___),   [R__] = NO(R__),   [__G] = NO(__G),
		[R_G] = NO(R_G),   [_EG] = NO(_EG),   [REG] = NO(REG),   NOWHERE,
	},
	[SDEI_DISPATCH] = {
		[___] = NO(___),   [R__] = NO(R__),   [__G] = NO(__G),
		[R_G] = NO(R_G),   [_EG] = GO(REG),   [REG] = NO(REG),   NOWHERE,
	},
};
/* clang-format on */
