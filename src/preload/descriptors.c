/* SPDX-License-Identifier: MIT */
/*
 * Functions that take a descriptor: ours go to am_kvm_*(), all others to the C library.
 *
 * A descriptor of ours is a real one (kvm/file.h). poll(), select() and epoll find it as ready, or
 * refuse it, just as the kernel does with KVM's, and munmap() and fork() have nothing to know. What
 * is left are the calls that make another number for it or end one, and those that reach the
 * driver. None of them takes a lock or allocates for a descriptor that is not ours, so they remain
 * safe in signal handlers.
 */
#include <armature/armature.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/real.h"

static bool fail(int err)
{
	errno = err;
	return false;
}

/* ---- ioctl ---- */

#define KVM_IOCTL_TYPE 0xae

/* "/proc/self/fd/N", without printf: this may be a signal handler. */
static void fd_path(int fd, char *to)
{
	static const char folder[] = "/proc/self/fd/";
	char digits[12];
	int n = 0;

	memcpy(to, folder, sizeof(folder) - 1);
	to += sizeof(folder) - 1;
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		*to++ = digits[--n];
	*to = 0;
}

/*
 * KVM's request on a descriptor that we do not know and that has no such request: it may have come
 * through exec or over a socket. Its name tells. /dev/kvm serves every process; a VM belongs to the
 * one that made it.
 */
static bool inherited(int fd)
{
	static const char system[] = "/memfd:kvm (deleted)";
	static const char other[] = "/memfd:kvm-";
	char path[32], name[64];
	ssize_t len;
	int kvm;

	if (real()->fcntl(fd, F_GETFD) < 0)
		return false;
	fd_path(fd, path);
	len = readlink(path, name, sizeof(name) - 1);
	if (len < 0)
		return fail(ENOTTY);
	name[len] = 0;
	if (strcmp(name, system) == 0) {
		kvm = am_kvm_open();
		if (kvm < 0)
			return false;
		am_kvm_adopt(kvm, fd);
		am_kvm_close(kvm);
		return true;
	}
	return fail(strncmp(name, other, strlen(other)) == 0 ? EIO : ENOTTY);
}

/* What the kernel does for any file, before the driver is asked. */
static bool any_file_has(unsigned long request)
{
	return request == FIOCLEX || request == FIONCLEX || request == FIONBIO ||
	       request == FIOASYNC;
}

INTERPOSED int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	unsigned long arg;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	request = (unsigned int)request;
	if (am_kvm_owns(fd)) {
		if (!any_file_has(request))
			return am_kvm_ioctl(fd, request, arg);
	} else if (_IOC_TYPE(request) == KVM_IOCTL_TYPE) {
		int r = real()->ioctl(fd, request, arg);

		/* qemu-user knows none of these requests, and says ENOSYS. */
		if (r >= 0 || (errno != ENOTTY && errno != ENOSYS))
			return r;
		return inherited(fd) ? am_kvm_ioctl(fd, request, arg) : -1;
	}
	return real()->ioctl(fd, request, arg);
}

/* ---- Closing ---- */

INTERPOSED int close(int fd)
{
	if (am_kvm_owns(fd) && !preload_in_borrowed_memory())
		return am_kvm_close(fd);
	return real()->close(fd);
}

/* Those of ours in the range. The table ends where the highest descriptor can be. */
static void close_ours(unsigned first, unsigned last)
{
	long limit = sysconf(_SC_OPEN_MAX);
	unsigned end = limit > 0 && limit < INT_MAX ? (unsigned)limit : INT_MAX;

	for (unsigned fd = first; fd <= last && fd < end; fd++) {
		if (am_kvm_owns((int)fd))
			am_kvm_close((int)fd);
	}
}

INTERPOSED int close_range(unsigned first, unsigned last, int flags)
{
	if (!real()->close_range) {
		errno = ENOSYS;
		return -1;
	}
	if (!flags && !preload_in_borrowed_memory())
		close_ours(first, last);
	return real()->close_range(first, last, flags);
}

INTERPOSED void closefrom(int first)
{
	long limit = sysconf(_SC_OPEN_MAX);

	if (first < 0)
		first = 0;
	if (close_range((unsigned)first, UINT_MAX, 0) == 0)
		return;
	for (int fd = first; fd < limit; fd++)
		close(fd);
}

/* ---- Duplicating ---- */

/* @to is a new number for @from, if that is ours, and no longer what it was before. */
static int duplicated(int from, int to)
{
	int saved = errno, err;

	if (to < 0 || to == from || (!am_kvm_owns(from) && !am_kvm_owns(to)) ||
	    preload_in_borrowed_memory())
		return to;
	err = am_kvm_adopt(am_kvm_owns(from) ? from : -1, to);
	if (err < 0) {
		real()->close(to);
		errno = -err;
		return -1;
	}
	errno = saved;
	return to;
}

INTERPOSED int dup(int fd)
{
	return duplicated(fd, real()->dup(fd));
}

INTERPOSED int dup2(int from, int to)
{
	return duplicated(from, real()->dup2(from, to));
}

INTERPOSED int dup3(int from, int to, int flags)
{
	return duplicated(from, real()->dup3(from, to, flags));
}

static int fcntl_any(int fd, int command, void *arg)
{
	int r = real()->fcntl(fd, command, arg);

	return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, r) : r;
}

INTERPOSED int fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl_any(fd, command, arg);
}

INTERPOSED int fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl_any(fd, command, arg);
}

/* ---- Mapping ---- */

static void *mmap_any(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	if (!(flags & MAP_ANONYMOUS) && am_kvm_owns(fd))
		return am_kvm_mmap(addr, len, prot, flags, fd, off);
	return real()->mmap(addr, len, prot, flags, fd, off);
}

INTERPOSED void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return mmap_any(addr, len, prot, flags, fd, off);
}

INTERPOSED void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t off)
{
	return mmap_any(addr, len, prot, flags, fd, off);
}
