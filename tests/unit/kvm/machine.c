/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <signal.h>
#include <time.h>

#include <sys/mman.h>
#include <unistd.h>

int kvm(int fd, unsigned long request, unsigned long arg)
{
	int r = am_kvm_ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

int kvm_ptr(int fd, unsigned long request, const void *arg)
{
	return kvm(fd, request, (unsigned long)arg);
}

static void gic_create(struct machine *m)
{
	struct kvm_create_device cd = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	uint64_t dist = GICD, redist = GICR;
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_ADDR};

	assert_int_equal(kvm_ptr(m->vm, KVM_CREATE_DEVICE, &cd), 0);
	m->gic = (int)cd.fd;
	a.attr = KVM_VGIC_V3_ADDR_TYPE_DIST;
	a.addr = (uintptr_t)&dist;
	assert_int_equal(kvm_ptr(m->gic, KVM_SET_DEVICE_ATTR, &a), 0);
	a.attr = KVM_VGIC_V3_ADDR_TYPE_REDIST;
	a.addr = (uintptr_t)&redist;
	assert_int_equal(kvm_ptr(m->gic, KVM_SET_DEVICE_ATTR, &a), 0);
	a.group = KVM_DEV_ARM_VGIC_GRP_CTRL;
	a.attr = KVM_DEV_ARM_VGIC_CTRL_INIT;
	assert_int_equal(kvm_ptr(m->gic, KVM_SET_DEVICE_ATTR, &a), 0);
}

static void vcpu_create(struct machine *m, unsigned n)
{
	struct kvm_vcpu_init init = {0};
	int size = kvm(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	m->vcpu[n] = kvm(m->vm, KVM_CREATE_VCPU, n);
	assert_true(m->vcpu[n] >= 0);
	m->run[n] =
	    am_kvm_mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu[n], 0);
	assert_ptr_not_equal(m->run[n], MAP_FAILED);
	assert_int_equal(kvm_ptr(m->vm, KVM_ARM_PREFERRED_TARGET, &init), 0);
	init.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (n)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	assert_int_equal(kvm_ptr(m->vcpu[n], KVM_ARM_VCPU_INIT, &init), 0);
}

void machine_create(struct machine *m, unsigned nr, bool gic)
{
	machine_create_with(m, nr, gic, NULL);
}

void machine_create_with(struct machine *m, unsigned nr, bool gic, void (*first)(int vm))
{
	struct kvm_userspace_memory_region ram = {.guest_phys_addr = RAM, .memory_size = RAM_SIZE};

	*m = (struct machine){.gic = -1, .nr = nr};
	m->kvm = am_kvm_open();
	assert_true(m->kvm >= 0);
	m->vm = kvm(m->kvm, KVM_CREATE_VM, 0);
	assert_true(m->vm >= 0);
	if (first)
		first(m->vm);
	m->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(m->ram, MAP_FAILED);
	ram.userspace_addr = (uintptr_t)m->ram;
	assert_int_equal(kvm_ptr(m->vm, KVM_SET_USER_MEMORY_REGION, &ram), 0);
	for (unsigned n = 0; n < nr; n++)
		vcpu_create(m, n);
	if (gic)
		gic_create(m);
	for (unsigned n = 0; n < nr; n++)
		pc_set(m, n, RAM);
	code_at(m, RAM);
}

void machine_destroy(struct machine *m)
{
	int size = kvm(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	for (unsigned n = 0; n < m->nr; n++) {
		am_kvm_munmap(m->run[n], (size_t)size);
		assert_int_equal(am_kvm_close(m->vcpu[n]), 0);
	}
	if (m->gic >= 0)
		assert_int_equal(am_kvm_close(m->gic), 0);
	assert_int_equal(am_kvm_close(m->vm), 0);
	assert_int_equal(am_kvm_close(m->kvm), 0);
	munmap(m->ram, RAM_SIZE);
}

uint64_t reg_get(struct machine *m, unsigned n, uint64_t id)
{
	uint64_t v = 0;
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&v};

	assert_int_equal(kvm_ptr(m->vcpu[n], KVM_GET_ONE_REG, &r), 0);
	return v;
}

void reg_set(struct machine *m, unsigned n, uint64_t id, uint64_t v)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&v};

	assert_int_equal(kvm_ptr(m->vcpu[n], KVM_SET_ONE_REG, &r), 0);
}

uint64_t x_get(struct machine *m, unsigned n, unsigned x)
{
	return reg_get(m, n, REG_X(x));
}

void x_set(struct machine *m, unsigned n, unsigned x, uint64_t v)
{
	reg_set(m, n, REG_X(x), v);
}

void pc_set(struct machine *m, unsigned n, uint64_t pc)
{
	reg_set(m, n, REG_CORE(regs.pc), pc);
}

uint64_t pc_get(struct machine *m, unsigned n)
{
	return reg_get(m, n, REG_CORE(regs.pc));
}

void mmu_on(struct machine *m, unsigned n)
{
	uint64_t *table = (uint64_t *)(void *)(m->ram + 0x100000);

	/* Level 1 blocks of 1 GiB: AF, inner shareable, attributes 0. */
	for (uint64_t k = 0; k < 4; k++)
		table[k] = k << 30 | 1u << 10 | 3u << 8 | 1;
	reg_set(m, n, ARM64_SYS_REG(3, 0, 10, 2, 0), 0xff);	     /* MAIR_EL1 */
	reg_set(m, n, ARM64_SYS_REG(3, 0, 2, 0, 0), RAM + 0x100000); /* TTBR0_EL1 */
	/* TCR_EL1: 39 bits, 4 KiB granule, write-back, no TTBR1, 40 bits out */
	reg_set(m, n, ARM64_SYS_REG(3, 0, 2, 0, 2), UINT64_C(2) << 32 | 1u << 23 | 0x3500 | 25);
	reg_set(m, n, ARM64_SYS_REG(3, 0, 1, 0, 0), 0x00c50079); /* SCTLR_EL1.M */
}

int run(struct machine *m, unsigned n)
{
	return kvm(m->vcpu[n], KVM_RUN, 0);
}

void run_to_off(struct machine *m, unsigned n)
{
	assert_int_equal(run(m, n), 0);
	assert_int_equal(m->run[n]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(m->run[n]->system_event.type, KVM_SYSTEM_EVENT_SHUTDOWN);
}

void code_at(struct machine *m, uint64_t ipa)
{
	m->code = (uint32_t *)(void *)(m->ram + (ipa - RAM));
}

void emit(struct machine *m, uint32_t word)
{
	*m->code++ = word;
}

uint64_t here(const struct machine *m)
{
	return RAM + (uint64_t)((uint8_t *)m->code - m->ram);
}

void emit_mov(struct machine *m, unsigned rd, uint64_t v)
{
	emit(m, 0xd2800000u | (uint32_t)(v & 0xffff) << 5 | rd); /* MOVZ */
	for (unsigned hw = 1; hw < 4; hw++) {
		uint32_t part = v >> (16 * hw) & 0xffff;

		if (part) /* MOVK */
			emit(m, 0xf2800000u | hw << 21 | part << 5 | rd);
	}
}

void emit_psci(struct machine *m, uint32_t id)
{
	emit_mov(m, 0, id);
	emit(m, A64_HVC);
}

void emit_mark(struct machine *m)
{
	emit_mov(m, 16, MARK);
	emit_mov(m, 17, 1);
	emit(m, A64_STR_X(17, 16));
}

static uint64_t *mark(struct machine *m)
{
	return (uint64_t *)(void *)(m->ram + (MARK - RAM));
}

void clear_mark(struct machine *m)
{
	__atomic_store_n(mark(m), 0, __ATOMIC_RELAXED);
}

void wait_for_mark(struct machine *m)
{
	while (!__atomic_load_n(mark(m), __ATOMIC_ACQUIRE))
		usleep(100);
}

static void nothing(int sig)
{
}

void *interrupt(pthread_t t)
{
	struct sigaction sa = {.sa_handler = nothing};
	struct timespec soon;
	void *r;

	sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(SIGUSR2, &sa, NULL), 0);
	do {
		pthread_kill(t, SIGUSR2);
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 20000000;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(t, &r, &soon));
	return r;
}
