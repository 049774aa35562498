/* SPDX-License-Identifier: MIT */
/* "armature inspect": what is in the saved state of a VM, any KVM's, and what is wrong there. */
#ifndef VMM_INSPECT_H
#define VMM_INSPECT_H

#include <stdio.h>

/* An exit status: 0, or 1 if something is wrong with what was inspected, or enum vmm_status. */
int inspect_main(int argc, char **argv);

void inspect_help(FILE *out);

#endif
