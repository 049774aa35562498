/* SPDX-License-Identifier: MIT */
/* /dev/kvm has a name, and other names mean what they mean without it. */
#include "program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void is_kvm(int fd)
{
	EXPECT(fd >= 0);
	EXPECT(ioctl(fd, KVM_GET_API_VERSION, 0) == 12);
	EXPECT(close(fd) == 0);
}

static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(10, 232);
}

void test_names(void)
{
	struct statx sx;
	struct stat st;
	int fd;

	is_kvm(open("/dev/kvm", O_RDWR));
	is_kvm(open64("/dev/kvm", O_RDWR));
	is_kvm(openat(AT_FDCWD, "/dev/kvm", O_RDWR));
	is_kvm(openat64(-1, "/dev/kvm", O_RDWR));
	is_kvm(open("//dev/.//kvm", O_RDWR));

	EXPECT(access("/dev/kvm", R_OK | W_OK) == 0);
	EXPECT(faccessat(AT_FDCWD, "/dev/kvm", R_OK | W_OK, AT_EACCESS) == 0);
	EXPECT_ERRNO(access("/dev/kvm", X_OK), EACCES);
	EXPECT(stat("/dev/kvm", &st) == 0 && is_device(&st));
	EXPECT(lstat("/dev/kvm", &st) == 0 && is_device(&st));
	EXPECT(fstatat(AT_FDCWD, "/dev/kvm", &st, 0) == 0 && is_device(&st));
	EXPECT(statx(AT_FDCWD, "/dev/kvm", 0, STATX_BASIC_STATS, &sx) == 0 &&
	       S_ISCHR(sx.stx_mode) && sx.stx_rdev_major == 10 && sx.stx_rdev_minor == 232);

	EXPECT_ERRNO(open("/dev/kvm", O_RDWR | O_DIRECTORY), ENOTDIR);
	EXPECT_ERRNO(open("/dev/kvm", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	fd = open("/dev/kvm", O_RDWR);
	EXPECT(fcntl(fd, F_GETFD) == 0);
	close(fd);
}

void test_wild_paths(void)
{
	char template[] = "/tmp/preload-test-XXXXXX", name[64];
	const char *volatile nowhere = (const char *)8;
	struct stat st;
	int fd;

	EXPECT_ERRNO(open(nowhere, O_RDONLY), EFAULT);
	EXPECT_ERRNO(access(nowhere, R_OK), EFAULT);
	EXPECT_ERRNO(stat(nowhere, &st), EFAULT);
	EXPECT(open("/dev/kvm/", O_RDWR) == -1);
	EXPECT_ERRNO(open("/dev/kvmx", O_RDWR), ENOENT);
	EXPECT_ERRNO(open("", O_RDWR), ENOENT);
	EXPECT_ERRNO(stat("/dev/kvm2", &st), ENOENT);
	EXPECT(stat("/dev/null", &st) == 0 && st.st_rdev == makedev(1, 3));

	/* The mode of a new file arrives. */
	EXPECT(mkdtemp(template) != NULL);
	snprintf(name, sizeof(name), "%s/file", template);
	umask(0);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0640);
	EXPECT(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640);
	close(fd);
	unlink(name);
	rmdir(template);
}
