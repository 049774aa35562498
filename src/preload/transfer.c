/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing: only KVM's statistics can be read, and nothing can be written. The files
 * behind our descriptors could be both, and what a stray write changed would be struct kvm_run.
 */
#include <armature/armature.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/real.h"

/* ---- Reading ---- */

/* True, or errno says why not. */
static bool readable(int fd)
{
	return !am_kvm_owns(fd) || am_kvm_read(fd, NULL, 0, -1) == 0;
}

INTERPOSED ssize_t read(int fd, void *to, size_t len)
{
	return readable(fd) ? real()->read(fd, to, len) : -1;
}

static ssize_t pread_any(int fd, void *to, size_t len, off_t off)
{
	return readable(fd) ? real()->pread(fd, to, len, off) : -1;
}

INTERPOSED ssize_t pread(int fd, void *to, size_t len, off_t off)
{
	return pread_any(fd, to, len, off);
}

INTERPOSED ssize_t pread64(int fd, void *to, size_t len, off64_t off)
{
	return pread_any(fd, to, len, off);
}

INTERPOSED ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return readable(fd) ? real()->readv(fd, iov, n) : -1;
}

INTERPOSED ssize_t preadv(int fd, const struct iovec *iov, int n, off_t off)
{
	return readable(fd) ? real()->preadv(fd, iov, n, off) : -1;
}

INTERPOSED ssize_t preadv64(int fd, const struct iovec *iov, int n, off64_t off)
{
	return readable(fd) ? real()->preadv(fd, iov, n, off) : -1;
}

/* What fortified programs call, which end when they read more than there is room for. */
ssize_t __read_chk(int fd, void *to, size_t len, size_t room);
ssize_t __pread_chk(int fd, void *to, size_t len, off_t off, size_t room);
ssize_t __pread64_chk(int fd, void *to, size_t len, off64_t off, size_t room);
_Noreturn void __chk_fail(void);

INTERPOSED ssize_t __read_chk(int fd, void *to, size_t len, size_t room)
{
	if (len > room)
		__chk_fail();
	return read(fd, to, len);
}

INTERPOSED ssize_t __pread_chk(int fd, void *to, size_t len, off_t off, size_t room)
{
	if (len > room)
		__chk_fail();
	return pread_any(fd, to, len, off);
}

INTERPOSED ssize_t __pread64_chk(int fd, void *to, size_t len, off64_t off, size_t room)
{
	if (len > room)
		__chk_fail();
	return pread_any(fd, to, len, off);
}

/* ---- Writing ---- */

/* EBADF if the descriptor is not for writing at all. */
static ssize_t refuse(int fd)
{
	if (real()->write(fd, "", 0) == 0)
		errno = EINVAL;
	return -1;
}

INTERPOSED ssize_t write(int fd, const void *from, size_t len)
{
	return am_kvm_owns(fd) ? refuse(fd) : real()->write(fd, from, len);
}

INTERPOSED ssize_t pwrite(int fd, const void *from, size_t len, off_t off)
{
	return am_kvm_owns(fd) ? refuse(fd) : real()->pwrite(fd, from, len, off);
}

INTERPOSED ssize_t pwrite64(int fd, const void *from, size_t len, off64_t off)
{
	return am_kvm_owns(fd) ? refuse(fd) : real()->pwrite(fd, from, len, off);
}

INTERPOSED ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return am_kvm_owns(fd) ? refuse(fd) : real()->writev(fd, iov, n);
}
