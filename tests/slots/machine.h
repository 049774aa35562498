/* SPDX-License-Identifier: MIT */
/*
 * The host's half of a machine of layout.h: a VM with HOME and two vCPUs, each on a thread of its
 * own that answers exits. All through the ABI.
 */
#ifndef SLOTS_MACHINE_H
#define SLOTS_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <armature/armature.h>
#include <armature/kvm.h>

#include "layout.h"

#define HOME_SLOT 0

struct machine;

struct machine_vcpu {
	struct machine *m;
	unsigned n;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	pthread_t thread;
	bool started;
	atomic_bool done; /* the thread has ended */
};

struct machine {
	int kvm, vm;
	uint8_t *home;
	struct shared *shared; /* in home */
	struct machine_vcpu vcpu[VCPUS];
	atomic_bool failed;
	/* KVM_EXIT_DIRTY_RING_FULL: returns when there is room. */
	void (*ring_full)(struct machine_vcpu *v, void *opaque);
	void *opaque;
};

/* Says why, and makes machine_stop() return false. */
void machine_fail(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Memory of the host's for slots: aligned to 2 MiB, zero. Ends the program if there is none. */
uint8_t *machine_memory(size_t size);

/* As ioctl(2), but ends the program when it fails. */
int machine_ioctl(int fd, unsigned long request, const void *arg, const char *what);
/* KVM_SET_USER_MEMORY_REGION: 0 or -errno. */
int machine_slot(struct machine *m, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size,
		 void *host);

/* A VM without slots and vCPUs; HOME's memory has @image and tables for translation. */
void machine_create(struct machine *m, const char *image);
/* HOME's slot and the vCPUs. */
void machine_populate(struct machine *m);
/* The vCPUs run. */
void machine_start(struct machine *m);
/* Asks the guest to stop and waits for it. True if nothing went wrong. */
bool machine_stop(struct machine *m);
void machine_destroy(struct machine *m);

#endif
