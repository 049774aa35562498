/* SPDX-License-Identifier: MIT */
#include "base/trace.h"

#include <stddef.h>

#include "base/cstring.h"

bool am_trace_on[AM_TRACE_COUNT];

static am_trace_sink *sink;
static void *sink_opaque;

static const char *const names[] = {
#define POINT(name, fmt) #name,
#include "base/trace_points.h"
#undef POINT
};

void am_trace_set_sink(am_trace_sink *s, void *opaque)
{
	sink = s;
	sink_opaque = opaque;
}

const char *am_trace_name(unsigned id)
{
	return id < AM_TRACE_COUNT ? names[id] : NULL;
}

static bool match(const char *pat, size_t len, const char *name)
{
	if (len == 3 && memcmp(pat, "all", 3) == 0)
		return true;
	if (len && pat[len - 1] == '*')
		return strncmp(pat, name, len - 1) == 0;
	return strlen(name) == len && memcmp(pat, name, len) == 0;
}

unsigned am_trace_enable(const char *pattern)
{
	unsigned found = 0;

	while (*pattern) {
		size_t len = 0;

		while (pattern[len] && pattern[len] != ',')
			len++;
		for (unsigned id = 0; id < AM_TRACE_COUNT; id++) {
			if (match(pattern, len, names[id])) {
				am_trace_on[id] = true;
				found++;
			}
		}
		pattern += len + (pattern[len] == ',');
	}
	return found;
}

void am_trace_emit(enum am_trace_id id, const char *fmt, ...)
{
	va_list ap;

	if (!sink)
		return;
	va_start(ap, fmt);
	sink(sink_opaque, names[id], fmt, ap);
	va_end(ap);
}
