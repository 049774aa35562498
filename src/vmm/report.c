/* SPDX-License-Identifier: MIT */
/*
 * Messages to the user. Each is put together first and written at once, so that lines of several
 * vCPU threads do not mix.
 */
#include "vmm/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool vmm_trace_on[VMM_TRACE_COUNT];

static const char *const trace_names[VMM_TRACE_COUNT] = {
    [VMM_TRACE_EXIT] = "vmm_exit",	 [VMM_TRACE_UNASSIGNED] = "vmm_unassigned",
    [VMM_TRACE_IRQ] = "vmm_irq",	 [VMM_TRACE_PCI_CONFIG] = "vmm_pci_config",
    [VMM_TRACE_PCI_BAR] = "vmm_pci_bar", [VMM_TRACE_PCI_MSIX] = "vmm_pci_msix",
    [VMM_TRACE_VIRTIO] = "vmm_virtio",
};

static void say(const char *prefix, const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s: ", prefix);
	int more = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);

	if (more > 0)
		n += more;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* There is nowhere to report a failing standard error. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

int vmm_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("armature", fmt, ap);
	va_end(ap);
	return status;
}

void vmm_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("armature", fmt, ap);
	va_end(ap);
}

const char *vmm_trace_name(unsigned n)
{
	return n < VMM_TRACE_COUNT ? trace_names[n] : NULL;
}

static bool matches(const char *name, const char *word, size_t len)
{
	if (len == 3 && memcmp(word, "all", 3) == 0)
		return true;
	if (len && word[len - 1] == '*')
		return strncmp(name, word, len - 1) == 0;
	return strlen(name) == len && memcmp(name, word, len) == 0;
}

unsigned vmm_trace_enable(const char *pattern)
{
	unsigned found = 0;

	for (;;) {
		size_t len = strcspn(pattern, ",");

		for (unsigned i = 0; i < VMM_TRACE_COUNT; i++) {
			if (matches(trace_names[i], pattern, len)) {
				vmm_trace_on[i] = true;
				found++;
			}
		}
		if (!pattern[len])
			return found;
		pattern += len + 1;
	}
}

void vmm_trace_emit(enum vmm_trace_id id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(trace_names[id], fmt, ap);
	va_end(ap);
}
