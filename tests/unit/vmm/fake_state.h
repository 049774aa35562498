/* SPDX-License-Identifier: MIT */
/*
 * What the stand-in of fake_kvm.h remembers of a VM's state: registers and attributes of the
 * interrupt controller. In a VM that has "run", each has a value of its own to begin with, worked
 * out from its name; in any other it is zero. What is written is also kept as a list, in order.
 */
#ifndef TEST_FAKE_STATE_H
#define TEST_FAKE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_kind {
	FAKE_REG,
	FAKE_ATTR,
	FAKE_ITS, /* a register of the ITS */
	FAKE_POWER,
	FAKE_EVENTS,
};

/* The group of commands (GRP_CTRL) to the interrupt controller or the ITS; their value is zero. */
#define FAKE_COMMAND 4

struct fake_write {
	enum fake_kind kind;
	unsigned vcpu;	/* of a register */
	uint32_t group; /* of an attribute */
	uint64_t name;	/* register or attribute */
	uint64_t value; /* the first 8 bytes */
};

#define FAKE_MAX_WRITES 20000

extern struct fake_write fake_writes[FAKE_MAX_WRITES];
extern unsigned fake_nr_writes;

/* New VMs have run. */
extern bool fake_has_run;
/* SET_ONE_REG of this register fails with EINVAL, also with the value it has. */
extern uint64_t fake_stubborn;

/* The value that a register or attribute has in a VM that has run. */
uint64_t fake_value(unsigned vcpu, uint32_t group, uint64_t name);

/* For fake_kvm.c: a new VM; ioctls of a vCPU and of the interrupt controller. */
void fake_state_new_vm(void);
int fake_state_vcpu(unsigned vcpu, unsigned long req, unsigned long arg);
/* A command is only noted; @kind: FAKE_ATTR or FAKE_ITS. */
int fake_state_command(enum fake_kind kind, uint64_t attr);
int fake_state_its(unsigned long req, uint64_t offset, void *value);
int fake_state_gic(unsigned long req, uint32_t group, uint64_t attr, void *value);

#endif
