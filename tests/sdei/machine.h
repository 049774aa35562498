/* SPDX-License-Identifier: MIT */
/*
 * The host's half: a VM with a GICv3 and up to eight vCPUs, each on a thread, which can become
 * another VM at any time. All through the ABI of KVM and <armature/sdei.h>.
 */
#ifndef SDEI_MACHINE_H
#define SDEI_MACHINE_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <armature/armature.h>
#include <armature/kvm.h>
#include <armature/sdei.h>

#include "layout.h"

struct machine;

/* KVM_SET_GUEST_DEBUG. */
enum debug { DEBUG_NONE, DEBUG_ENTRIES /* of handlers */, DEBUG_STEP };

struct machine_vcpu {
	struct machine *m;
	unsigned n;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool parked;
	enum debug debug;
};

struct later {
	uint64_t port, value, due_ns;
	unsigned cpu;
};

struct machine {
	int kvm, vm, gic;
	size_t run_size;
	unsigned nr;
	uint8_t *ram;
	struct shared *shared;
	struct machine_vcpu vcpu[MAX_CPUS];

	/* One boundary of so many in a handler; 0: never another machine. */
	unsigned every;
	unsigned long boundaries, moves;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct machine_vcpu *mover; /* waits until all others are parked, or has them so */
	bool over;
	struct later later[64];
	unsigned nr_later;

	bool test_failed;
	unsigned failures;
	atomic_ulong ended[ENDED_WAYS];
	void (*test_done)(struct machine *m, const char *name);
};

/* Ends the program if that cannot be. */
void machine_create(struct machine *m, unsigned nr, const char *image, const char *only,
		    unsigned every);
/* Until the guest is done. */
void machine_run(struct machine *m);
void machine_destroy(struct machine *m);

void machine_fail(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A string of the guest's. */
const char *machine_string(struct machine *m, uint64_t address);
int machine_ioctl(int fd, unsigned long request, const void *arg, const char *what);

/* ---- create.c ---- */

/* VM, GIC and vCPUs, with @m->ram as memory. */
void machine_build(struct machine *m);
void machine_close(struct machine *m);
void machine_gic(struct machine *m, unsigned long request, uint32_t group, uint64_t attr,
		 void *value);

/* ---- move.c ---- */

/* All vCPUs are out of KVM_RUN. */
void machine_move(struct machine *m);

#endif
