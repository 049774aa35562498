/* SPDX-License-Identifier: MIT */
/*
 * The error numbers of the embeddable part. They are Linux's, and those of every Unix; where there
 * is no <errno.h> they are given here.
 */
#ifndef AM_BUS_ERRNO_H
#define AM_BUS_ERRNO_H

#if __STDC_HOSTED__
#include <errno.h>
#else
#define ENOENT 2
#define ENXIO  6
#define E2BIG  7
#define ENOMEM 12
#define EFAULT 14
#define EBUSY  16
#define EEXIST 17
#define ENODEV 19
#define EINVAL 22
#define ENOSPC 28
#endif

#endif
