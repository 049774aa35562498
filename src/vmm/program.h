/* SPDX-License-Identifier: MIT */
/* What kind of file a program or a library is, as far as "armature exec" has to know. */
#ifndef VMM_PROGRAM_H
#define VMM_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/* The exit statuses of a shell, and of env(1), for a program that cannot be run. */
enum { PROGRAM_CANNOT_RUN = 126, PROGRAM_NOT_FOUND = 127 };

struct program {
	char path[PATH_MAX];
	unsigned machine; /* EM_... of <elf.h> */
	bool dynamic;	  /* an interpreter loads it, and with it what LD_PRELOAD names */
	char interp[256]; /* that interpreter, or "" */
};

/*
 * Look for @name as execvp(3) does, and see what it is. 0, or an exit status after having said
 * what is wrong.
 */
int program_find(struct program *p, const char *name);

/* The machine of an ELF file of this class (64 bits, little-endian), or 0. */
unsigned program_machine(const char *path);

/* As "uname -m" says it, or NULL for machines that are of no interest here. */
const char *program_machine_name(unsigned machine);

#endif
