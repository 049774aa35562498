/* SPDX-License-Identifier: MIT */
/* Finding a program and reading its ELF header (program.h). */
#include "vmm/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/report.h"

/* ---- ELF ---- */

static bool read_at(int fd, void *to, size_t len, uint64_t off)
{
	return off <= INT64_MAX && pread(fd, to, len, (off_t)off) == (ssize_t)len;
}

static bool read_header(int fd, Elf64_Ehdr *e)
{
	return read_at(fd, e, sizeof(*e), 0) && memcmp(e->e_ident, ELFMAG, SELFMAG) == 0 &&
	       e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_ident[EI_DATA] == ELFDATA2LSB;
}

unsigned program_machine(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr e = {.e_machine = EM_NONE};

	if (fd < 0)
		return EM_NONE;
	if (!read_header(fd, &e))
		e.e_machine = EM_NONE;
	close(fd);
	return e.e_machine;
}

const char *program_machine_name(unsigned machine)
{
	switch (machine) {
	case EM_AARCH64:
		return "aarch64";
	case EM_X86_64:
		return "x86_64";
	default:
		return NULL;
	}
}

/* The program's interpreter; without one p->dynamic stays false. */
static bool read_interpreter(int fd, const Elf64_Ehdr *e, struct program *p)
{
	Elf64_Phdr ph;

	if (e->e_phnum && e->e_phentsize < sizeof(ph))
		return false;
	for (unsigned n = 0; n < e->e_phnum; n++) {
		if (!read_at(fd, &ph, sizeof(ph), e->e_phoff + (uint64_t)n * e->e_phentsize))
			return false;
		if (ph.p_type != PT_INTERP)
			continue;
		if (!ph.p_filesz || ph.p_filesz > sizeof(p->interp) ||
		    !read_at(fd, p->interp, ph.p_filesz, ph.p_offset) || p->interp[ph.p_filesz - 1])
			return false;
		p->dynamic = true;
		return true;
	}
	return true;
}

static int inspect(struct program *p, int fd)
{
	Elf64_Ehdr e;
	char magic[2];

	p->dynamic = false;
	p->interp[0] = 0;
	if (read_at(fd, magic, sizeof(magic), 0) && memcmp(magic, "#!", 2) == 0)
		return vmm_fail(PROGRAM_CANNOT_RUN,
				"%s is a script: give its interpreter as the program, as in "
				"\"armature exec -- sh %s\"",
				p->path, p->path);
	if (!read_header(fd, &e) || (e.e_type != ET_EXEC && e.e_type != ET_DYN) ||
	    !read_interpreter(fd, &e, p))
		return vmm_fail(PROGRAM_CANNOT_RUN, "%s is no 64-bit ELF program", p->path);
	p->machine = e.e_machine;
	return 0;
}

/* ---- Looking for it ---- */

/* 0, or the errno that exec would fail with. */
static int runnable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return access(path, X_OK) < 0 ? errno : 0;
}

/* The first of the folders of PATH that has it. */
static int search(struct program *p, const char *name)
{
	const char *dirs = getenv("PATH");
	int err = ENOENT;

	if (!dirs)
		dirs = "/bin:/usr/bin";
	for (;;) {
		size_t len = strcspn(dirs, ":");
		int n = snprintf(p->path, sizeof(p->path), "%.*s%s%s", (int)len, dirs,
				 len ? "/" : "", name);
		int e = n < (int)sizeof(p->path) ? runnable(p->path) : ENAMETOOLONG;

		if (!e)
			return 0;
		if (e == EACCES)
			err = e; /* said if there is no better one */
		if (!dirs[len])
			return err;
		dirs += len + 1;
	}
}

int program_find(struct program *p, const char *name)
{
	int err, fd, status;

	if (strchr(name, '/')) {
		err = snprintf(p->path, sizeof(p->path), "%s", name) < (int)sizeof(p->path)
			  ? runnable(name)
			  : ENAMETOOLONG;
	} else {
		err = *name ? search(p, name) : ENOENT;
	}
	if (err)
		return vmm_fail(err == ENOENT || err == ENOTDIR ? PROGRAM_NOT_FOUND
								: PROGRAM_CANNOT_RUN,
				"%s: %s", name, strerror(err));
	fd = open(p->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vmm_fail(PROGRAM_CANNOT_RUN, "%s: cannot be read: %s", p->path,
				strerror(errno));
	status = inspect(p, fd);
	close(fd);
	return status;
}
