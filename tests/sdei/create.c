/* SPDX-License-Identifier: MIT */
/* The VM of machine.h: made, and closed. */
#include "machine.h"

#include <err.h>
#include <sys/mman.h>

int machine_ioctl(int fd, unsigned long request, const void *arg, const char *what)
{
	int r = am_kvm_ioctl(fd, request, (uintptr_t)arg);

	if (r < 0)
		err(1, "%s", what);
	return r;
}

void machine_gic(struct machine *m, unsigned long request, uint32_t group, uint64_t attr,
		 void *value)
{
	struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (uintptr_t)value};

	if (am_kvm_ioctl(m->gic, request, (uintptr_t)&a) < 0)
		err(1, "attribute %u:%#llx of the GIC", group, (unsigned long long)attr);
}

static void create_gic(struct machine *m)
{
	struct kvm_create_device d = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	uint64_t dist = GICD, redist = GICR;
	uint32_t irqs = NR_IRQS;

	machine_ioctl(m->vm, KVM_CREATE_DEVICE, &d, "KVM_CREATE_DEVICE");
	m->gic = (int)d.fd;
	machine_gic(m, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST,
		    &dist);
	machine_gic(m, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST,
		    &redist);
	machine_gic(m, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs);
	machine_gic(m, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
		    NULL);
}

static void create_vcpu(struct machine *m, unsigned n)
{
	struct machine_vcpu *v = &m->vcpu[n];
	struct kvm_vcpu_init init = {0};

	v->m = m;
	v->n = n;
	v->fd = am_kvm_ioctl(m->vm, KVM_CREATE_VCPU, n);
	if (v->fd < 0)
		err(1, "KVM_CREATE_VCPU");
	v->run = am_kvm_mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		err(1, "struct kvm_run");
	machine_ioctl(m->vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (n)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	machine_ioctl(v->fd, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
}

/* Any vCPU's thread calls this, with no lock of ours held. */
static void handled(void *opaque, uint64_t vcpu, uint32_t event, enum am_sdei_status status)
{
	struct machine *m = opaque;

	atomic_fetch_add(&m->ended[status], 1);
}

void machine_build(struct machine *m)
{
	struct kvm_userspace_memory_region r = {
	    .guest_phys_addr = RAM, .memory_size = RAM_SIZE, .userspace_addr = (uintptr_t)m->ram};

	m->vm = machine_ioctl(m->kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	machine_ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &r, "KVM_SET_USER_MEMORY_REGION");
	/* vCPUs first: the GIC's redistributors are those of the vCPUs there are. */
	for (unsigned n = 0; n < m->nr; n++)
		create_vcpu(m, n);
	create_gic(m);
	if (am_sdei_on_handled(m->vm, handled, m))
		errx(1, "am_sdei_on_handled");
}

void machine_close(struct machine *m)
{
	for (unsigned n = 0; n < m->nr; n++) {
		am_kvm_munmap(m->vcpu[n].run, m->run_size);
		am_kvm_close(m->vcpu[n].fd);
	}
	am_kvm_close(m->gic);
	am_kvm_close(m->vm);
}
