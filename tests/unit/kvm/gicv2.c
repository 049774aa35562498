/* SPDX-License-Identifier: MIT */
/* A VM with a GICv2: made by either way, told its addresses by either way, used by a guest. */
#include "machine.h"

#define GICC		 (GICD + 0x10000)
#define ID_AA64PFR0_EL1	 (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | 0xc020)
#define SPI		 40u
#define GICD_ISENABLER1	 0x104
#define GICD_ITARGETSR10 0x828
#define LINE(n)		 (KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (n))

static int set_addr(struct machine *m, uint64_t device, uint64_t type, uint64_t addr)
{
	struct kvm_arm_device_addr a = {.id = device << KVM_ARM_DEVICE_ID_SHIFT | type,
					.addr = addr};

	return kvm_ptr(m->vm, KVM_ARM_SET_DEVICE_ADDR, &a);
}

static int irq_line(struct machine *m, unsigned irq, unsigned level)
{
	struct kvm_irq_level l = {.irq = irq, .level = level};

	return kvm_ptr(m->vm, KVM_IRQ_LINE, &l);
}

/* The ioctls of the time before devices, and their errors. */
static void legacy(void **state)
{
	struct kvm_create_device v3 = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_SET_DEVICE_ADDR), 1);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V2_ADDR_TYPE_DIST, GICD), -ENODEV);
	assert_int_equal(kvm(m.vm, KVM_ARM_SET_DEVICE_ADDR, 8), -EFAULT);
	assert_int_equal(kvm(m.vm, KVM_CREATE_IRQCHIP, 0), 0);
	assert_int_equal(kvm(m.vm, KVM_CREATE_IRQCHIP, 0), -EEXIST);
	assert_int_equal(kvm_ptr(m.vm, KVM_CREATE_DEVICE, &v3), -EEXIST);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS), 8);
	assert_int_equal(kvm(m.vm, KVM_CREATE_VCPU, 8), -EINVAL);
	assert_int_equal(set_addr(&m, 1, KVM_VGIC_V2_ADDR_TYPE_DIST, GICD), -ENODEV);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD), -ENODEV);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V2_ADDR_TYPE_DIST, GICD + 4), -EINVAL);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V2_ADDR_TYPE_DIST, UINT64_C(1) << 40), -E2BIG);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V2_ADDR_TYPE_DIST, GICD), 0);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V2_ADDR_TYPE_DIST, GICD), -EEXIST);
	assert_int_equal(run(&m, 0), -ENXIO); /* the CPU interface is nowhere */
	assert_int_equal(run(&m, 0), -EIO);
	machine_destroy(&m);
}

/* Nine vCPUs are one too many, and a GICv2 cannot come after a run. */
static void limits(void **state)
{
	struct machine m;
	int more[2];

	machine_create(&m, 7, false);
	for (unsigned n = 0; n < 2; n++) {
		more[n] = kvm(m.vm, KVM_CREATE_VCPU, 7 + n);
		assert_true(more[n] >= 0);
	}
	assert_int_equal(kvm(m.vm, KVM_CREATE_IRQCHIP, 0), -E2BIG);
	for (unsigned n = 0; n < 2; n++)
		am_kvm_close(more[n]);
	machine_destroy(&m);
}

/* The first line raised initialises it; a guest takes the interrupt from its GICC frame. */
static void interrupt_taken(void **state)
{
	struct machine m;
	uint64_t poll;

	machine_create(&m, 1, false);
	assert_int_equal(kvm(m.vm, KVM_CREATE_IRQCHIP, 0), 0);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V2_ADDR_TYPE_DIST, GICD), 0);
	assert_int_equal(set_addr(&m, 0, KVM_VGIC_V2_ADDR_TYPE_CPU, GICC), 0);
	assert_int_equal(reg_get(&m, 0, ID_AA64PFR0_EL1) >> 24 & 0xf, 1);
	assert_int_equal(irq_line(&m, LINE(SPI), 1), 0);
	assert_int_equal(kvm(m.vm, KVM_CREATE_VCPU, 1), -EBUSY);

	emit_mov(&m, 0, GICD);
	emit_mov(&m, 1, GICC);
	emit_mov(&m, 2, 1);
	emit(&m, A64_STR_W(2, 0)); /* GICD_CTLR: enable */
	emit(&m, A64_STR_W(2, 1)); /* GICC_CTLR */
	emit_mov(&m, 3, 0xf0);
	emit(&m, 0xb9000423); /* GICC_PMR: STR W3, [X1, #4] */
	emit_mov(&m, 3, UINT64_C(1) << (SPI % 32));
	emit_mov(&m, 4, GICD + GICD_ISENABLER1);
	emit(&m, A64_STR_W(3, 4));
	emit_mov(&m, 3, 1);
	emit_mov(&m, 4, GICD + GICD_ITARGETSR10);
	emit(&m, A64_STR_W(3, 4)); /* to vCPU 0 */
	poll = here(&m);
	emit(&m, 0xb9400c26); /* GICC_IAR: LDR W6, [X1, #12] */
	emit(&m, A64_SUBS_IMM(7, 6, SPI));
	emit(&m, A64_CBNZ(7, (int64_t)(poll - here(&m))));
	emit(&m, 0xb9001026); /* GICC_EOIR: STR W6, [X1, #16] */
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 6), SPI);
	assert_int_equal(reg_get(&m, 0, ID_AA64PFR0_EL1) >> 24 & 0xf, 0); /* no ICC_* registers */
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(legacy),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(interrupt_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
