/* SPDX-License-Identifier: MIT */
/*
 * Trace points. Each is a line of trace_points.h; off, it costs one load and a predicted branch.
 *
 *     AM_TRACE(cpu_tlbi, cpu->id, op, (unsigned long long)arg);
 *
 * The printf format is checked at compile time. Where the text goes is the sink's business: the
 * library itself never writes anywhere.
 */
#ifndef AM_BASE_TRACE_H
#define AM_BASE_TRACE_H

#include <stdarg.h>
#include <stdbool.h>

enum am_trace_id {
#define POINT(name, fmt) AM_TRACE_##name,
#include "base/trace_points.h"
#undef POINT
	AM_TRACE_COUNT
};

extern bool am_trace_on[AM_TRACE_COUNT];

/* Called for each event; any thread. */
typedef void am_trace_sink(void *opaque, const char *name, const char *fmt, va_list ap);

/* Install before threads start. NULL drops everything. */
void am_trace_set_sink(am_trace_sink *sink, void *opaque);

/*
 * Switch on the points whose names match the pattern: a list separated by commas, each a name, or
 * a prefix ended by '*', or "all". Returns how many points match; 0 is a mistake of the caller's.
 */
unsigned am_trace_enable(const char *pattern);

/* The name of point @id (0 .. AM_TRACE_COUNT-1), or NULL beyond: for listing them. */
const char *am_trace_name(unsigned id);

void am_trace_emit(enum am_trace_id id, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define POINT(name, fmt) static const char am_trace_fmt_##name[] __attribute__((unused)) = fmt;
#include "base/trace_points.h"
#undef POINT

#define AM_TRACE(name, ...)                                                               \
	do {                                                                              \
		if (__builtin_expect(am_trace_on[AM_TRACE_##name], 0))                    \
			am_trace_emit(AM_TRACE_##name, am_trace_fmt_##name, __VA_ARGS__); \
	} while (0)

#endif
