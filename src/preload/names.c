/* SPDX-License-Identifier: MIT */
/*
 * Functions that take a path: /dev/kvm is there and can be opened.
 *
 * The C library's function is called first, whatever the path. A wild pointer gets its EFAULT
 * from there, and afterwards the path is known to be readable.
 */
#include <armature/armature.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "preload/real.h"

#define KVM_MAJOR 10 /* miscellaneous devices */
#define KVM_MINOR 232

/* "/dev/kvm", however many slashes and dots are in it. */
static bool names_kvm(const char *path)
{
	static const char *const parts[] = {"dev", "kvm"};

	for (unsigned n = 0; n < 2; n++) {
		size_t len = strlen(parts[n]);

		if (*path != '/')
			return false;
		while (*path == '/' || (path[-1] == '/' && *path == '.' && path[1] == '/'))
			path++;
		if (strncmp(path, parts[n], len) != 0)
			return false;
		path += len;
	}
	return !*path;
}

/* ---- open ---- */

static int open_kvm(int flags)
{
	int fd;

	if (flags & O_DIRECTORY) {
		errno = ENOTDIR;
		return -1;
	}
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
		errno = EEXIST;
		return -1;
	}
	fd = am_kvm_open();
	if (fd >= 0 && !(flags & O_CLOEXEC))
		real()->fcntl(fd, F_SETFD, 0);
	if (fd >= 0 && (flags & O_NONBLOCK))
		real()->fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
	int fd, saved = errno;

	/* Nothing may be created in its place. */
	if ((flags & O_CREAT) && path && names_kvm(path))
		return open_kvm(flags);
	fd = real()->openat(dir, path, flags, mode);
	if (fd < 0 && errno == EFAULT)
		return -1;
	if (names_kvm(path)) {
		if (fd >= 0)
			real()->close(fd); /* a real one, of another architecture maybe */
		errno = saved;
		return open_kvm(flags);
	}
	if (fd >= 0)
		am_kvm_adopt(-1, fd);
	return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                            \
	INTERPOSED int name(const char *path, int flags, ...) \
	{                                                     \
		va_list ap;                                   \
		mode_t mode;                                  \
                                                              \
		va_start(ap, flags);                          \
		mode = mode_of(flags, ap);                    \
		va_end(ap);                                   \
		return open_any(AT_FDCWD, path, flags, mode); \
	}

#define OPENAT(name)                                                   \
	INTERPOSED int name(int dir, const char *path, int flags, ...) \
	{                                                              \
		va_list ap;                                            \
		mode_t mode;                                           \
                                                                       \
		va_start(ap, flags);                                   \
		mode = mode_of(flags, ap);                             \
		va_end(ap);                                            \
		return open_any(dir, path, flags, mode);               \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What fortified programs call. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

INTERPOSED int __open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

INTERPOSED int __open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

INTERPOSED int __openat_2(int dir, const char *path, int flags)
{
	return open_any(dir, path, flags, 0);
}

INTERPOSED int __openat64_2(int dir, const char *path, int flags)
{
	return open_any(dir, path, flags, 0);
}

/* ---- access ---- */

static int access_any(int dir, const char *path, int mode, int flags)
{
	int saved = errno;
	int r = real()->faccessat(dir, path, mode, flags);

	if ((r < 0 && (errno == EFAULT || errno == EINVAL)) || !names_kvm(path))
		return r;
	errno = mode & X_OK ? EACCES : saved;
	return mode & X_OK ? -1 : 0;
}

INTERPOSED int access(const char *path, int mode)
{
	return access_any(AT_FDCWD, path, mode, 0);
}

INTERPOSED int faccessat(int dir, const char *path, int mode, int flags)
{
	return access_any(dir, path, mode, flags);
}

INTERPOSED int euidaccess(const char *path, int mode)
{
	return access_any(AT_FDCWD, path, mode, AT_EACCESS);
}

INTERPOSED int eaccess(const char *path, int mode)
{
	return access_any(AT_FDCWD, path, mode, AT_EACCESS);
}

/* ---- stat ---- */

static int stat_any(int dir, const char *path, struct stat *st, int flags)
{
	int saved = errno;
	int r = real()->fstatat(dir, path, st, flags);

	if ((r < 0 && (errno == EFAULT || errno == EINVAL)) || !names_kvm(path))
		return r;
	/* Owner, times and the file system are those of the folder. */
	if (real()->fstatat(AT_FDCWD, "/dev", st, 0) < 0)
		return -1;
	st->st_mode = S_IFCHR | 0666;
	st->st_rdev = makedev(KVM_MAJOR, KVM_MINOR);
	st->st_nlink = 1;
	st->st_size = 0;
	st->st_blocks = 0;
	errno = saved;
	return 0;
}

/* On 64-bit machines both structures are the same. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64) &&
		   offsetof(struct stat, st_ctim) == offsetof(struct stat64, st_ctim),
	       "struct stat64 differs from struct stat");

INTERPOSED int stat(const char *path, struct stat *st)
{
	return stat_any(AT_FDCWD, path, st, 0);
}

INTERPOSED int stat64(const char *path, struct stat64 *st)
{
	return stat_any(AT_FDCWD, path, (struct stat *)st, 0);
}

INTERPOSED int lstat(const char *path, struct stat *st)
{
	return stat_any(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int lstat64(const char *path, struct stat64 *st)
{
	return stat_any(AT_FDCWD, path, (struct stat *)st, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return stat_any(dir, path, st, flags);
}

INTERPOSED int fstatat64(int dir, const char *path, struct stat64 *st, int flags)
{
	return stat_any(dir, path, (struct stat *)st, flags);
}

/* What programs built for glibc before 2.33 call; the version says which struct stat. */
int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat(int version, const char *path, struct stat *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstatat(int version, int dir, const char *path, struct stat *st, int flags);
int __fxstatat64(int version, int dir, const char *path, struct stat64 *st, int flags);

INTERPOSED int __xstat(int version, const char *path, struct stat *st)
{
	return stat_any(AT_FDCWD, path, st, 0);
}

INTERPOSED int __xstat64(int version, const char *path, struct stat64 *st)
{
	return stat_any(AT_FDCWD, path, (struct stat *)st, 0);
}

INTERPOSED int __lxstat(int version, const char *path, struct stat *st)
{
	return stat_any(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int __lxstat64(int version, const char *path, struct stat64 *st)
{
	return stat_any(AT_FDCWD, path, (struct stat *)st, AT_SYMLINK_NOFOLLOW);
}

INTERPOSED int __fxstatat(int version, int dir, const char *path, struct stat *st, int flags)
{
	return stat_any(dir, path, st, flags);
}

INTERPOSED int __fxstatat64(int version, int dir, const char *path, struct stat64 *st, int flags)
{
	return stat_any(dir, path, (struct stat *)st, flags);
}

INTERPOSED int statx(int dir, const char *path, int flags, unsigned mask, struct statx *sx)
{
	int saved = errno;
	int r = real()->statx(dir, path, flags, mask, sx);

	if ((r < 0 && (errno == EFAULT || errno == EINVAL)) || !names_kvm(path))
		return r;
	if (real()->statx(AT_FDCWD, "/dev", 0, mask, sx) < 0)
		return -1;
	sx->stx_mode = S_IFCHR | 0666;
	sx->stx_rdev_major = KVM_MAJOR;
	sx->stx_rdev_minor = KVM_MINOR;
	sx->stx_nlink = 1;
	sx->stx_size = 0;
	sx->stx_blocks = 0;
	errno = saved;
	return 0;
}
