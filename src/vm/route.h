/* SPDX-License-Identifier: MIT */
/* The table of interrupt numbers (route.c), for those who use it under vm->irqs.lock. */
#ifndef AM_VM_ROUTE_H
#define AM_VM_ROUTE_H

#include <stdint.h>

#include "vm/irqfd.h"

#define VM_NO_GSI 0xffffu

struct vm_route {
	uint8_t type; /* KVM_IRQ_ROUTING_*, 0: nothing */
	uint32_t pin;
	struct vm_msi msi;
};

struct vm_routes {
	uint16_t gsi_of_pin[VM_NR_PINS]; /* the last one that was given */
	unsigned nr;
	struct vm_route gsi[];
};

#endif
