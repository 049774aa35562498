/* SPDX-License-Identifier: MIT */
/* The oracle as a child process: qemu-aarch64, or the program itself on an Arm machine. */
#ifndef AM_TESTS_INSN_REFERENCE_H
#define AM_TESTS_INSN_REFERENCE_H

#include "case.h"

struct insn_reference {
	const char *qemu, *cpu, *program;
	int pid;
	int to, from;
};

/* 0 or -errno. */
int insn_reference_start(struct insn_reference *ref);
void insn_reference_stop(struct insn_reference *ref);

/* False: the child is gone. */
bool insn_reference_send(struct insn_reference *ref, const struct insn_case *c, uint32_t nr,
			 bool want_states);
bool insn_reference_read(struct insn_reference *ref, void *to, size_t len);

#endif
