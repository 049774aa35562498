/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine: what the accelerator holds (VM, RAM, vGIC, vCPUs) and the devices around it.
 *
 * The devices and the console live as long as the program. The accelerator's part is made anew for
 * each start of the guest: a reset is a new VM, so nothing can be left over from the old one.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/backend.h"
#include "vmm/layout.h"
#include "vmm/options.h"
#include "vmm/pl011.h"
#include "vmm/pl031.h"

struct console;
struct kvm_run;
struct machine;

struct vcpu {
	struct machine *m;
	unsigned id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
};

/* Why the guest stopped. */
enum machine_end {
	END_NONE,
	END_OFF,   /* the guest switched itself off */
	END_RESET, /* the guest asked for a reset */
	END_CRASH, /* the guest reported a crash */
	END_QUIT,  /* Ctrl-A x */
	END_HOST,  /* something here failed, and a message has said what */
};

struct machine {
	const struct options *opt;

	/* The accelerator's part: constant while vCPU threads run. */
	const struct vmm_backend *be;
	int kvm_fd;
	int vm_fd;
	int gic_fd;
	size_t run_size;
	uint8_t *ram;
	uint64_t ram_size;
	struct vcpu *vcpus;
	uint64_t *mpidr;
	unsigned nr_vcpus;
	unsigned nr_gicr;
	struct layout_gicr gicr[2];
	bool nisv;

	/* Devices; each has its own lock. */
	struct pl011 uart;
	struct pl031 rtc;
	struct console *console;

	/* How threads tell the main thread that something happened. */
	int event_fd;
	int rtc_fd; /* timerfd for the RTC's alarm */
	int signal_fd;
	atomic_int end;	     /* enum machine_end: the first reason counts */
	atomic_bool stop;    /* vCPU threads are to leave */
	atomic_uint running; /* vCPU threads that have not left */
};

/* Devices and descriptors that stay for good. Returns 0 or a status. */
int machine_init(struct machine *m, const struct options *opt);
void machine_finish(struct machine *m);

/* The accelerator's part, without the boot files. Returns 0 or a status. */
int machine_create_vm(struct machine *m);
void machine_destroy_vm(struct machine *m);

/* Notes why the guest ends and wakes the main thread. Any thread. */
void machine_end(struct machine *m, enum machine_end why);

/* boot.c: loads the files into RAM and points the first vCPU at the kernel. */
int machine_boot(struct machine *m);
/* boot.c: writes the device tree to a file instead. */
int machine_dump_dtb(struct machine *m);

/* devices.c: a guest access that no memory and no interrupt controller answers. */
void machine_mmio(struct machine *m, uint64_t addr, uint8_t *data, unsigned len, bool is_write);
int devices_init(struct machine *m);
void devices_reset(struct machine *m);
void devices_finish(struct machine *m);

/* vcpu.c */
int vcpu_create(struct machine *m, struct vcpu *v, unsigned id);
void vcpu_destroy(struct vcpu *v);
int vcpu_start(struct vcpu *v);
/* Makes a vCPU that is in the guest, or about to be, come back. */
void vcpu_kick(struct vcpu *v);
int vcpu_set_reg(struct vcpu *v, uint64_t id, uint64_t value);
int vcpu_get_reg(struct vcpu *v, uint64_t id, uint64_t *value);
/* Once, before the first vCPU starts. */
void vcpu_install_kick(void);

/* run.c: from the first boot to the end; the exit status. */
int machine_run(struct machine *m);

#endif
