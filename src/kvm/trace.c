/* SPDX-License-Identifier: MIT */
/* Trace points to standard error (armature.h). */
#include <armature/armature.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/trace.h"

/* One write() a line: lines of several threads do not mix. */
static void to_stderr(void *opaque, const char *name, const char *fmt, va_list ap)
{
	char line[512];
	int len = snprintf(line, sizeof(line), "%s: ", name);
	int more = vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, ap);
	size_t room = sizeof(line) - (size_t)len - 2;

	if (more > 0)
		len += (size_t)more < room ? more : (int)room;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; /* nobody listens */
}

int am_trace_to_stderr(const char *pattern)
{
	if (!am_trace_enable(pattern))
		return -EINVAL;
	am_trace_set_sink(to_stderr, NULL);
	return 0;
}

const char *am_trace_point(unsigned n)
{
	return am_trace_name(n);
}
