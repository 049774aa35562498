/* SPDX-License-Identifier: MIT */
/* What "armature run" was asked to do. */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/layout.h"

#define OPTIONS_MAX_CPUS   512
#define OPTIONS_MAX_DISKS  28 /* as many as the PCI bus holds, and a little to spare */
#define OPTIONS_MIN_MEMORY (UINT64_C(16) << 20)

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
	unsigned ipa_bits;    /* 0: the usual ones, or what is needed */
	uint64_t ram_base;    /* 0: where it usually is */
	bool ram_top;	      /* RAM ends with the guest's physical addresses */
	unsigned gic_version; /* 2 or 3; 0: 3 */
	unsigned nr_redist;   /* 0: where they usually are */
	struct layout_gicr redist[LAYOUT_MAX_GICR];
	unsigned nr_disks;
	const char *disk[OPTIONS_MAX_DISKS]; /* see options_parse_disk() */
	bool no_rng;
	bool virtio_console; /* the guest's console is hvc0, not the UART */
	bool sdei;	     /* the guest finds SDEI */
	const char *control; /* the control socket's name */
	bool no_reboot;
	unsigned recreate_every; /* ms; 0: never */
	bool recreate_poison;	 /* with garbage around the ITS's saved tables */
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

/* "0x40000000", or "1G" as a size, but always with its letter. Returns 0 or -1. */
int options_parse_address(const char *text, uint64_t *address);

/*
 * "PATH" or "PATH,readonly", where ",," stands for a comma of the path: takes it apart. Returns 0
 * or -1.
 */
int options_parse_disk(const char *text, char *path, size_t size, bool *readonly);

void options_help(FILE *out);

#endif
