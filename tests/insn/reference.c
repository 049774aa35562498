/* SPDX-License-Identifier: MIT */
/* Starting the oracle and talking to it (reference.h). */
#include "reference.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(const struct insn_reference *ref, int in, int out)
{
	dup2(in, 0);
	dup2(out, 1);
	if (!*ref->qemu)
		execl(ref->program, ref->program, (char *)NULL);
	else
		execlp(ref->qemu, ref->qemu, "-cpu", ref->cpu, ref->program, (char *)NULL);
	_exit(127);
}

int insn_reference_start(struct insn_reference *ref)
{
	int to[2], from[2];

	if (pipe(to))
		return -errno;
	if (pipe(from)) {
		close(to[0]);
		close(to[1]);
		return -errno;
	}
	ref->pid = fork();
	if (ref->pid == 0) {
		close(to[1]);
		close(from[0]);
		child(ref, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	ref->to = to[1];
	ref->from = from[0];
	return ref->pid < 0 ? -errno : 0;
}

void insn_reference_stop(struct insn_reference *ref)
{
	close(ref->to);
	close(ref->from);
	if (ref->pid > 0) {
		kill(ref->pid, SIGKILL);
		waitpid(ref->pid, NULL, 0);
	}
	ref->pid = 0;
}

static bool write_all(int fd, const void *from, size_t len)
{
	const uint8_t *p = from;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

bool insn_reference_send(struct insn_reference *ref, const struct insn_case *c, uint32_t nr,
			 bool want_states)
{
	struct insn_batch b = {.nr = nr, .want_states = want_states};

	return write_all(ref->to, &b, sizeof(b)) && write_all(ref->to, c, nr * sizeof(*c));
}

bool insn_reference_read(struct insn_reference *ref, void *to, size_t len)
{
	uint8_t *p = to;

	while (len) {
		ssize_t n = read(ref->from, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}
