/* SPDX-License-Identifier: MIT */
/* "armature exec": run somebody's program with a /dev/kvm. */
#ifndef VMM_EXEC_H
#define VMM_EXEC_H

#include <stdio.h>

/* Becomes the program. Returns an exit status if it could not, or only had to print something. */
int exec_main(int argc, char **argv);

void exec_help(FILE *out);

#endif
