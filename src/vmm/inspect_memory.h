/* SPDX-License-Identifier: MIT */
/*
 * Guest memory in files: raw images of its pieces. They are read, not mapped, because a file that
 * somebody cuts short meanwhile is then an error, and not the end of this process.
 */
#ifndef VMM_INSPECT_MEMORY_H
#define VMM_INSPECT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INSPECT_MAX_PIECES = 64 };

struct inspect_piece {
	const char *path;
	int fd;
	uint64_t base, size; /* guest physical */
};

struct inspect_memory {
	unsigned nr;
	struct inspect_piece piece[INSPECT_MAX_PIECES]; /* by address */
	const char *failed; /* the file that could not be read when it was asked */
	int err;	    /* and why */
};

/* Add the file as what is at @base. 0 or an exit status, having said why. */
int inspect_memory_add(struct inspect_memory *m, const char *path, uint64_t base);
void inspect_memory_finish(struct inspect_memory *m);

/* False if some of it is in no piece, or cannot be read. */
bool inspect_memory_read(struct inspect_memory *m, uint64_t gpa, void *to, size_t len);
bool inspect_memory_contains(const struct inspect_memory *m, uint64_t gpa, uint64_t len);

#endif
