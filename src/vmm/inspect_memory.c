/* SPDX-License-Identifier: MIT */
/* Guest memory in files. */
#include "vmm/inspect_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/report.h"

#define MAX_BASE (UINT64_C(1) << 52)

/* The size of a file or of a block device, which stat() does not tell. */
static int file_size(const char *path, int fd, uint64_t *size)
{
	struct stat st;
	off_t end;

	if (fstat(fd, &st))
		return vmm_fail(VMM_FILE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return vmm_fail(VMM_FILE, "%s: not a file: an image of memory is wanted", path);
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return vmm_fail(VMM_FILE, "%s: %s", path, strerror(errno));
	if (!end)
		return vmm_fail(VMM_FILE, "%s: empty", path);
	*size = (uint64_t)end;
	return 0;
}

static int insert(struct inspect_memory *m, const struct inspect_piece *p)
{
	unsigned at = 0;

	while (at < m->nr && m->piece[at].base < p->base)
		at++;
	if ((at && p->base - m->piece[at - 1].base < m->piece[at - 1].size) ||
	    (at < m->nr && m->piece[at].base - p->base < p->size))
		return vmm_fail(VMM_USAGE,
				"%s at 0x%" PRIx64 ": shares addresses with another --memory",
				p->path, p->base);
	memmove(&m->piece[at + 1], &m->piece[at], (m->nr - at) * sizeof(m->piece[0]));
	m->piece[at] = *p;
	m->nr++;
	return 0;
}

int inspect_memory_add(struct inspect_memory *m, const char *path, uint64_t base)
{
	struct inspect_piece p = {.path = path, .base = base};
	int status;

	if (m->nr == INSPECT_MAX_PIECES)
		return vmm_fail(VMM_USAGE, "more than %d --memory", INSPECT_MAX_PIECES);
	if (base >= MAX_BASE)
		return vmm_fail(VMM_USAGE, "--base 0x%" PRIx64 ": addresses have 52 bits at most",
				base);
	/* O_NONBLOCK: a FIFO nobody writes to is refused like any other. */
	p.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (p.fd < 0)
		return vmm_fail(VMM_FILE, "%s: %s", path, strerror(errno));
	status = file_size(path, p.fd, &p.size);
	if (!status)
		status = insert(m, &p);
	if (status)
		close(p.fd);
	return status;
}

void inspect_memory_finish(struct inspect_memory *m)
{
	while (m->nr)
		close(m->piece[--m->nr].fd);
}

static const struct inspect_piece *piece_at(const struct inspect_memory *m, uint64_t gpa)
{
	for (unsigned i = 0; i < m->nr; i++)
		if (gpa - m->piece[i].base < m->piece[i].size)
			return &m->piece[i];
	return NULL;
}

bool inspect_memory_contains(const struct inspect_memory *m, uint64_t gpa, uint64_t len)
{
	while (len) {
		const struct inspect_piece *p = piece_at(m, gpa);
		uint64_t n = p ? p->size - (gpa - p->base) : 0;

		if (!p)
			return false;
		if (n > len)
			n = len;
		gpa += n;
		len -= n;
	}
	return true;
}

static bool read_piece(struct inspect_memory *m, const struct inspect_piece *p, uint64_t gpa,
		       uint8_t *to, size_t len)
{
	while (len) {
		ssize_t n = pread(p->fd, to, len, (off_t)(gpa - p->base));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			m->failed = p->path;
			m->err = n ? errno : ENODATA;
			return false;
		}
		to += n;
		gpa += (size_t)n;
		len -= (size_t)n;
	}
	return true;
}

bool inspect_memory_read(struct inspect_memory *m, uint64_t gpa, void *to, size_t len)
{
	uint8_t *at = to;

	if (!inspect_memory_contains(m, gpa, len))
		return false;
	while (len) {
		const struct inspect_piece *p = piece_at(m, gpa);
		uint64_t left = p->size - (gpa - p->base);
		size_t n = left < len ? (size_t)left : len;

		if (!read_piece(m, p, gpa, at, n))
			return false;
		at += n;
		gpa += n;
		len -= n;
	}
	return true;
}
