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

#define AT_POSITION ((off_t)-1)

INTERPOSED ssize_t read(int fd, void *to, size_t len)
{
	if (am_kvm_owns(fd))
		return am_kvm_read(fd, to, len, AT_POSITION);
	return real()->read(fd, to, len);
}

static ssize_t pread_any(int fd, void *to, size_t len, off_t off)
{
	if (am_kvm_owns(fd) && off >= 0)
		return am_kvm_read(fd, to, len, off);
	return real()->pread(fd, to, len, off);
}

INTERPOSED ssize_t pread(int fd, void *to, size_t len, off_t off)
{
	return pread_any(fd, to, len, off);
}

INTERPOSED ssize_t pread64(int fd, void *to, size_t len, off64_t off)
{
	return pread_any(fd, to, len, off);
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

/* Part by part, until one comes short. */
static ssize_t scatter(int fd, const struct iovec *iov, int n, off_t off)
{
	ssize_t sum = 0;

	for (int i = 0; i < n; i++) {
		ssize_t r = am_kvm_read(fd, iov[i].iov_base, iov[i].iov_len,
					off < 0 ? AT_POSITION : off + sum);

		if (r < 0)
			return sum ? sum : r;
		sum += r;
		if ((size_t)r < iov[i].iov_len)
			break;
	}
	return sum;
}

INTERPOSED ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return am_kvm_owns(fd) ? scatter(fd, iov, n, AT_POSITION) : real()->readv(fd, iov, n);
}

INTERPOSED ssize_t preadv(int fd, const struct iovec *iov, int n, off_t off)
{
	if (am_kvm_owns(fd) && off >= 0)
		return scatter(fd, iov, n, off);
	return real()->preadv(fd, iov, n, off);
}

INTERPOSED ssize_t preadv64(int fd, const struct iovec *iov, int n, off64_t off)
{
	return preadv(fd, iov, n, off);
}

/* ---- Writing ---- */

static ssize_t refuse(void)
{
	errno = EINVAL;
	return -1;
}

INTERPOSED ssize_t write(int fd, const void *from, size_t len)
{
	return am_kvm_owns(fd) ? refuse() : real()->write(fd, from, len);
}

INTERPOSED ssize_t pwrite(int fd, const void *from, size_t len, off_t off)
{
	return am_kvm_owns(fd) ? refuse() : real()->pwrite(fd, from, len, off);
}

INTERPOSED ssize_t pwrite64(int fd, const void *from, size_t len, off64_t off)
{
	return am_kvm_owns(fd) ? refuse() : real()->pwrite(fd, from, len, off);
}

INTERPOSED ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return am_kvm_owns(fd) ? refuse() : real()->writev(fd, iov, n);
}
