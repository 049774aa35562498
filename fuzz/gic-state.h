/* SPDX-License-Identifier: MIT */
/* The machine of gic.c: the controller, its bus and memory, and what must always hold. */
#ifndef FUZZ_GIC_STATE_H
#define FUZZ_GIC_STATE_H

#include <armature/gic.h>

enum { FUZZ_MAX_CPUS = 24, FUZZ_MAX_REGIONS = 8 };

#define FUZZ_DIST   UINT64_C(0x08000000)
#define FUZZ_CPUIF  UINT64_C(0x08010000)
#define FUZZ_REDIST UINT64_C(0x080a0000)

struct machine {
	struct am_bus *bus;
	struct am_gic *gic; /* or NULL */
	unsigned version;
	unsigned nr_cpus;
	unsigned id[FUZZ_MAX_CPUS];
	uint64_t mpidr[FUZZ_MAX_CPUS];	      /* when they were added */
	struct am_gic_lrs lrs[FUZZ_MAX_CPUS]; /* each of its hardware's */
	unsigned lines[AM_GIC_MAX_VCPUS];
	long bytes;	  /* allocated */
	unsigned fail_in; /* this allocation from now fails; 0: none */
	struct am_gic_config config;
};

uint64_t fuzz_mpidr(unsigned id);
/* The part of an attribute that says which vCPU, as it was when it was added. */
uint64_t fuzz_cpu_attr(const struct machine *m, unsigned n);

void fuzz_machine_start(struct machine *m);
/* Traps if memory is left. */
void fuzz_machine_end(struct machine *m);

/* Adds our callbacks to @config. */
int fuzz_create(struct machine *m, const struct am_gic_config *config);
void fuzz_destroy(struct machine *m);
int fuzz_add_vcpu(struct machine *m, unsigned id, uint64_t mpidr);

/* Traps unless what was reported is what is there. */
void fuzz_check_lines(struct machine *m);
/* Saves all, restores it into a new controller, and traps unless that then saves the same. */
void fuzz_save_and_restore(struct machine *m);

#endif
