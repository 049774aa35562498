/* SPDX-License-Identifier: MIT */
/* What "armature run" was asked to do. */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_MAX_CPUS   512
#define OPTIONS_MIN_MEMORY (UINT64_C(16) << 20)
/* RAM starts at 1 GiB, and the guest's physical addresses have 40 bits. */
#define OPTIONS_MAX_MEMORY (UINT64_C(1023) << 30)

enum options_accel {
	ACCEL_AUTO,
	ACCEL_ARMATURE,
	ACCEL_KVM,
};

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *dtb;
	const char *dump_dtb;
	const char *trace;
	unsigned cpus;
	uint64_t memory;
	bool no_reboot;
	bool help;
	enum options_accel accel;
};

/*
 * Reads the arguments after "run" (@argv[0] is "run" itself). The strings stay those of @argv.
 * Returns 0 or VMM_USAGE, having said why.
 */
int options_parse(struct options *o, int argc, char **argv);

/* "256M", "4G", "65536K"; a number alone counts MiB. Returns 0 or -1. */
int options_parse_size(const char *text, uint64_t *bytes);

void options_help(FILE *out);

#endif
