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
	uint64_t size = m->map.ram_size;
	uint64_t skip;
	uint8_t *p = mmap(NULL, size + LAYOUT_RAM_ALIGN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return vmm_fail(VMM_HOST,
				"cannot get %llu MiB of memory for the guest: %s: give less "
				"--memory",
				(unsigned long long)(size >> 20), strerror(errno));
	skip = -(uintptr_t)p & (LAYOUT_RAM_ALIGN - 1);
	if (skip)
		munmap(p, skip);
	if (skip != LAYOUT_RAM_ALIGN)
		munmap(p + skip + size, LAYOUT_RAM_ALIGN - skip);
	m->ram = p + skip;
	m->dma = (struct dma){m->ram, m->map.ram_base, size};
	/* Advice only: the guest runs without as well. */
	madvise(m->ram, size, MADV_HUGEPAGE);
	madvise(m->ram, size, MADV_DONTDUMP);
	return 0;
}

static int add_ram(struct machine *m)
{
	uint64_t size;

	for (uint64_t at = 0; at < m->map.ram_size; at += size) {
		struct kvm_userspace_memory_region slot = {
		    .slot = (uint32_t)(at / LAYOUT_SLOT_MAX),
		    .guest_phys_addr = m->map.ram_base + at,
		    .userspace_addr = (uintptr_t)m->ram + at,
		};

		size = m->map.ram_size - at;
		if (size > LAYOUT_SLOT_MAX)
			size = LAYOUT_SLOT_MAX;
		slot.memory_size = size;
		if (vm_ioctl(m, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return host_failed(m, "adding RAM");
	}
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

/* All but RAM, which is there. */
static int create_accelerated(struct machine *m)
{
	int status, size;

	m->vm_fd = m->be->ioctl(m->kvm_fd, KVM_CREATE_VM, m->vm_type);
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
		status = vgic_create(m);
	if (!status)
		status = machine_open_sdei(m);
	return status;
}

/* What the guest's physical address space looks like: the same for every boot. */
static int plan(struct machine *m)
{
	int limit = m->be->ioctl(m->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	int status;

	if (limit < 0)
		return host_failed(m, "asking for the size of guest addresses");
	status = layout_plan(&m->map, m->opt, (unsigned)limit);
	/* Without that capability the only type there is has 40 bits. */
	m->vm_type = limit ? KVM_VM_TYPE_ARM_IPA_SIZE(m->map.ipa_bits) : 0;
	if (!status && limit && m->map.ipa_bits < LAYOUT_IPA_USUAL && !m->opt->ipa_bits)
		vmm_say("guest physical addresses have %u bits: the host offers no more "
			"(--ipa-bits)",
			m->map.ipa_bits);
	return status;
}

static void destroy_accelerated(struct machine *m)
{
	lines_hold(m);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_destroy(&m->vcpus[i]);
	free(m->vcpus);
	free(m->mpidr);
	m->vcpus = NULL;
	m->mpidr = NULL;
	m->nr_vcpus = 0;
	if (m->its_fd >= 0)
		m->be->close(m->its_fd);
	if (m->gic_fd >= 0)
		m->be->close(m->gic_fd);
	if (m->vm_fd >= 0)
		m->be->close(m->vm_fd);
	m->its_fd = m->gic_fd = m->vm_fd = -1;
}

int machine_create_vm(struct machine *m)
{
	int status = create_ram(m);

	if (!status)
		status = create_accelerated(m);
	if (status)
		machine_destroy_vm(m);
	return status;
}

int machine_recreate_vm(struct machine *m)
{
	destroy_accelerated(m);
	return create_accelerated(m);
}

void machine_destroy_vm(struct machine *m)
{
	devices_stop(m);
	destroy_accelerated(m);
	if (m->ram)
		munmap(m->ram, m->map.ram_size);
	m->ram = NULL;
	m->dma = (struct dma){.ram = NULL};
}

void machine_end(struct machine *m, enum machine_end why)
{
	int none = END_NONE;

	atomic_compare_exchange_strong(&m->end, &none, why);
	/* Ctrl-A x and failures also end a machine that is on its way to a reset. */
	if (none == END_RESET && (why == END_QUIT || why == END_HOST))
		atomic_compare_exchange_strong(&m->end, &none, why);
	machine_wake(m);
}

void machine_wake(struct machine *m)
{
	uint64_t one = 1;

	/* It only fails when the counter is full, and then the main thread is awake anyway. */
	if (write(m->event_fd, &one, sizeof(one)) < 0)
		return;
}

int machine_init(struct machine *m, const struct options *opt)
{
	int version, status;

	memset(m, 0, sizeof(*m));
	m->opt = opt;
	m->kvm_fd = m->vm_fd = m->gic_fd = m->its_fd = m->signal_fd = -1;
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
	status = plan(m);
	if (status)
		return status;
	m->has_its = vgic_offers_its(m);
	m->devices = true;
	return devices_init(m);
}

void machine_finish(struct machine *m)
{
	if (m->devices) {
		machine_destroy_vm(m);
		devices_finish(m);
	}
	if (m->be)
		m->be->close(m->kvm_fd);
	if (m->event_fd >= 0)
		close(m->event_fd);
	if (m->rtc_fd >= 0)
		close(m->rtc_fd);
	if (m->signal_fd >= 0)
		close(m->signal_fd);
}
