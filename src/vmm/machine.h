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
#include "vmm/dma.h"
#include "vmm/layout.h"
#include "vmm/options.h"
#include "vmm/pci.h"
#include "vmm/pl011.h"
#include "vmm/pl031.h"

struct console;
struct control;
struct kvm_run;
struct machine;
struct virtio_device;

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

struct machine_disk {
	struct virtio_device *device; /* NULL: there is none */
	char *path;
};

/* The devices' interrupt lines. */
struct machine_lines {
	pthread_mutex_t lock; /* taken inside a device's lock and the PCI bus's */
	bool level[LAYOUT_NR_LINES];
	bool told[LAYOUT_NR_LINES]; /* what the interrupt controller knows; it stays while held */
	bool held;		    /* the interrupt controller is not told */
};

struct machine {
	const struct options *opt;

	/* The accelerator's part: constant while vCPU threads run. */
	const struct vmm_backend *be;
	int kvm_fd;
	int vm_fd;
	int gic_fd;
	int its_fd; /* -1: there is none */
	unsigned long vm_type;
	size_t run_size;
	uint8_t *ram;
	struct layout_map map;
	struct vcpu *vcpus;
	uint64_t *mpidr;
	unsigned nr_vcpus;
	bool nisv;
	bool has_its; /* the GIC has an ITS at LAYOUT_ITS: devices can send messages */

	/* Devices; each has its own lock. */
	struct machine_lines lines;
	struct pl011 uart;
	struct pl031 rtc;
	struct console *console;
	struct pci_bus pci;
	struct dma dma; /* RAM, for devices; changes while they are reset */
	struct machine_disk disk[OPTIONS_MAX_DISKS];
	struct virtio_device *rng, *hvc; /* NULL: not there */
	bool devices;			 /* there are any to finish */

	/* How threads tell the main thread that something happened. */
	int event_fd;
	int rtc_fd; /* timerfd for the RTC's alarm */
	int signal_fd;
	atomic_bool nmi; /* Ctrl-A n */
	struct control *control;
	unsigned recreated;  /* how often (--recreate-every) */
	uint64_t poisoned;   /* bytes of garbage meanwhile (--recreate-every), in all */
	atomic_int end;	     /* enum machine_end: the first reason counts */
	atomic_bool stop;    /* vCPU threads are to leave */
	atomic_uint running; /* vCPU threads that have not left */
};

/* Devices and descriptors that stay for good. Returns 0 or a status. */
int machine_init(struct machine *m, const struct options *opt);
void machine_finish(struct machine *m);

/* RAM, and the accelerator's part, without the boot files. Returns 0 or a status. */
int machine_create_vm(struct machine *m);
void machine_destroy_vm(struct machine *m);

/*
 * The accelerator's part alone; RAM stays. A new one has no state: see state.h. The devices' lines
 * are held when this returns.
 */
int machine_recreate_vm(struct machine *m);

/* Notes why the guest ends and wakes the main thread. Any thread. */
void machine_end(struct machine *m, enum machine_end why);

/* The main thread looks what there is to do. Any thread. */
void machine_wake(struct machine *m);

/* boot.c: loads the files into RAM and points the first vCPU at the kernel. */
int machine_boot(struct machine *m);
/* boot.c: writes the device tree to a file instead. */
int machine_dump_dtb(struct machine *m);

/* devices.c: a guest access that no memory and no interrupt controller answers. */
void machine_mmio(struct machine *m, uint64_t addr, uint8_t *data, unsigned len, bool is_write);
/* Tells the interrupt controller a line's level. */
void machine_drive_line(struct machine *m, unsigned spi, bool level);
/* A device's line has this level; the interrupt controller is told unless lines are held. */
void machine_set_spi(struct machine *m, unsigned spi, bool level);
/* A device's message to the ITS. False: lines are held; pci_resend() follows. */
bool machine_send_msi(struct machine *m, uint64_t address, uint32_t data, uint16_t rid);
/* From here on, the interrupt controller hears nothing of devices: it is made anew. */
void lines_hold(struct machine *m);
/* From here on it does. @was: what it thinks they are (NULL: all low). */
void lines_release(struct machine *m, const bool was[LAYOUT_NR_LINES]);
/* Returns 0, or a status; devices_finish() follows either way. */
int devices_init(struct machine *m);
void devices_reset(struct machine *m);
void devices_finish(struct machine *m);

/* pci_devices.c */
int pci_devices_init(struct machine *m);
void pci_devices_reset(struct machine *m);
void pci_devices_finish(struct machine *m);
/*
 * When this returns, no device uses guest memory or the console any more. vCPUs' threads have left.
 */
void devices_stop(struct machine *m);
/* Bytes for the guest's console, whichever it is; returns how many it takes. */
size_t devices_receive(struct machine *m, const uint8_t *bytes, size_t n);
void devices_receive_break(struct machine *m);

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

/* vgic.c */
/* Once the machine is laid out: will there be an ITS? */
bool vgic_offers_its(struct machine *m);
int vgic_create(struct machine *m);
/* KVM_SET_DEVICE_ATTR and KVM_GET_DEVICE_ATTR: -1 and errno. */
int vgic_set(struct machine *m, uint32_t group, uint64_t attr, const void *value);
int vgic_get(struct machine *m, uint32_t group, uint64_t attr, void *value);
/* The ITS's attributes, all 64 bits wide: the same. */
int vgic_its_set(struct machine *m, uint32_t group, uint64_t attr, uint64_t value);
int vgic_its_get(struct machine *m, uint32_t group, uint64_t attr, uint64_t *value);

/*
 * sdei.c: software delegated exceptions, with --sdei. All but the text is for the main thread,
 * which is who makes VMs and destroys them.
 */
int machine_open_sdei(struct machine *m);
/*
 * Raises an event at the vCPU with that MPIDR_EL1, or AM_SDEI_ANY. Returns 0 or -errno, and
 * machine_raise_error() says what it means.
 */
int machine_raise(struct machine *m, uint32_t event, uint64_t mpidr);
/* Event 0 at the first vCPU. The same. */
int machine_nmi(struct machine *m);
const char *machine_raise_error(int error);

/* run.c: from the first boot to the end; the exit status. */
int machine_run(struct machine *m);

#endif
