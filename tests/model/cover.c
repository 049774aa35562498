/* SPDX-License-Identifier: MIT */
/* See cover.h. */
#include "cover.h"

#include <stdio.h>

unsigned long cover_hits[COV_NR];

#define COVER_TEXT(name, text) [COV_##name] = text,

static const char *const texts[COV_NR] = {COVER_COMMON(COVER_TEXT) COVER_V3(COVER_TEXT)
					      COVER_V2(COVER_TEXT)};

bool cover_report(bool all)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < COV_NR; i++) {
		if (all && cover_hits[i])
			printf("%12lu  %s\n", cover_hits[i], texts[i]);
		if (cover_hits[i])
			continue;
		printf("never reached: %s\n", texts[i]);
		missing++;
	}
	printf("%u of %u features exercised\n", COV_NR - missing, COV_NR);
	return !missing;
}
