/* SPDX-License-Identifier: MIT */
/* Building the accelerator's part of the machine, by the KVM ABI. */
#include "vmm/machine.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <armature/kvm.h>

#include "vmm/report.h"

/* QEMU's "virt" has 256 SPIs behind the 32 private interrupts. */
#define NR_IRQS	  288u
#define RAM_ALIGN (UINT64_C(2) << 20)

static int vm_ioctl(struct machine *m, unsigned long req, void *arg)
{
	return m->be->ioctl(m->vm_fd, req, (unsigned long)arg);
}

static int host_failed(struct machine *m, const char *what)
{
	return vmm_fail(VMM_HOST, "%s: %s failed: %s", m->be->name, what, strerror(errno));
}

/*
 * RAM is reserved address space until the guest touches it. Large pages make both the guest's page
 * faults and the software CPU's address translation cheaper, so it is aligned for them.
 */
static int create_ram(struct machine *m)
{
	uint64_t size = m->opt->memory;
	uint64_t skip;
	uint8_t *p = mmap(NULL, size + RAM_ALIGN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return vmm_fail(VMM_HOST,
				"cannot get %llu MiB of memory for the guest: %s: give less "
				"--memory",
				(unsigned long long)(size >> 20), strerror(errno));
	skip = -(uintptr_t)p & (RAM_ALIGN - 1);
	if (skip)
		munmap(p, skip);
	if (skip != RAM_ALIGN)
		munmap(p + skip + size, RAM_ALIGN - skip);
	m->ram = p + skip;
	m->ram_size = size;
	/* Advice only: the guest runs without as well. */
	madvise(m->ram, size, MADV_HUGEPAGE);
	madvise(m->ram, size, MADV_DONTDUMP);
	return 0;
}

static int add_ram(struct machine *m)
{
	struct kvm_userspace_memory_region slot = {
	    .slot = 0,
	    .guest_phys_addr = LAYOUT_RAM,
	    .memory_size = m->ram_size,
	    .userspace_addr = (uintptr_t)m->ram,
	};

	if (vm_ioctl(m, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return host_failed(m, "adding RAM");
	return 0;
}

static int gic_set(struct machine *m, uint32_t group, uint64_t attr, void *value)
{
	struct kvm_device_attr a = {
	    .group = group,
	    .attr = attr,
	    .addr = (uintptr_t)value,
	};

	return m->be->ioctl(m->gic_fd, KVM_SET_DEVICE_ATTR, (unsigned long)&a);
}

static int create_gic(struct machine *m)
{
	struct kvm_create_device d = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	uint64_t dist = LAYOUT_GICD;
	uint32_t irqs = NR_IRQS;

	if (vm_ioctl(m, KVM_CREATE_DEVICE, &d) < 0)
		return host_failed(m, "creating a GICv3");
	m->gic_fd = (int)d.fd;
	if (gic_set(m, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist) < 0)
		return host_failed(m, "placing the GIC's distributor");
	for (unsigned i = 0; i < m->nr_gicr; i++) {
		uint64_t region = (uint64_t)m->gicr[i].count << 52 | m->gicr[i].base | i;

		if (gic_set(m, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION,
			    &region) < 0)
			return host_failed(m, "placing the GIC's redistributors");
	}
	if (gic_set(m, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs) < 0)
		return host_failed(m, "setting the GIC's interrupt count");
	if (gic_set(m, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL) < 0)
		return host_failed(m, "starting the GIC");
	return 0;
}

static int create_vcpus(struct machine *m)
{
	unsigned n = m->opt->cpus;

	m->vcpus = calloc(n, sizeof(*m->vcpus));
	m->mpidr = calloc(n, sizeof(*m->mpidr));
	if (!m->vcpus || !m->mpidr)
		return vmm_fail(VMM_HOST, "not enough memory for %u CPUs", n);
	for (unsigned i = 0; i < n; i++) {
		int status = vcpu_create(m, &m->vcpus[i], i);

		m->nr_vcpus = i + 1;
		if (status)
			return status;
		if (vcpu_get_reg(&m->vcpus[i], ARM64_SYS_REG(3, 0, 0, 0, 5), &m->mpidr[i]) < 0)
			return host_failed(m, "reading MPIDR_EL1");
	}
	return 0;
}

/* Accesses that the hardware cannot describe come here, rather than end the guest's run. */
static void enable_nisv(struct machine *m)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_NISV_TO_USER};

	m->nisv = m->be->ioctl(m->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_NISV_TO_USER) > 0 &&
		  m->be->ioctl(m->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_INJECT_EXT_DABT) > 0 &&
		  vm_ioctl(m, KVM_ENABLE_CAP, &cap) == 0;
}

static int create_parts(struct machine *m)
{
	int status = create_ram(m);
	int size;

	if (status)
		return status;
	m->vm_fd = m->be->ioctl(m->kvm_fd, KVM_CREATE_VM, 0);
	if (m->vm_fd < 0)
		return host_failed(m, "creating a VM");
	size = m->be->ioctl(m->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return host_failed(m, "asking for the size of a vCPU's mapping");
	m->run_size = (size_t)size;
	enable_nisv(m);
	status = add_ram(m);
	if (!status)
		status = create_vcpus(m);
	if (!status)
		status = create_gic(m);
	return status;
}

int machine_create_vm(struct machine *m)
{
	int status;

	m->nr_gicr = layout_redistributors(m->opt->cpus, m->opt->memory, m->gicr);
	if (!m->nr_gicr)
		return vmm_fail(VMM_USAGE,
				"--cpus %u with this much --memory: the guest's address "
				"space has no room: give less of one",
				m->opt->cpus);
	status = create_parts(m);
	if (status)
		machine_destroy_vm(m);
	return status;
}

void machine_destroy_vm(struct machine *m)
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_destroy(&m->vcpus[i]);
	free(m->vcpus);
	free(m->mpidr);
	m->vcpus = NULL;
	m->mpidr = NULL;
	m->nr_vcpus = 0;
	if (m->gic_fd >= 0)
		m->be->close(m->gic_fd);
	if (m->vm_fd >= 0)
		m->be->close(m->vm_fd);
	m->gic_fd = m->vm_fd = -1;
	if (m->ram)
		munmap(m->ram, m->ram_size);
	m->ram = NULL;
}

void machine_end(struct machine *m, enum machine_end why)
{
	int none = END_NONE;
	uint64_t one = 1;

	atomic_compare_exchange_strong(&m->end, &none, why);
	/* Ctrl-A x and failures also end a machine that is on its way to a reset. */
	if (none == END_RESET && (why == END_QUIT || why == END_HOST))
		atomic_compare_exchange_strong(&m->end, &none, why);
	/* It only fails when the counter is full, and then the main thread is awake anyway. */
	if (write(m->event_fd, &one, sizeof(one)) < 0)
		return;
}

int machine_init(struct machine *m, const struct options *opt)
{
	int version, status;

	memset(m, 0, sizeof(*m));
	m->opt = opt;
	m->kvm_fd = m->vm_fd = m->gic_fd = m->signal_fd = -1;
	m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->rtc_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->event_fd < 0 || m->rtc_fd < 0)
		return vmm_fail(VMM_HOST, "cannot make a file descriptor: %s", strerror(errno));
	status = backend_choose(opt->accel, &m->be, &m->kvm_fd);
	if (status)
		return status;
	version = m->be->ioctl(m->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return vmm_fail(VMM_HOST, "%s: KVM API version %d, not %d", m->be->name, version,
				KVM_API_VERSION);
	return devices_init(m);
}

void machine_finish(struct machine *m)
{
	machine_destroy_vm(m);
	if (m->be) {
		devices_finish(m);
		m->be->close(m->kvm_fd);
	}
	if (m->event_fd >= 0)
		close(m->event_fd);
	if (m->rtc_fd >= 0)
		close(m->rtc_fd);
	if (m->signal_fd >= 0)
		close(m->signal_fd);
}
