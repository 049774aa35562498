/* SPDX-License-Identifier: MIT */
/*
 * How the program talks to its user: exit statuses, error messages and its own trace points.
 *
 * Functions of this folder that can fail for the user's sake return 0 or one of these statuses,
 * after having said on standard error what failed, where, and what to do about it.
 */
#ifndef VMM_REPORT_H
#define VMM_REPORT_H

#include <stdbool.h>

enum vmm_status {
	VMM_OK = 0,    /* the guest switched itself off */
	VMM_USAGE = 2, /* bad arguments */
	VMM_FILE = 3,  /* a file that cannot be read, written or used */
	VMM_RESET = 4, /* the guest reset (or crashed) and --no-reboot was given */
	VMM_HOST = 5,  /* the host or the accelerator failed */
	VMM_QUIT = 6,  /* Ctrl-A x */
};

/* Prints "armature: <text>" to standard error as one write, and returns @status. */
int vmm_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for things that do not end the run. */
void vmm_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum vmm_trace_id {
	VMM_TRACE_EXIT,	      /* every return of KVM_RUN */
	VMM_TRACE_UNASSIGNED, /* a guest access to an address where nothing is */
	VMM_TRACE_IRQ,	      /* a device's interrupt line changes */
	VMM_TRACE_PCI_CONFIG, /* an access to a PCI function's configuration space */
	VMM_TRACE_PCI_BAR,    /* where a PCI function's BARs are, when that changes */
	VMM_TRACE_PCI_MSIX,   /* a message of a PCI function's */
	VMM_TRACE_VIRTIO,     /* a virtio device's status, queues and requests */
	VMM_TRACE_COUNT
};

extern bool vmm_trace_on[VMM_TRACE_COUNT];

/* The name of point @n, or NULL beyond the last. */
const char *vmm_trace_name(unsigned n);

/*
 * Switches on this program's points that the pattern names (names separated by commas; a final '*'
 * stands for any ending; "all"). Returns how many match.
 */
unsigned vmm_trace_enable(const char *pattern);

void vmm_trace_emit(enum vmm_trace_id id, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define VMM_TRACE(id, ...)                                             \
	do {                                                           \
		if (__builtin_expect(vmm_trace_on[VMM_TRACE_##id], 0)) \
			vmm_trace_emit(VMM_TRACE_##id, __VA_ARGS__);   \
	} while (0)

#endif
