/* SPDX-License-Identifier: MIT */
/*
 * Raw disks: see disk_file.h. The lock belongs to the open file description ("OFD"), so it also
 * works against a second --disk of this process, and it ends with the process whatever happens.
 */
#include "vmm/disk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/report.h"

/* Bytes of one system call: whoever waits for the disk to stop waits for one at the most. */
#define SLICE ((size_t)16 << 20)

static int lock(const struct disk_file *f)
{
	struct flock l = {
	    .l_type = f->readonly ? F_RDLCK : F_WRLCK,
	    .l_whence = SEEK_SET,
	};

	if (fcntl(f->fd, F_OFD_SETLK, &l) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return vmm_fail(VMM_FILE,
				"disk %s is in use: by another virtual machine, or by another "
				"--disk. Several can share a disk if all have it \",readonly\"",
				f->path);
	/* Some file systems have no locks. */
	vmm_say("disk %s cannot be locked (%s): see that nothing else writes to it", f->path,
		strerror(errno));
	return 0;
}

/* Of the whole file, in bytes. */
static int measure(const struct disk_file *f, uint64_t *bytes, uint32_t *block)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EMEDIUMTYPE;
	*bytes = (uint64_t)st.st_size;
	*block = st.st_blksize >= DISK_SECTOR && st.st_blksize <= 1 << 20 ? (uint32_t)st.st_blksize
									  : DISK_SECTOR;
	if (S_ISBLK(st.st_mode) && ioctl(f->fd, BLKGETSIZE64, bytes) < 0)
		return -errno;
	return 0;
}

static int find_size(struct disk_file *f)
{
	uint64_t bytes;
	int error = measure(f, &bytes, &f->block);

	if (error == -EMEDIUMTYPE)
		return vmm_fail(VMM_FILE, "disk %s is neither a file nor a block device", f->path);
	if (error)
		return vmm_fail(VMM_FILE, "cannot tell the size of disk %s: %s", f->path,
				strerror(-error));
	f->size = bytes - bytes % DISK_SECTOR;
	if (!f->size)
		return vmm_fail(VMM_FILE,
				"disk %s is empty: give it a size, as with \"truncate -s 1G\"",
				f->path);
	if (bytes != f->size)
		vmm_say("disk %s is no whole number of %u-byte sectors: the guest does not see its "
			"last %u bytes",
			f->path, DISK_SECTOR, (unsigned)(bytes - f->size));
	return 0;
}

int disk_open(struct disk_file *f, const char *path, bool readonly)
{
	int status;

	f->path = path;
	f->readonly = readonly;
	/* Without O_NONBLOCK a named pipe would wait for its other end. */
	f->fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0) {
		bool denied = errno == EACCES || errno == EROFS || errno == EPERM;

		return vmm_fail(VMM_FILE, "cannot open disk %s: %s%s", path, strerror(errno),
				denied && !readonly ? ": add \",readonly\" if that will do" : "");
	}
	status = find_size(f);
	if (!status)
		status = lock(f);
	if (status)
		disk_close(f);
	return status;
}

void disk_close(struct disk_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* ---- Reading and writing ---- */

/* How many of the vectors make up a slice at the most; 0: the first alone is too long. */
static unsigned within_slice(const struct iovec *iov, unsigned n)
{
	size_t sum = 0;
	unsigned i;

	for (i = 0; i < n && i < IOV_MAX; i++) {
		if (iov[i].iov_len > SLICE - sum)
			break;
		sum += iov[i].iov_len;
	}
	return i;
}

static ssize_t transfer(const struct disk_file *f, const struct iovec *iov, unsigned n,
			uint64_t offset, bool is_write)
{
	const struct iovec piece = {.iov_base = iov[0].iov_base, .iov_len = SLICE};
	ssize_t done;

	n = within_slice(iov, n);
	if (!n) {
		iov = &piece;
		n = 1;
	}
	do {
		done = is_write ? pwritev(f->fd, iov, (int)n, (off_t)offset)
				: preadv(f->fd, iov, (int)n, (off_t)offset);
	} while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : done;
}

ssize_t disk_read(const struct disk_file *f, const struct iovec *iov, unsigned n, uint64_t offset)
{
	return transfer(f, iov, n, offset, false);
}

ssize_t disk_write(const struct disk_file *f, const struct iovec *iov, unsigned n, uint64_t offset)
{
	return transfer(f, iov, n, offset, true);
}

int disk_flush(const struct disk_file *f)
{
	int r;

	if (f->readonly)
		return 0;
	do {
		r = fdatasync(f->fd);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* ---- Zeroes and discards ---- */

static int allocate(const struct disk_file *f, int mode, uint64_t offset, uint64_t len)
{
	int r;

	do {
		r = fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int write_zeroes(const struct disk_file *f, uint64_t offset, uint64_t len)
{
	static const uint8_t zeroes[64 << 10];

	while (len) {
		const struct iovec v = {
		    .iov_base = (void *)(uintptr_t)zeroes,
		    .iov_len = len < sizeof(zeroes) ? len : sizeof(zeroes),
		};
		ssize_t done = disk_write(f, &v, 1, offset);

		if (done <= 0)
			return done ? (int)done : -ENODATA;
		offset += (uint64_t)done;
		len -= (uint64_t)done;
	}
	return 0;
}

static bool unsupported(int error)
{
	return error == -EOPNOTSUPP || error == -ENOSYS || error == -EINVAL || error == -ENODEV;
}

int disk_zero(const struct disk_file *f, uint64_t offset, uint64_t len, bool unmap)
{
	int r = allocate(f, unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE, offset, len);

	return unsupported(r) ? write_zeroes(f, offset, len) : r;
}

int disk_discard(const struct disk_file *f, uint64_t offset, uint64_t len)
{
	int r = allocate(f, FALLOC_FL_PUNCH_HOLE, offset, len);

	return unsupported(r) ? 0 : r;
}
