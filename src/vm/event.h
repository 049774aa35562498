/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that user space names: which one a descriptor is, and using it without ever waiting,
 * whatever its counter holds and whoever else uses it.
 */
#ifndef AM_VM_EVENT_H
#define AM_VM_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/* The kernel does not say which eventfd it is: only equal descriptor numbers are the same. */
#define EVENT_ID_UNKNOWN (-1)

/*
 * A descriptor of our own for the eventfd behind @fd, and the number that it has under each of its
 * descriptors while it exists. -EBADF, -EINVAL (not an eventfd), -EMFILE.
 */
int event_hold(int fd, int64_t *id);
void event_drop(int held);

/* As a write of 1, which is lost if the counter is full. */
void event_signal(int held);
/* As a read: true if the counter was not 0. */
bool event_take(int held);

#endif
