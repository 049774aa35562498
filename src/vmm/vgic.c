/* SPDX-License-Identifier: MIT */
/*
 * The machine's interrupt controller, as devices of KVM's: a GICv2, or a GICv3 with an ITS.
 *
 * The order works with any KVM: the GIC is complete before its ITS is made (the ITS resets
 * GICR_PROPBASER, so it comes before any state), and the ITS has an address before a vCPU runs.
 */
#include <errno.h>
#include <string.h>

#include <armature/kvm.h>

#include "vmm/machine.h"
#include "vmm/report.h"

/* QEMU's "virt" has 256 SPIs behind the 32 private interrupts. */
#define NR_IRQS 288u

static int failed(struct machine *m, const char *what)
{
	return vmm_fail(VMM_HOST, "%s: %s failed: %s", m->be->name, what, strerror(errno));
}

static int device_attr(struct machine *m, int fd, unsigned long request, uint32_t group,
		       uint64_t attr, const void *value)
{
	struct kvm_device_attr a = {
	    .group = group,
	    .attr = attr,
	    .addr = (uintptr_t)value,
	};

	return m->be->ioctl(fd, request, (unsigned long)&a);
}

int vgic_set(struct machine *m, uint32_t group, uint64_t attr, const void *value)
{
	return device_attr(m, m->gic_fd, KVM_SET_DEVICE_ATTR, group, attr, value);
}

int vgic_get(struct machine *m, uint32_t group, uint64_t attr, void *value)
{
	return device_attr(m, m->gic_fd, KVM_GET_DEVICE_ATTR, group, attr, value);
}

int vgic_its_set(struct machine *m, uint32_t group, uint64_t attr, uint64_t value)
{
	return device_attr(m, m->its_fd, KVM_SET_DEVICE_ATTR, group, attr, &value);
}

int vgic_its_get(struct machine *m, uint32_t group, uint64_t attr, uint64_t *value)
{
	return device_attr(m, m->its_fd, KVM_GET_DEVICE_ATTR, group, attr, value);
}

static int create_device(struct machine *m)
{
	struct kvm_create_device d = {
	    .type = m->map.gic_version == 2 ? KVM_DEV_TYPE_ARM_VGIC_V2 : KVM_DEV_TYPE_ARM_VGIC_V3,
	};

	if (m->be->ioctl(m->vm_fd, KVM_CREATE_DEVICE, (unsigned long)&d) < 0) {
		if (errno == ENODEV)
			return vmm_fail(VMM_HOST,
					"%s: no GICv%u is offered here: try another "
					"--gic-version",
					m->be->name, m->map.gic_version);
		return failed(m, "creating the interrupt controller");
	}
	m->gic_fd = (int)d.fd;
	return 0;
}

static int place_v2(struct machine *m)
{
	const uint64_t dist = LAYOUT_GICD, cpu = LAYOUT_GICC;

	if (vgic_set(m, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_DIST, &dist) < 0)
		return failed(m, "placing the GIC's distributor");
	if (vgic_set(m, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_CPU, &cpu) < 0)
		return failed(m, "placing the GIC's CPU interface");
	return 0;
}

static int place_v3(struct machine *m)
{
	const uint64_t dist = LAYOUT_GICD;

	if (vgic_set(m, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist) < 0)
		return failed(m, "placing the GIC's distributor");
	for (unsigned i = 0; i < m->map.nr_gicr; i++) {
		const struct layout_gicr *r = &m->map.gicr[i];
		uint64_t region = (uint64_t)r->count << 52 | r->base | i;

		if (vgic_set(m, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION,
			     &region) < 0)
			return failed(m, "placing the GIC's redistributors");
	}
	return 0;
}

bool vgic_offers_its(struct machine *m)
{
	struct kvm_create_device d = {.type = KVM_DEV_TYPE_ARM_VGIC_ITS,
				      .flags = KVM_CREATE_DEVICE_TEST};
	bool offered;
	int vm;

	if (m->map.gic_version == 2 ||
	    m->be->ioctl(m->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SIGNAL_MSI) <= 0)
		return false;
	/* Only a VM can be asked. */
	vm = m->be->ioctl(m->kvm_fd, KVM_CREATE_VM, m->vm_type);
	offered = vm >= 0 && m->be->ioctl(vm, KVM_CREATE_DEVICE, (unsigned long)&d) == 0;
	if (vm >= 0)
		m->be->close(vm);
	return offered;
}

static int create_its(struct machine *m)
{
	struct kvm_create_device d = {.type = KVM_DEV_TYPE_ARM_VGIC_ITS};

	if (m->be->ioctl(m->vm_fd, KVM_CREATE_DEVICE, (unsigned long)&d) < 0)
		return failed(m, "creating the ITS");
	m->its_fd = (int)d.fd;
	if (vgic_its_set(m, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, LAYOUT_ITS) < 0)
		return failed(m, "placing the ITS");
	if (vgic_its_set(m, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0) < 0)
		return failed(m, "starting the ITS");
	return 0;
}

int vgic_create(struct machine *m)
{
	const uint32_t irqs = NR_IRQS;
	int status = create_device(m);

	if (!status)
		status = m->map.gic_version == 2 ? place_v2(m) : place_v3(m);
	if (status)
		return status;
	if (vgic_set(m, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs) < 0)
		return failed(m, "setting the GIC's interrupt count");
	if (vgic_set(m, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL) < 0)
		return failed(m, "starting the GIC");
	return m->has_its ? create_its(m) : 0;
}
