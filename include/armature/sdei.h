/* SPDX-License-Identifier: MIT */
/*
 * Software delegated exceptions (SDEI 1.1, DEN0054) for guests, as user space meets them: the
 * registers that switch them on and hold their state, the events there are, and how to raise one.
 *
 * State. Everything is in firmware pseudo-registers, read and written by KVM_GET_ONE_REG and
 * KVM_SET_ONE_REG on the vCPU's descriptor and listed by KVM_GET_REG_LIST in an order in which a
 * plain loop restores them. A program that knows nothing of SDEI saves and restores it by the
 * loop that it has. All are 64 bits wide. While the gate is closed none of them is listed, so that
 * such a guest also moves to a KVM without SDEI, and all but the gate are -ENOENT.
 *
 * "Slot" n is the nth event that exists. A slot's event is private (each vCPU has a state of it) or
 * shared (the VM has one). What belongs to the VM is one object: each vCPU shows it, and writing it
 * through any vCPU writes it for all. Saving or restoring it several times does no harm.
 *
 * Registers may be written in any order while no vCPU runs. A write fails with -EINVAL only for
 * what can never be right; whether the registers fit together is checked by the next KVM_RUN of
 * any vCPU, which fails with -EINVAL as long as they do not.
 */
#ifndef ARMATURE_SDEI_H
#define ARMATURE_SDEI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Registers ---- */

/* KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_FW | index */
#define AM_SDEI_REG(index) (UINT64_C(0x6030000000140000) | (index))

/*
 * VM. 0: guests find no SDEI (as after KVM_CREATE_VM); 1: SDEI 1.1. -EINVAL: any other value.
 * -EBUSY: a change after a vCPU ran. Closing the gate forgets all state.
 */
#define AM_SDEI_GATE 0x8000
/* VM, read only (equal values can be written): bit n: slot n exists. */
#define AM_SDEI_EVENTS 0x8001
/* vCPU. Bit 0: masked (PE_MASK), 1 after reset. */
#define AM_SDEI_PE_STATE 0x8002
/*
 * Bit n is about slot n; a bit without a slot is -EINVAL. Bits of private slots are the vCPU's,
 * those of shared slots the VM's; in RUNNING all are the vCPU's.
 *
 * The rules when a vCPU runs: ENABLED and PENDING only of what is REGISTERED; at most one normal
 * and one critical event RUNNING on a vCPU, a shared one on at most one vCPU. RUNNING without
 * REGISTERED is an event that was unregistered by its handler.
 *
 * PENDING says what was raised by software: its bit of a slot for bound interrupts is always 0 (1
 * is -EINVAL), since the interrupt is pending in the interrupt controller and migrates there.
 */
#define AM_SDEI_REGISTERED 0x8003
#define AM_SDEI_ENABLED	   0x8004
#define AM_SDEI_RUNNING	   0x8005
#define AM_SDEI_PENDING	   0x8006
/*
 * vCPU. What an event of priority @c (0 normal, 1 critical) interrupted: PC, PSTATE, x0 .. x17;
 * zero if none is running. A PSTATE that is not AArch64 EL0 or EL1 is -EINVAL.
 */
#define AM_SDEI_CONTEXT_PC(c)	  (0x8010u + 2 * (c))
#define AM_SDEI_CONTEXT_PSTATE(c) (0x8011u + 2 * (c))
#define AM_SDEI_CONTEXT_X(c, i)	  (0x8020u + 32 * (c) + (i))
/* VM, read only (equal values can be written): the number of slot n's event. */
#define AM_SDEI_SLOT_EVENT(n) (0x8100u + 4 * (n))
/*
 * What the guest registered for slot n, 0 if nothing: the handler's address (-EINVAL: not a
 * multiple of 4; 0 is wrong for what is REGISTERED), its argument, and for shared slots where it
 * goes: 0 for any vCPU, or AM_SDEI_ROUTE_PE and an affinity (bits 39:32 and 23:0). The route of a
 * private slot is 0. The affinity must be a vCPU's when one runs.
 */
#define AM_SDEI_SLOT_ENTRY(n)	 (0x8101u + 4 * (n))
#define AM_SDEI_SLOT_ARGUMENT(n) (0x8102u + 4 * (n))
#define AM_SDEI_SLOT_ROUTE(n)	 (0x8103u + 4 * (n))
#define AM_SDEI_ROUTE_PE	 (UINT64_C(1) << 63)
/*
 * VM. The interrupt that slot n is bound to (INTERRUPT_BIND), 0 for none: a PPI (16-31) in a
 * private slot, on each vCPU, an SPI (32-1019) in a shared one. Only slots whose event number is
 * AM_SDEI_EVENT_BOUND or above have it.
 */
#define AM_SDEI_SLOT_INTERRUPT(n) (0x8200u + (n))

/* ---- Events ---- */

#define AM_SDEI_EVENT_SOFTWARE	       0x0u	   /* private, normal; EVENT_SIGNAL */
#define AM_SDEI_EVENT_PRIVATE	       0x10u	   /* for VMMs: private, normal */
#define AM_SDEI_EVENT_PRIVATE_CRITICAL 0x11u	   /* ... private, critical */
#define AM_SDEI_EVENT_SHARED	       0x12u	   /* ... shared, normal */
#define AM_SDEI_EVENT_SHARED_CRITICAL  0x13u	   /* ... shared, critical */
#define AM_SDEI_EVENT_BOUND	       0x40000000u /* the first that INTERRUPT_BIND gives out */

/* Whichever vCPU the event can go to. */
#define AM_SDEI_ANY UINT64_MAX

/*
 * Raise @event in the guest of the VM @vm_fd. @target is the affinity (as in MPIDR_EL1, bits 39:32
 * and 23:0) of the vCPU that gets a private event; AM_SDEI_ANY takes the first that would handle it
 * at once, or else the first that registered it. A shared event goes where the guest routed it, and
 * @target is AM_SDEI_ANY. An event that is pending already stays pending once.
 *
 * Any thread, at any time; returns without waiting for the guest. 0, or
 * -EBADF   @vm_fd is not a VM's descriptor
 * -EIO     the VM is another process's, or its set-up has failed
 * -ENODEV  the gate is closed
 * -EINVAL  the event is not one of those above, or is a bound one; a target for a shared event
 * -ENXIO   no vCPU has this affinity
 * -EAGAIN  the guest has not registered the event: it is dropped
 */
int am_sdei_inject(int vm_fd, uint32_t event, uint64_t target);

/* The same for programs that know ioctls only: KVM_SET_DEVICE_ATTR on the VM's descriptor. */
#define AM_SDEI_VM_CTRL	  0x41530000u /* group */
#define AM_SDEI_VM_INJECT 0u	      /* attribute: struct am_sdei_injection */

struct am_sdei_injection {
	uint32_t event;
	uint32_t flags; /* 0 */
	uint64_t target;
	uint64_t pad; /* 0 */
};

enum am_sdei_status {
	AM_SDEI_HANDLED,   /* EVENT_COMPLETE with status 0, or EVENT_COMPLETE_AND_RESUME */
	AM_SDEI_FAILED,	   /* EVENT_COMPLETE with any other status */
	AM_SDEI_ABANDONED, /* the vCPU was reset in the handler */
};

/*
 * An event's handler has come to an end on the vCPU with affinity @vcpu. Called by the thread that
 * runs this vCPU, with no lock held: it may raise events.
 */
typedef void am_sdei_handled(void *opaque, uint64_t vcpu, uint32_t event,
			     enum am_sdei_status status);

/* Call @handled for each event from now on; NULL: nobody. -EBUSY: a vCPU has run. -EBADF. */
int am_sdei_on_handled(int vm_fd, am_sdei_handled *handled, void *opaque);

#ifdef __cplusplus
}
#endif

#endif
