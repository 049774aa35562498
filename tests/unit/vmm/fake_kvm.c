/* SPDX-License-Identifier: MIT */
/* See fake_kvm.h. Descriptors are small numbers: 100 system, 200 VM, 300 GIC, 400 ITS, 1000 + id
 * vCPUs. */
#include "fake_kvm.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <armature/armature.h>
#include <armature/kvm.h>

#include "fake_state.h"

#define UART	 0x09000000u
#define RUN_SIZE 8192

enum { FD_SYSTEM = 100, FD_VM = 200, FD_GIC = 300, FD_ITS = 400, FD_VCPU = 1000 };

enum { DR = 0, FR = 0x18, LCR = 0x2c, CR = 0x30, IMSC = 0x38, MIS = 0x40, ICR = 0x44 };

struct fake_seen fake_seen;
int fake_ipa_limit = 48;
bool fake_no_its;

static struct kvm_run *runs[512];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool irq; /* under lock */

/* The guest on vCPU 0: the next access it makes, and what it does with the answer. */
static struct {
	const char *print;
	unsigned setup;
	unsigned left; /* of the long output */
	bool reading_mis, clearing, reading_fr, reading_dr;
} guest;

void fake_reset_seen(void)
{
	memset(&fake_seen, 0, sizeof(fake_seen));
}

bool fake_line(void)
{
	bool level;

	pthread_mutex_lock(&lock);
	level = irq;
	pthread_mutex_unlock(&lock);
	return level;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

int am_kvm_open(void)
{
	fake_seen.open_fds++;
	return FD_SYSTEM;
}

int am_kvm_close(int fd)
{
	fake_seen.open_fds--;
	if (fd == FD_VM)
		fake_seen.vms_closed++;
	return 0;
}

bool am_kvm_owns(int fd)
{
	return fd >= FD_SYSTEM;
}

int am_kvm_set_ipa_limit(unsigned bits)
{
	return 0;
}

int am_trace_to_stderr(const char *pattern)
{
	return -EINVAL;
}

const char *am_trace_point(unsigned n)
{
	return NULL;
}

void *am_kvm_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED && fd >= FD_VCPU)
		runs[fd - FD_VCPU] = p;
	return p;
}

int am_kvm_munmap(void *addr, size_t len)
{
	return munmap(addr, len);
}

static int exit_mmio(struct kvm_run *run, uint64_t addr, bool write, uint32_t value)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = addr;
	run->mmio.len = 4;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	memcpy(run->mmio.data, &value, 4);
	return 0;
}

static int exit_event(struct kvm_run *run, uint32_t type)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = type;
	return 0;
}

static int obey(struct kvm_run *run, uint8_t c)
{
	switch (c) {
	case 'Q':
		return exit_event(run, KVM_SYSTEM_EVENT_SHUTDOWN);
	case 'R':
		return exit_event(run, KVM_SYSTEM_EVENT_RESET);
	case 'C':
		return exit_event(run, KVM_SYSTEM_EVENT_CRASH);
	case 'E':
		return fail(EFAULT);
	case 'U':
		run->exit_reason = KVM_EXIT_DEBUG;
		return 0;
	case 'N':
		return exit_mmio(run, 0x0a000000, false, 0);
	case 'P':
		guest.left = 200000;
		break;
	default:
		break;
	}
	return exit_mmio(run, UART + DR, true, c);
}

/* What a driver does: empty the FIFO, switch on, unmask; then print. */
static int start_up(struct kvm_run *run)
{
	static const struct {
		uint32_t reg, value;
	} steps[] = {{CR, 0x301}, {LCR, 0x70}, {ICR, 0x7ff}, {IMSC, 0x50}};
	unsigned i = guest.setup++;

	return exit_mmio(run, UART + steps[i].reg, true, steps[i].value);
}

static int run_guest(struct kvm_run *run)
{
	bool pending;

	if (guest.setup < 4)
		return start_up(run);
	if (*guest.print)
		return exit_mmio(run, UART + DR, true, (uint8_t)*guest.print++);
	if (guest.left)
		return exit_mmio(run, UART + DR, true, guest.left-- % 64 ? '.' : '\n');
	if (guest.reading_dr) {
		guest.reading_dr = false;
		guest.clearing = true;
		return obey(run, run->mmio.data[0]);
	}
	/* As an interrupt handler does: its cause, acknowledge it, then empty the FIFO. */
	if (guest.reading_mis) {
		guest.reading_mis = false;
		guest.clearing = true;
		return exit_mmio(run, UART + ICR, true, run->mmio.data[0]);
	}
	if (guest.clearing) {
		guest.clearing = false;
		guest.reading_fr = true;
		return exit_mmio(run, UART + FR, false, 0);
	}
	if (guest.reading_fr) {
		guest.reading_fr = false;
		if (!(run->mmio.data[0] & 0x10)) {
			guest.reading_dr = true;
			return exit_mmio(run, UART + DR, false, 0);
		}
	}
	pthread_mutex_lock(&lock);
	pending = irq;
	pthread_mutex_unlock(&lock);
	if (pending) {
		guest.reading_mis = true;
		return exit_mmio(run, UART + MIS, false, 0);
	}
	return 1;
}

static int vcpu_run(unsigned id)
{
	struct kvm_run *run = runs[id];

	for (;;) {
		int r;

		if (__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST)) {
			run->exit_reason = KVM_EXIT_INTR;
			return fail(EINTR);
		}
		r = id ? 1 : run_guest(run);
		if (r <= 0)
			return r;
		usleep(200);
	}
}

static void see_reg(const struct kvm_one_reg *r)
{
	const uint64_t core = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;

	if (r->id == (core | 0x40))
		memcpy(&fake_seen.pc, (void *)(uintptr_t)r->addr, 8);
	else if (r->id == core)
		memcpy(&fake_seen.x0, (void *)(uintptr_t)r->addr, 8);
}

static int vcpu_ioctl(unsigned id, unsigned long req, unsigned long arg)
{
	if (req == KVM_RUN)
		return vcpu_run(id);
	if (req == KVM_SET_ONE_REG)
		see_reg((void *)arg);
	if (req == KVM_ARM_VCPU_INIT) {
		fake_seen.power_off += ((struct kvm_vcpu_init *)arg)->features[0] & 1;
		return 0;
	}
	return fake_state_vcpu(id, req, arg);
}

static int place_gic(const struct kvm_device_attr *a)
{
	uint64_t v;

	memcpy(&v, (void *)(uintptr_t)a->addr, 8);
	if (a->attr == KVM_VGIC_V3_ADDR_TYPE_DIST || a->attr == KVM_VGIC_V2_ADDR_TYPE_DIST)
		fake_seen.dist = v;
	else if (a->attr == KVM_VGIC_V2_ADDR_TYPE_CPU)
		fake_seen.gicc = v;
	else if (fake_seen.nr_redist < 4)
		fake_seen.redist[fake_seen.nr_redist++] = v;
	return 0;
}

static int gic_ioctl(unsigned long req, struct kvm_device_attr *a)
{
	switch (a->group) {
	case KVM_DEV_ARM_VGIC_GRP_CTRL:
		if (a->attr != KVM_DEV_ARM_VGIC_CTRL_INIT)
			return fake_state_command(FAKE_ATTR, a->attr);
		fake_seen.initialised_gics++;
		return 0;
	case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
		if (req == KVM_SET_DEVICE_ATTR)
			memcpy(&fake_seen.nr_irqs, (void *)(uintptr_t)a->addr, 4);
		else
			memcpy((void *)(uintptr_t)a->addr, &fake_seen.nr_irqs, 4);
		return 0;
	case KVM_DEV_ARM_VGIC_GRP_ADDR:
		return place_gic(a);
	default:
		return fake_state_gic(req, a->group, a->attr, (void *)(uintptr_t)a->addr);
	}
}

/* As KVM: an ITS after its GIC, with an address before anything else. */
static int create_device(struct kvm_create_device *d)
{
	if (d->type == KVM_DEV_TYPE_ARM_VGIC_ITS) {
		if (fake_no_its)
			return fail(ENODEV);
		if (d->flags & KVM_CREATE_DEVICE_TEST)
			return 0;
		if (!fake_seen.initialised_gics)
			return fail(EINVAL);
		fake_seen.its = 0;
		d->fd = FD_ITS;
	} else {
		fake_seen.gic = d->type;
		d->fd = FD_GIC;
	}
	fake_seen.open_fds++;
	return 0;
}

static int its_ioctl(unsigned long req, const struct kvm_device_attr *a)
{
	switch (a->group) {
	case KVM_DEV_ARM_VGIC_GRP_CTRL:
		if (a->attr != KVM_DEV_ARM_VGIC_CTRL_INIT)
			return fake_state_command(FAKE_ITS, a->attr);
		fake_seen.initialised_itses += fake_seen.its != 0;
		return 0;
	case KVM_DEV_ARM_VGIC_GRP_ADDR:
		memcpy(&fake_seen.its, (void *)(uintptr_t)a->addr, 8);
		return 0;
	default:
		return fake_state_its(req, a->attr, (void *)(uintptr_t)a->addr);
	}
}

static int add_slot(const struct kvm_userspace_memory_region *slot)
{
	if (slot->slot == 0) {
		fake_seen.ram_base = slot->guest_phys_addr;
		fake_seen.ram_size = 0;
		fake_seen.slots = 0;
		fake_seen.largest_slot = 0;
		fake_seen.ram = (uint8_t *)(uintptr_t)slot->userspace_addr;
	}
	if (slot->slot != fake_seen.slots || slot->memory_size >> 12 > INT32_MAX ||
	    slot->guest_phys_addr != fake_seen.ram_base + fake_seen.ram_size ||
	    slot->userspace_addr != (uintptr_t)fake_seen.ram + fake_seen.ram_size)
		return fail(EINVAL);
	fake_seen.slots++;
	fake_seen.ram_size += slot->memory_size;
	if (slot->memory_size > fake_seen.largest_slot)
		fake_seen.largest_slot = slot->memory_size;
	return 0;
}

static int vm_ioctl(unsigned long req, unsigned long arg)
{
	switch (req) {
	case KVM_SET_USER_MEMORY_REGION:
		return add_slot((void *)arg);
	case KVM_CREATE_VCPU:
		fake_seen.vcpus++;
		fake_seen.open_fds++;
		return FD_VCPU + (int)arg;
	case KVM_ARM_PREFERRED_TARGET:
		((struct kvm_vcpu_init *)arg)->target = KVM_ARM_TARGET_GENERIC_V8;
		return 0;
	case KVM_CREATE_DEVICE:
		return create_device((void *)arg);
	case KVM_IRQ_LINE:
		/* SPI 1 is INTID 33, and the type in bits 27:24 says "SPI". */
		if (((struct kvm_irq_level *)arg)->irq != (1u << 24 | 33))
			return 0;
		pthread_mutex_lock(&lock);
		irq = ((struct kvm_irq_level *)arg)->level;
		pthread_mutex_unlock(&lock);
		return 0;
	default:
		return req == KVM_CHECK_EXTENSION ? 0 : fail(EINVAL);
	}
}

int am_kvm_ioctl(int fd, unsigned long req, unsigned long arg)
{
	if (fd >= FD_VCPU)
		return vcpu_ioctl((unsigned)(fd - FD_VCPU), req, arg);
	if (fd == FD_GIC)
		return gic_ioctl(req, (void *)arg);
	if (fd == FD_ITS)
		return its_ioctl(req, (void *)arg);
	if (fd == FD_VM)
		return vm_ioctl(req, arg);
	switch (req) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_SIZE;
	case KVM_CHECK_EXTENSION:
		return arg == KVM_CAP_ARM_VM_IPA_SIZE ? fake_ipa_limit : arg == KVM_CAP_SIGNAL_MSI;
	case KVM_CREATE_VM:
		memset(&guest, 0, sizeof(guest));
		guest.print = "ready\n";
		irq = false;
		fake_state_new_vm();
		fake_seen.vm_type = arg;
		fake_seen.vms_created++;
		fake_seen.vcpus = fake_seen.power_off = fake_seen.nr_redist = 0;
		fake_seen.open_fds++;
		return FD_VM;
	default:
		return fail(EINVAL);
	}
}
