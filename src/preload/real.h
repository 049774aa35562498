/* SPDX-License-Identifier: MIT */
/*
 * The C library's own functions behind the ones that this library interposes. What the rest of the
 * library calls goes there too: the linker's --wrap sends its close() and mmap() to real.c, so an
 * interposed function is entered by the program and by nobody else.
 */
#ifndef AM_PRELOAD_REAL_H
#define AM_PRELOAD_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stat;
struct stat64;
struct statx;
struct iovec;

/* X(result, name, parameters) */
#define REAL_FUNCTIONS(X)                                                                      \
	X(int, open, (const char *path, int flags, ...))                                       \
	X(int, openat, (int dir, const char *path, int flags, ...))                            \
	X(int, faccessat, (int dir, const char *path, int mode, int flags))                    \
	X(int, fstatat, (int dir, const char *path, struct stat *st, int flags))               \
	X(int, statx, (int dir, const char *path, int flags, unsigned mask, struct statx *sx)) \
	X(int, close, (int fd))                                                                \
	X(int, close_range, (unsigned first, unsigned last, int flags))                        \
	X(int, dup, (int fd))                                                                  \
	X(int, dup2, (int from, int to))                                                       \
	X(int, dup3, (int from, int to, int flags))                                            \
	X(int, fcntl, (int fd, int command, ...))                                              \
	X(int, ioctl, (int fd, unsigned long request, ...))                                    \
	X(void *, mmap, (void *addr, size_t len, int prot, int flags, int fd, off_t off))      \
	X(ssize_t, read, (int fd, void *to, size_t len))                                       \
	X(ssize_t, pread, (int fd, void *to, size_t len, off_t off))                           \
	X(ssize_t, readv, (int fd, const struct iovec *iov, int n))                            \
	X(ssize_t, preadv, (int fd, const struct iovec *iov, int n, off_t off))                \
	X(ssize_t, write, (int fd, const void *from, size_t len))                              \
	X(ssize_t, pwrite, (int fd, const void *from, size_t len, off_t off))                  \
	X(ssize_t, writev, (int fd, const struct iovec *iov, int n))

struct real_functions {
#define X(result, name, parameters) result(*name) parameters;
	REAL_FUNCTIONS(X)
#undef X
};

/* All of them; a member is NULL where this C library has no such function. */
const struct real_functions *real(void);

/* The functions that the program sees. */
#define INTERPOSED __attribute__((visibility("default")))

/*
 * True in a child that shares our memory but not our descriptors, until it calls exec: what it
 * closes or duplicates says nothing about the parent's.
 */
bool preload_in_borrowed_memory(void);

#endif
