/* SPDX-License-Identifier: MIT */
/* What interrupt numbers of user space mean (irqfd.h). */
#include <armature/its.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vm/route.h"
#include "vm/vm.h"

/* The errors of one entry, in KVM's order. */
static int add_route(struct vm_routes *r, const struct kvm_irq_routing_entry *e)
{
	struct vm_route *to = &r->gsi[e->gsi];
	uint32_t known = e->type == KVM_IRQ_ROUTING_MSI ? KVM_MSI_VALID_DEVID : 0;

	/* There is one interrupt controller, so a number has one meaning. */
	if ((e->flags & ~known) || to->type)
		return -EINVAL;
	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (e->u.irqchip.irqchip || e->u.irqchip.pin >= VM_NR_PINS)
			return -EINVAL;
		to->pin = e->u.irqchip.pin;
		r->gsi_of_pin[to->pin] = (uint16_t)e->gsi;
		break;
	case KVM_IRQ_ROUTING_MSI:
		to->msi = (struct vm_msi){
		    .address = e->u.msi.address_lo | (uint64_t)e->u.msi.address_hi << 32,
		    .data = e->u.msi.data,
		    .devid = e->u.msi.devid,
		    .has_devid = e->flags & KVM_MSI_VALID_DEVID,
		};
		break;
	default:
		return -EINVAL;
	}
	to->type = (uint8_t)e->type;
	return 0;
}

static struct vm_routes *routes_create(unsigned nr)
{
	struct vm_routes *r = calloc(1, sizeof(*r) + nr * sizeof(r->gsi[0]));

	if (!r)
		return NULL;
	r->nr = nr;
	memset(r->gsi_of_pin, 0xff, sizeof(r->gsi_of_pin)); /* VM_NO_GSI */
	return r;
}

static void replace(struct vm *vm, struct vm_routes *r)
{
	pthread_mutex_lock(&vm->irqs.lock);
	struct vm_routes *old = vm->irqs.routes;

	vm->irqs.routes = r;
	pthread_mutex_unlock(&vm->irqs.lock);
	free(old);
}

int vm_set_routes(struct vm *vm, const struct kvm_irq_routing_entry *e, unsigned n)
{
	struct vm_routes *r;
	uint32_t nr = 0;
	int err = 0;

	for (unsigned k = 0; k < n; k++) {
		if (e[k].gsi >= VM_MAX_GSIS)
			return -EINVAL;
		if (e[k].gsi >= nr)
			nr = e[k].gsi + 1;
	}
	r = routes_create(nr);
	if (!r)
		return -ENOMEM;
	for (unsigned k = 0; k < n && !err; k++)
		err = add_route(r, &e[k]);
	if (err)
		free(r);
	else
		replace(vm, r);
	return err;
}

int vm_default_routes(struct vm *vm)
{
	unsigned nr = am_gic_nr_irqs(vm_gic(vm)) - 32;
	struct vm_routes *r = routes_create(nr);

	if (!r)
		return -ENOMEM;
	for (unsigned n = 0; n < nr; n++) {
		struct kvm_irq_routing_entry e = {.gsi = n, .type = KVM_IRQ_ROUTING_IRQCHIP};

		e.u.irqchip.pin = n;
		add_route(r, &e);
	}
	replace(vm, r);
	return 0;
}

static int send_msi(struct vm *vm, const struct vm_msi *m)
{
	return am_gic_msi(vm_gic(vm), m->address, m->has_devid, m->devid, m->data);
}

int vm_send_msi(struct vm *vm, const struct vm_msi *m)
{
	int r;

	/* An ITS that is being restored must not be asked. */
	pthread_mutex_lock(&vm->irqs.lock);
	r = send_msi(vm, m);
	pthread_mutex_unlock(&vm->irqs.lock);
	return r;
}

/* With vm->irqs.lock held. */
int vm_gsi_set(struct vm *vm, uint32_t gsi, bool level)
{
	const struct vm_routes *r = vm->irqs.routes;

	if (!r || gsi >= r->nr || !r->gsi[gsi].type)
		return -EINVAL;
	if (r->gsi[gsi].type == KVM_IRQ_ROUTING_MSI)
		return level ? send_msi(vm, &r->gsi[gsi].msi) : 0;
	return am_gic_set_spi(vm_gic(vm), r->gsi[gsi].pin + 32, level);
}
