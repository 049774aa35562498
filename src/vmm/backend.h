/* SPDX-License-Identifier: MIT */
/*
 * The one seam between this program and whatever runs the virtual machine: the KVM system calls,
 * as a table. There is an entry for this project's library and one for the kernel's /dev/kvm, and
 * nothing above can tell which of them it is using.
 */
#ifndef VMM_BACKEND_H
#define VMM_BACKEND_H

#include <stddef.h>
#include <sys/types.h>

#include "vmm/options.h"

struct vmm_backend {
	const char *name;
	/* As the system calls: -1 (or MAP_FAILED) and errno on failure. */
	int (*open)(void);
	int (*ioctl)(int fd, unsigned long request, unsigned long arg);
	void *(*mmap)(void *addr, size_t len, int prot, int flags, int fd, off_t off);
	int (*munmap)(void *addr, size_t len);
	int (*close)(int fd);
};

/* The back end for --accel, opened: its system fd goes to *@fd. Returns 0 or a status. */
int backend_choose(enum options_accel accel, const struct vmm_backend **backend, int *fd);

#endif
