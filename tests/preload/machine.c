/* SPDX-License-Identifier: MIT */
/* The VM of these tests (program.h). */
#include "program.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CORE(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))

int machine_open(struct machine *m)
{
	static const uint32_t store[] = {STR_X1_X0, B_SELF}; /* for stores() */
	struct kvm_userspace_memory_region slot = {.guest_phys_addr = RAM, .memory_size = RAM_SIZE};
	struct kvm_vcpu_init init;

	memset(m, 0, sizeof(*m));
	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0);
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	m->run_size = (size_t)ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	m->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(m->kvm >= 0 && m->vm >= 0 && m->vcpu >= 0);
	EXPECT(m->run != MAP_FAILED && m->ram != MAP_FAILED);
	slot.userspace_addr = (uintptr_t)m->ram;
	EXPECT(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &slot) == 0);
	EXPECT(ioctl(m->vm, KVM_ARM_PREFERRED_TARGET, &init) == 0);
	EXPECT(ioctl(m->vcpu, KVM_ARM_VCPU_INIT, &init) == 0);
	code(m, store, sizeof(store));
	return m->vcpu < 0 ? -1 : 0;
}

void machine_close(struct machine *m)
{
	munmap(m->run, m->run_size);
	EXPECT(close(m->vcpu) == 0);
	EXPECT(close(m->vm) == 0);
	EXPECT(close(m->kvm) == 0);
	munmap(m->ram, RAM_SIZE);
}

void code(struct machine *m, const uint32_t *words, size_t bytes)
{
	memcpy(m->ram + m->used, words, bytes);
	set_pc(m, RAM + m->used);
	m->used += 0x1000;
}

static uint64_t one_reg(int vcpu, unsigned long request, uint64_t id, uint64_t value)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&value};

	EXPECT(ioctl(vcpu, request, &r) == 0);
	return value;
}

uint64_t reg(struct machine *m, unsigned x)
{
	return one_reg(m->vcpu, KVM_GET_ONE_REG, CORE(regs.regs[0]) + 2 * x, 0);
}

void set_reg(struct machine *m, unsigned x, uint64_t value)
{
	one_reg(m->vcpu, KVM_SET_ONE_REG, CORE(regs.regs[0]) + 2 * x, value);
}

void set_pc(struct machine *m, uint64_t pc)
{
	one_reg(m->vcpu, KVM_SET_ONE_REG, CORE(regs.pc), pc);
}

bool stores(struct machine *m, int vcpu, uint64_t value)
{
	struct machine by = *m;
	uint64_t data;
	bool ok;

	by.vcpu = vcpu;
	set_pc(&by, RAM);
	set_reg(&by, 0, DEVICE);
	set_reg(&by, 1, value);
	if (ioctl(vcpu, KVM_RUN, 0) != 0 || m->run->exit_reason != KVM_EXIT_MMIO)
		return false;
	memcpy(&data, m->run->mmio.data, sizeof(data));
	ok = m->run->mmio.phys_addr == DEVICE && m->run->mmio.is_write && m->run->mmio.len == 8 &&
	     data == value;
	/* The next KVM_RUN ends the store: let it do nothing else. */
	m->run->immediate_exit = 1;
	EXPECT_ERRNO(ioctl(vcpu, KVM_RUN, 0), EINTR);
	m->run->immediate_exit = 0;
	return ok;
}
