/* SPDX-License-Identifier: MIT */
/*
 * What libarmature-gic and the stage 2 tables use of <string.h>: the memory functions that a
 * compiler may call by itself, so that even bare metal has them, and three that trace points need.
 * Where there is no such header they are declared here.
 */
#ifndef AM_BASE_CSTRING_H
#define AM_BASE_CSTRING_H

#if __STDC_HOSTED__
#include <string.h>
#else
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *p, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strncmp(const char *a, const char *b, size_t n);
#endif

#endif
