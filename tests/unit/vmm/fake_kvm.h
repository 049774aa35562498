/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for the library: am_kvm_* functions behind which there is no CPU but a tiny "guest"
 * that drives the UART as a real driver does. With it the program's run loop, console and resets
 * are tested without an instruction being executed.
 *
 * The guest prints "ready\n", then echoes what it receives; 'Q' switches the machine off, 'R'
 * resets it, 'C' reports a crash, 'E' makes KVM_RUN fail, 'U' exits for an unknown reason, 'P'
 * prints 200000 bytes, 'N' touches an address where nothing is.
 */
#ifndef TEST_FAKE_KVM_H
#define TEST_FAKE_KVM_H

#include <stdbool.h>
#include <stdint.h>

/* What the program did, for the test to look at. */
struct fake_seen {
	unsigned vms_created, vms_closed;
	unsigned vcpus, open_fds;
	uint64_t ram_base, ram_size; /* of all slots, which must adjoin */
	unsigned slots;
	uint64_t largest_slot;
	unsigned long vm_type;
	uint8_t *ram;
	uint64_t pc, x0;
	unsigned gic; /* KVM_DEV_TYPE_... */
	uint64_t dist, gicc, redist[4];
	unsigned nr_redist;
	uint32_t nr_irqs;
	unsigned power_off; /* vCPUs that were created switched off */
	unsigned initialised_gics;
	uint64_t its; /* its address */
	unsigned initialised_itses;
};

extern struct fake_seen fake_seen;

/* What KVM_CAP_ARM_VM_IPA_SIZE answers; 48 if not changed. */
extern int fake_ipa_limit;

/* KVM_CREATE_DEVICE knows no ITS. */
extern bool fake_no_its;

void fake_reset_seen(void);

/* The UART's interrupt line. */
bool fake_line(void);

#endif
