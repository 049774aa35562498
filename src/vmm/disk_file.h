/* SPDX-License-Identifier: MIT */
/*
 * A raw disk: a file or a block device of the host. One writer, or any number of readers: the
 * file is locked as long as it is open.
 */
#ifndef VMM_DISK_FILE_H
#define VMM_DISK_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define DISK_SECTOR 512u

struct disk_file {
	const char *path; /* whoever opens it keeps the string */
	int fd;
	bool readonly;
	uint64_t size;	/* bytes, whole sectors */
	uint32_t block; /* bytes that are best freed together */
};

/* 0, or a status after having said what is wrong. */
int disk_open(struct disk_file *f, const char *path, bool readonly);
void disk_close(struct disk_file *f);

/*
 * Reads or writes at most all of @iov, and some of it at least; a single call moves a bounded
 * number of bytes. Returns how many, 0 at the end of the file, or -errno. The caller keeps it
 * within the size.
 */
ssize_t disk_read(const struct disk_file *f, const struct iovec *iov, unsigned n, uint64_t offset);
ssize_t disk_write(const struct disk_file *f, const struct iovec *iov, unsigned n, uint64_t offset);

/* What was written before is on stable storage. 0 or -errno. */
int disk_flush(const struct disk_file *f);

/* The range reads as zeroes; with @unmap its space is freed if that can be. 0 or -errno. */
int disk_zero(const struct disk_file *f, uint64_t offset, uint64_t len, bool unmap);

/* What is in the range is of no use any more. 0 or -errno; a host that cannot free it keeps it. */
int disk_discard(const struct disk_file *f, uint64_t offset, uint64_t len);

#endif
