/* SPDX-License-Identifier: MIT */
/* What each ioctl refuses, and with which errno: KVM's, in KVM's order. */
#include "machine.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Numbers that no descriptor understands, from the same type and from another. */
#define UNKNOWN_IOCTL 0xaefful
#define FOREIGN_IOCTL 0x5401ul

#define BAD_POINTER 0x10ul

static void system_ioctls(void **state)
{
	int fd = am_kvm_open();

	assert_true(fd >= 0 && am_kvm_owns(fd));
	assert_int_equal(kvm(fd, KVM_GET_API_VERSION, 0), 12);
	assert_int_equal(kvm(fd, KVM_GET_API_VERSION, 1), -EINVAL);
	assert_int_equal(kvm(fd, KVM_GET_VCPU_MMAP_SIZE, 0), 2 * sysconf(_SC_PAGESIZE));
	assert_int_equal(kvm(fd, KVM_GET_VCPU_MMAP_SIZE, 1), -EINVAL);
	assert_int_equal(kvm(fd, UNKNOWN_IOCTL, 0), -EINVAL);
	assert_int_equal(kvm(fd, KVM_CREATE_VCPU, 0), -EINVAL);
	assert_ptr_equal(am_kvm_mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	/* The request is 32 bits wide, whatever the caller's type sign-extended. */
	assert_int_equal(kvm(fd, KVM_GET_API_VERSION | 0xffffffff00000000ul, 0), 12);
	assert_int_equal(am_kvm_close(fd), 0);
	assert_false(am_kvm_owns(fd));
	assert_int_equal(kvm(fd, KVM_GET_API_VERSION, 0), -EBADF);
}

/* Type: 0 is 40 bits; 32 to the limit; nothing else. */
static void vm_types(void **state)
{
	static const struct {
		unsigned long type;
		bool ok;
	} cases[] = {{0, true},		 {32, true},	      {33, true},     {47, true},
		     {48, true},	 {31, false},	      {49, true},     {52, true},
		     {53, false},	 {1, false},	      {0x100, false}, {0x128, false},
		     {1ul << 31, false}, {0x80000020, false}, {~0ul, false}};
	int fd = am_kvm_open();

	assert_int_equal(kvm(fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE), 52);
	for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		int vm = kvm(fd, KVM_CREATE_VM, cases[n].type);

		if (cases[n].ok) {
			assert_true(vm >= 0);
			assert_int_equal(kvm(vm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE), 52);
			assert_int_equal(am_kvm_close(vm), 0);
		} else {
			assert_int_equal(vm, -EINVAL);
		}
	}
	am_kvm_close(fd);
}

/* A capability answers only for what works. */
static void capabilities(void **state)
{
	static const struct {
		int cap, value;
	} caps[] = {
	    {KVM_CAP_IRQCHIP, 1},
	    {KVM_CAP_USER_MEMORY, 1},
	    {KVM_CAP_NR_MEMSLOTS, 32767},
	    {KVM_CAP_MP_STATE, 1},
	    {KVM_CAP_MAX_VCPUS, 512},
	    {KVM_CAP_MAX_VCPU_ID, 512},
	    {KVM_CAP_ONE_REG, 1},
	    {KVM_CAP_READONLY_MEM, 1},
	    {KVM_CAP_ARM_PSCI_0_2, 1},
	    {KVM_CAP_DEVICE_CTRL, 1},
	    {KVM_CAP_IMMEDIATE_EXIT, 1},
	    {KVM_CAP_ARM_NISV_TO_USER, 1},
	    {KVM_CAP_IRQFD, 1},
	    {KVM_CAP_IRQFD_RESAMPLE, 1},
	    {KVM_CAP_IRQ_ROUTING, 4096},
	    {KVM_CAP_IOEVENTFD, 1},
	    {KVM_CAP_IOEVENTFD_ANY_LENGTH, 1},
	    {KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 3},
	    {KVM_CAP_ARM_SVE, 0},
	    {KVM_CAP_ARM_EL1_32BIT, 0},
	    {KVM_CAP_ARM_PMU_V3, 0},
	    {KVM_CAP_SIGNAL_MSI, 1},
	    {KVM_CAP_COALESCED_MMIO, 1},
	    {KVM_CAP_SET_GUEST_DEBUG, 1},
	    {KVM_CAP_SET_GUEST_DEBUG2, 0x30003},
	    {KVM_CAP_GUEST_DEBUG_HW_BPS, 6},
	    {KVM_CAP_GUEST_DEBUG_HW_WPS, 4},
	    {KVM_CAP_VCPU_EVENTS, 1},
	    {KVM_CAP_ARM_INJECT_EXT_DABT, 1},
	    {KVM_CAP_ARM_INJECT_SERROR_ESR, 1},
	    {KVM_CAP_BINARY_STATS_FD, 1},
	    {KVM_CAP_PTP_KVM, 1},
	    {9999, 0},
	    {-1, 0},
	};
	struct machine m;

	machine_create(&m, 1, false);
	for (unsigned n = 0; n < sizeof(caps) / sizeof(caps[0]); n++) {
		assert_int_equal(kvm(m.kvm, KVM_CHECK_EXTENSION, (unsigned long)caps[n].cap),
				 caps[n].value);
		assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, (unsigned long)caps[n].cap),
				 caps[n].value);
	}
	assert_int_equal(kvm(m.kvm, KVM_CHECK_EXTENSION, KVM_CAP_MSI_DEVID), -EINVAL);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_MSI_DEVID), 0);
	machine_destroy(&m);
}

/* Every pointer argument may be wrong: -EFAULT and nothing else. */
static void bad_pointers(void **state)
{
	struct machine m;
	struct kvm_one_reg reg = {.id = REG_X(0), .addr = BAD_POINTER};
	struct kvm_device_attr attr = {.group = KVM_DEV_ARM_VGIC_GRP_ADDR,
				       .attr = KVM_VGIC_V3_ADDR_TYPE_DIST,
				       .addr = BAD_POINTER};
	static const unsigned long vm_requests[] = {KVM_SET_USER_MEMORY_REGION,
						    KVM_CREATE_DEVICE,
						    KVM_IRQ_LINE,
						    KVM_IRQ_LINE_STATUS,
						    KVM_ENABLE_CAP,
						    KVM_ARM_PREFERRED_TARGET,
						    KVM_ARM_SET_DEVICE_ADDR,
						    KVM_ARM_SET_COUNTER_OFFSET};
	static const unsigned long vcpu_requests[] = {
	    KVM_ARM_VCPU_INIT, KVM_GET_MP_STATE, KVM_SET_MP_STATE,    KVM_GET_ONE_REG,
	    KVM_SET_ONE_REG,   KVM_GET_REG_LIST, KVM_SET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR};

	machine_create(&m, 1, true);
	for (unsigned n = 0; n < sizeof(vm_requests) / sizeof(vm_requests[0]); n++) {
		assert_int_equal(kvm(m.vm, vm_requests[n], BAD_POINTER), -EFAULT);
		assert_int_equal(kvm(m.vm, vm_requests[n], 0), -EFAULT);
		assert_int_equal(kvm(m.vm, vm_requests[n], ~0ul), -EFAULT);
	}
	for (unsigned n = 0; n < sizeof(vcpu_requests) / sizeof(vcpu_requests[0]); n++)
		assert_int_equal(kvm(m.vcpu[0], vcpu_requests[n], BAD_POINTER), -EFAULT);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_GET_ONE_REG, &reg), -EFAULT);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_ONE_REG, &reg), -EFAULT);
	assert_int_equal(kvm(m.gic, KVM_HAS_DEVICE_ATTR, BAD_POINTER), -EFAULT);
	assert_int_equal(kvm_ptr(m.gic, KVM_SET_DEVICE_ATTR, &attr), -EFAULT);
	assert_int_equal(kvm_ptr(m.gic, KVM_GET_DEVICE_ATTR, &attr), -EFAULT);
	/* A read-only result is no place for a result. */
	assert_int_equal(kvm_ptr(m.vm, KVM_ARM_PREFERRED_TARGET, (const void *)bad_pointers),
			 -EFAULT);
	machine_destroy(&m);
}

static void unknown_requests(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(kvm(m.vm, UNKNOWN_IOCTL, 0), -EINVAL);
	assert_int_equal(kvm(m.vm, KVM_RUN, 0), -EINVAL);
	assert_int_equal(kvm(m.vcpu[0], UNKNOWN_IOCTL, 0), -EINVAL);
	assert_int_equal(kvm(m.vcpu[0], FOREIGN_IOCTL, 0), -EINVAL);
	assert_int_equal(kvm(m.vcpu[0], KVM_GET_REGS, 0), -EINVAL);
	assert_int_equal(kvm(m.gic, UNKNOWN_IOCTL, 0), -ENOTTY);
	assert_int_equal(kvm(m.gic, KVM_RUN, 0), -ENOTTY);
	assert_ptr_equal(am_kvm_mmap(NULL, 4096, PROT_READ, MAP_SHARED, m.vm, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	machine_destroy(&m);
}

/* A descriptor of the program's own goes to the kernel. */
static void foreign_descriptors(void **state)
{
	int p[2], n = -1;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "abc", 3), 3);
	assert_int_equal(am_kvm_ioctl(p[0], 0x541b /* FIONREAD */, (unsigned long)&n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(kvm(p[0], KVM_CREATE_VM, 0), -ENOTTY);
	assert_false(am_kvm_owns(p[0]));
	assert_int_equal(am_kvm_close(p[0]), 0);
	assert_int_equal(close(p[0]), -1);
	close(p[1]);
	assert_int_equal(kvm(-1, KVM_GET_API_VERSION, 0), -EBADF);
	assert_int_equal(am_kvm_close(-1), -1);
	assert_int_equal(errno, EBADF);
}

static void create_vcpu(void **state)
{
	int fd = am_kvm_open(), vm = kvm(fd, KVM_CREATE_VM, 0);
	int v0 = kvm(vm, KVM_CREATE_VCPU, 0), v511 = kvm(vm, KVM_CREATE_VCPU, 511);

	assert_true(v0 >= 0 && v511 >= 0);
	assert_int_equal(kvm(vm, KVM_CREATE_VCPU, 0), -EEXIST);
	assert_int_equal(kvm(vm, KVM_CREATE_VCPU, 512), -EINVAL);
	assert_int_equal(kvm(vm, KVM_CREATE_VCPU, ~0ul), -EINVAL);
	/* Nothing but INIT works before INIT. */
	assert_int_equal(kvm(v0, KVM_RUN, 0), -ENOEXEC);
	assert_int_equal(kvm(v0, KVM_RUN, 1), -EINVAL);
	assert_int_equal(kvm(v0, KVM_GET_REG_LIST, BAD_POINTER), -ENOEXEC);
	assert_int_equal(kvm(v0, KVM_GET_ONE_REG, BAD_POINTER), -ENOEXEC);
	am_kvm_close(v0);
	am_kvm_close(v511);
	am_kvm_close(vm);
	am_kvm_close(fd);
}

static int init_vcpu(int vcpu, uint32_t target, uint32_t features)
{
	struct kvm_vcpu_init init = {.target = target, .features = {features}};

	return kvm_ptr(vcpu, KVM_ARM_VCPU_INIT, &init);
}

static void vcpu_init(void **state)
{
	int fd = am_kvm_open(), vm = kvm(fd, KVM_CREATE_VM, 0), v = kvm(vm, KVM_CREATE_VCPU, 0);
	struct kvm_vcpu_init init = {.target = 77, .features = {0xff}};
	uint32_t psci = 1u << KVM_ARM_VCPU_PSCI_0_2, off = 1u << KVM_ARM_VCPU_POWER_OFF;
	struct kvm_mp_state mp = {77};

	assert_int_equal(kvm_ptr(vm, KVM_ARM_PREFERRED_TARGET, &init), 0);
	assert_int_equal(init.target, KVM_ARM_TARGET_GENERIC_V8);
	assert_int_equal(init.features[0], 0);
	assert_int_equal(init_vcpu(v, 77, 0), -EINVAL);
	assert_int_equal(init_vcpu(v, KVM_ARM_TARGET_CORTEX_A57, 0), -EINVAL);
	for (unsigned n = 0; n < 32; n++) {
		int want = n == KVM_ARM_VCPU_POWER_OFF || n == KVM_ARM_VCPU_PSCI_0_2 ? 0
			   : n <= KVM_ARM_VCPU_PTRAUTH_GENERIC			     ? -EINVAL
										     : -ENOENT;

		if (want) /* the two good ones decide what later calls may say */
			assert_int_equal(init_vcpu(v, 5, 1u << n), want);
	}
	init = (struct kvm_vcpu_init){.target = 5, .features = {0, 0, 1}};
	assert_int_equal(kvm_ptr(v, KVM_ARM_VCPU_INIT, &init), -ENOENT);
	assert_int_equal(init_vcpu(v, 5, psci | off), 0);
	assert_int_equal(kvm_ptr(v, KVM_GET_MP_STATE, &mp), 0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_STOPPED);
	/* The same features again, with or without the power bit. */
	assert_int_equal(init_vcpu(v, 5, psci), 0);
	assert_int_equal(kvm_ptr(v, KVM_GET_MP_STATE, &mp), 0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	assert_int_equal(init_vcpu(v, 5, 0), -EINVAL);
	mp.mp_state = KVM_MP_STATE_HALTED;
	assert_int_equal(kvm_ptr(v, KVM_SET_MP_STATE, &mp), -EINVAL);
	mp.mp_state = KVM_MP_STATE_SUSPENDED;
	assert_int_equal(kvm_ptr(v, KVM_SET_MP_STATE, &mp), 0);
	mp.mp_state = 77;
	assert_int_equal(kvm_ptr(v, KVM_GET_MP_STATE, &mp), 0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_SUSPENDED);
	am_kvm_close(v);
	am_kvm_close(vm);
	am_kvm_close(fd);
}

static int create_device(int vm, uint32_t type, uint32_t flags, int *fd)
{
	struct kvm_create_device cd = {.type = type, .flags = flags, .fd = 12345};
	int r = kvm_ptr(vm, KVM_CREATE_DEVICE, &cd);

	*fd = (int)cd.fd;
	return r;
}

static void vgic_creation(void **state)
{
	struct machine m;
	struct kvm_device_attr init = {.group = KVM_DEV_ARM_VGIC_GRP_CTRL};
	int gic, fd;

	machine_create(&m, 1, false);
	assert_int_equal(create_device(m.vm, KVM_DEV_TYPE_ARM_VGIC_V3, KVM_CREATE_DEVICE_TEST, &fd),
			 0);
	assert_int_equal(fd, 12345);
	assert_int_equal(create_device(m.vm, 99, 0, &fd), -ENODEV);
	assert_int_equal(create_device(m.vm, 0, KVM_CREATE_DEVICE_TEST, &fd), -ENODEV);
	assert_int_equal(create_device(m.vm, KVM_DEV_TYPE_ARM_VGIC_V3, 0, &gic), 0);
	assert_true(am_kvm_owns(gic));
	assert_int_equal(create_device(m.vm, KVM_DEV_TYPE_ARM_VGIC_V3, 0, &fd), -EEXIST);
	assert_int_equal(create_device(m.vm, KVM_DEV_TYPE_ARM_VGIC_V2, 0, &fd), -EEXIST);
	assert_int_equal(kvm(m.vm, KVM_CREATE_IRQCHIP, 0), -EEXIST);
	assert_int_equal(kvm_ptr(gic, KVM_SET_DEVICE_ATTR, &init), 0);
	assert_int_equal(kvm_ptr(gic, KVM_SET_DEVICE_ATTR, &init), 0);
	assert_int_equal(kvm(m.vm, KVM_CREATE_VCPU, 1), -EBUSY);
	/* Addresses are missing: the first run says so, and then nothing goes any more. */
	assert_int_equal(run(&m, 0), -ENXIO);
	assert_int_equal(run(&m, 0), -EIO);
	assert_int_equal(kvm_ptr(gic, KVM_SET_DEVICE_ATTR, &init), -EIO);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP), -EIO);
	am_kvm_close(gic);
	machine_destroy(&m);
}

/* As before Linux 6.3: what was missing at the first run can be given, and the VM runs. */
static void failed_vms_can_be_kept(void **state)
{
	struct machine m;
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_CTRL};
	uint64_t dist = GICD, redist = GICR;
	int gic;

	am_kvm_keep_failed_vms(true);
	machine_create(&m, 1, false);
	am_kvm_keep_failed_vms(false);
	assert_int_equal(create_device(m.vm, KVM_DEV_TYPE_ARM_VGIC_V3, 0, &gic), 0);
	assert_int_equal(kvm_ptr(gic, KVM_SET_DEVICE_ATTR, &a), 0);
	assert_int_equal(run(&m, 0), -ENXIO);
	a.group = KVM_DEV_ARM_VGIC_GRP_ADDR;
	a.attr = KVM_VGIC_V3_ADDR_TYPE_DIST;
	a.addr = (uintptr_t)&dist;
	assert_int_equal(kvm_ptr(gic, KVM_SET_DEVICE_ATTR, &a), 0);
	a.attr = KVM_VGIC_V3_ADDR_TYPE_REDIST;
	a.addr = (uintptr_t)&redist;
	assert_int_equal(kvm_ptr(gic, KVM_SET_DEVICE_ATTR, &a), 0);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	am_kvm_close(gic);
	machine_destroy(&m);
}

static int irq_line(struct machine *m, unsigned type, unsigned vcpu, unsigned num, unsigned level)
{
	struct kvm_irq_level l = {.irq = type << KVM_ARM_IRQ_TYPE_SHIFT |
					 (vcpu & 0xff) << KVM_ARM_IRQ_VCPU_SHIFT |
					 vcpu >> 8 << KVM_ARM_IRQ_VCPU2_SHIFT | num,
				  .level = level};

	return kvm_ptr(m->vm, KVM_IRQ_LINE, &l);
}

static void irq_lines(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_CPU, 0, KVM_ARM_IRQ_CPU_IRQ, 0), 0);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_CPU, 0, 2, 0), -EINVAL);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_CPU, 1, 0, 0), -EINVAL);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_SPI, 0, 32, 1), -ENXIO);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_PPI, 0, 16, 1), -ENXIO);
	assert_int_equal(irq_line(&m, 3, 0, 32, 1), -EINVAL);
	machine_destroy(&m);

	machine_create(&m, 1, true);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_CPU, 0, 0, 0), -ENXIO);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_SPI, 0, 32, 1), 0);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_SPI, 0, 31, 1), -EINVAL);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_SPI, 0, 256, 1), -EINVAL);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_PPI, 0, 16, 1), 0);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_PPI, 0, 27, 1), 0);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_PPI, 0, 15, 1), -EINVAL);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_PPI, 0, 32, 1), -EINVAL);
	assert_int_equal(irq_line(&m, KVM_ARM_IRQ_TYPE_PPI, 256, 16, 1), -EINVAL);
	machine_destroy(&m);
}

static void enable_caps(void **state)
{
	struct machine m;
	struct kvm_enable_cap cap = {.cap = KVM_CAP_ARM_NISV_TO_USER, .flags = 1};

	machine_create(&m, 1, false);
	assert_int_equal(kvm_ptr(m.vm, KVM_ENABLE_CAP, &cap), -EINVAL);
	cap.flags = 0;
	assert_int_equal(kvm_ptr(m.vm, KVM_ENABLE_CAP, &cap), 0);
	cap.cap = KVM_CAP_ARM_MTE;
	assert_int_equal(kvm_ptr(m.vm, KVM_ENABLE_CAP, &cap), -EINVAL);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_ENABLE_CAP, &cap), -EINVAL);
	machine_destroy(&m);
}

static int timer_irq(struct machine *m, unsigned long request, uint64_t attr, int *irq)
{
	struct kvm_device_attr a = {
	    .group = KVM_ARM_VCPU_TIMER_CTRL, .attr = attr, .addr = (uintptr_t)irq};

	return kvm_ptr(m->vcpu[0], request, &a);
}

static void timer_interrupts(void **state)
{
	struct machine m;
	int irq = 0;

	machine_create(&m, 1, true);
	assert_int_equal(timer_irq(&m, KVM_GET_DEVICE_ATTR, 0, &irq), 0);
	assert_int_equal(irq, 27);
	assert_int_equal(timer_irq(&m, KVM_GET_DEVICE_ATTR, 1, &irq), 0);
	assert_int_equal(irq, 30);
	assert_int_equal(timer_irq(&m, KVM_HAS_DEVICE_ATTR, 1, NULL), 0);
	assert_int_equal(timer_irq(&m, KVM_HAS_DEVICE_ATTR, 4, NULL), -ENXIO);
	irq = 15;
	assert_int_equal(timer_irq(&m, KVM_SET_DEVICE_ATTR, 0, &irq), -EINVAL);
	irq = 32;
	assert_int_equal(timer_irq(&m, KVM_SET_DEVICE_ATTR, 0, &irq), -EINVAL);
	irq = 30;
	assert_int_equal(timer_irq(&m, KVM_SET_DEVICE_ATTR, 0, &irq), 0);
	/* Both on one PPI: the first run refuses. */
	assert_int_equal(run(&m, 0), -EINVAL);
	irq = 20;
	assert_int_equal(timer_irq(&m, KVM_SET_DEVICE_ATTR, 0, &irq), 0);
	m.run[0]->immediate_exit = 1;
	assert_int_equal(run(&m, 0), -EINTR);
	assert_int_equal(timer_irq(&m, KVM_SET_DEVICE_ATTR, 0, &irq), -EBUSY);
	machine_destroy(&m);

	machine_create(&m, 1, false);
	assert_int_equal(timer_irq(&m, KVM_SET_DEVICE_ATTR, 0, &irq), -EINVAL);
	machine_destroy(&m);
}

/*
 * Nothing that a caller can pass does more than fail: random requests, with arguments that are
 * numbers, or point to random bytes, to the end of a mapping, or nowhere.
 */
static void random_calls(void **state)
{
	static const unsigned long requests[] = {
	    KVM_CREATE_VM,
	    KVM_CHECK_EXTENSION,
	    KVM_SET_USER_MEMORY_REGION,
	    KVM_CREATE_VCPU,
	    KVM_CREATE_DEVICE,
	    KVM_CREATE_IRQCHIP,
	    KVM_IRQ_LINE,
	    KVM_IRQ_LINE_STATUS,
	    KVM_ARM_PREFERRED_TARGET,
	    KVM_ENABLE_CAP,
	    KVM_ARM_SET_DEVICE_ADDR,
	    KVM_ARM_SET_COUNTER_OFFSET,
	    KVM_ARM_VCPU_INIT,
	    KVM_GET_MP_STATE,
	    KVM_SET_MP_STATE,
	    KVM_RUN,
	    KVM_GET_ONE_REG,
	    KVM_SET_ONE_REG,
	    KVM_GET_REG_LIST,
	    KVM_SET_DEVICE_ATTR,
	    KVM_GET_DEVICE_ATTR,
	    KVM_HAS_DEVICE_ATTR,
	    KVM_GET_VCPU_MMAP_SIZE,
	    KVM_GET_API_VERSION,
	    UNKNOWN_IOCTL,
	};
	struct machine m;
	uint8_t *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned ok = 0, bad = 0;

	assert_int_equal(mprotect(p + 8192, 8192, PROT_NONE), 0);
	machine_create(&m, 2, true);
	m.run[0]->immediate_exit = m.run[1]->immediate_exit = 1;
	srand(6312);
	for (unsigned n = 0; n < 60000; n++) {
		int fds[] = {m.kvm, m.vm, m.vcpu[0], m.vcpu[1], m.gic};
		unsigned long req =
		    requests[(unsigned)rand() % (sizeof(requests) / sizeof(requests[0]))];
		uint64_t *words = (uint64_t *)(void *)(p + 4096);
		unsigned long args[] = {(unsigned long)words,
					(unsigned long)words,
					(unsigned long)words,
					(unsigned long)(p + 8192 - (unsigned)rand() % 40),
					0,
					~0ul,
					(unsigned long)rand()};

		for (unsigned k = 0; k < 64; k++) {
			uint64_t r =
			    (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
			static const uint8_t shifts[] = {0, 30, 48, 56, 60, 62};

			words[k] = r >> shifts[(unsigned)rand() % sizeof(shifts)];
			if (rand() % 4 == 0)
				words[k] = (unsigned long)(p + (unsigned)rand() % 9000);
			if (rand() % 8 == 0)
				words[k] =
				    0x6030000000000000 | (0x10 + (r & 7)) << 16 | (r >> 8 & 0xffff);
		}
		int r = kvm(fds[rand() % 5], req, args[rand() % 7]);

		ok += r >= 0;
		bad += r < 0;
		if (r > 2 && (req == KVM_CREATE_VM || req == KVM_CREATE_VCPU) && am_kvm_owns(r))
			am_kvm_close(r);
	}
	assert_true(ok > 1000 && bad > 1000);
	machine_destroy(&m);
	munmap(p, 16384);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(system_ioctls),	cmocka_unit_test(vm_types),
	    cmocka_unit_test(capabilities),	cmocka_unit_test(bad_pointers),
	    cmocka_unit_test(unknown_requests), cmocka_unit_test(foreign_descriptors),
	    cmocka_unit_test(create_vcpu),	cmocka_unit_test(vcpu_init),
	    cmocka_unit_test(vgic_creation),	cmocka_unit_test(failed_vms_can_be_kept),
	    cmocka_unit_test(irq_lines),	cmocka_unit_test(enable_caps),
	    cmocka_unit_test(timer_interrupts), cmocka_unit_test(random_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
