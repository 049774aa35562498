/* SPDX-License-Identifier: MIT */
/* The VGIC_ITS device: making it, its attributes' errors, and messages before a guest uses it. */
#include "machine.h"

#define GITS	  UINT64_C(0x08080000)
#define GITS_CTLR 0x0
#define GITS_IIDR 0x4

static int create_its(struct machine *m, uint32_t flags, int *fd)
{
	struct kvm_create_device cd = {.type = KVM_DEV_TYPE_ARM_VGIC_ITS, .flags = flags, .fd = 77};
	int err = kvm_ptr(m->vm, KVM_CREATE_DEVICE, &cd);

	*fd = (int)cd.fd;
	return err;
}

static int attr(int its, unsigned long request, uint32_t group, uint64_t which, uint64_t *value)
{
	struct kvm_device_attr a = {.group = group, .attr = which, .addr = (uintptr_t)value};

	return kvm_ptr(its, request, &a);
}

static int set_base(int its, uint64_t base)
{
	return attr(its, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE,
		    &base);
}

static int control(int its, uint64_t which)
{
	return attr(its, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL, which, NULL);
}

static void creation(void **state)
{
	struct machine m;
	int its, more;

	/* Before there is a GICv3, which may never come. */
	machine_create(&m, 1, false);
	assert_int_equal(create_its(&m, 0, &its), 0);
	assert_int_equal(create_its(&m, 0, &more), 0);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_MSI_DEVID), 1);
	assert_int_equal(set_base(its, GITS), 0);
	am_kvm_close(more);
	am_kvm_close(its);
	machine_destroy(&m);

	machine_create(&m, 1, true);
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_MSI_DEVID), 0);
	assert_int_equal(create_its(&m, KVM_CREATE_DEVICE_TEST, &its), 0);
	assert_int_equal(its, 77);
	assert_int_equal(create_its(&m, 0, &its), 0);
	assert_true(am_kvm_owns(its));
	assert_int_equal(kvm(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_MSI_DEVID), 1);
	assert_int_equal(create_its(&m, 0, &more), 0);
	assert_int_equal(kvm(its, KVM_GET_API_VERSION, 0), -ENOTTY);
	am_kvm_close(more);
	am_kvm_close(its);
	machine_destroy(&m);
}

static void attributes(void **state)
{
	struct machine m;
	uint64_t v = 0;
	int its;

	machine_create(&m, 1, true);
	assert_int_equal(create_its(&m, 0, &its), 0);
	assert_int_equal(kvm(its, KVM_SET_DEVICE_ATTR, 8), -EFAULT);
	assert_int_equal(attr(its, KVM_HAS_DEVICE_ATTR, 99, 0, NULL), -ENXIO);
	assert_int_equal(
	    attr(its, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, NULL),
	    -EFAULT);
	assert_int_equal(set_base(its, GITS + 0x1000), -EINVAL);
	assert_int_equal(set_base(its, UINT64_C(1) << 40), -E2BIG);
	assert_int_equal(set_base(its, GITS), 0);
	assert_int_equal(set_base(its, GITS), -EEXIST);
	assert_int_equal(
	    attr(its, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, &v),
	    0);
	assert_int_equal(v, GITS);
	assert_int_equal(control(its, KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
	assert_int_equal(attr(its, KVM_HAS_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL, 77, NULL),
			 -ENXIO);
	assert_int_equal(
	    attr(its, KVM_HAS_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, GITS_CTLR, NULL), 0);
	assert_int_equal(
	    attr(its, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, GITS_CTLR + 2, &v),
	    -EINVAL);
	assert_int_equal(
	    attr(its, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, GITS_IIDR, &v), 0);
	assert_int_equal(v & 0xfff, 0x43b);
	/* An ITS that is empty has empty tables. */
	assert_int_equal(control(its, KVM_DEV_ARM_ITS_SAVE_TABLES), 0);
	assert_int_equal(control(its, KVM_DEV_ARM_ITS_CTRL_RESET), 0);
	am_kvm_close(its);
	machine_destroy(&m);
}

static void messages(void **state)
{
	struct kvm_msi msi = {.address_lo = (uint32_t)GITS + 0x10040, .devid = 8};
	struct machine m;
	int its;

	machine_create(&m, 1, true);
	assert_int_equal(create_its(&m, 0, &its), 0);
	assert_int_equal(set_base(its, GITS), 0);
	assert_int_equal(kvm_ptr(m.vm, KVM_SIGNAL_MSI, &msi), -EINVAL); /* whose? */
	msi.flags = KVM_MSI_VALID_DEVID;
	assert_int_equal(kvm_ptr(m.vm, KVM_SIGNAL_MSI, &msi), -EBUSY); /* GITS_CTLR: off */
	msi.address_hi = 1;
	assert_int_equal(kvm_ptr(m.vm, KVM_SIGNAL_MSI, &msi), -EINVAL);
	am_kvm_close(its);
	machine_destroy(&m);
}

/* ---- Saved tables are writes to guest memory ---- */

#define PAGE 0x1000u
/* KVM has the tables in pages of 64 KiB. */
#define DEVICES	     (RAM + 0x20000)
#define COLLECTIONS  (RAM + 0x30000)
#define COMMANDS     (RAM + 0x40000)
#define ITT	     (RAM + 0x50000)
#define VALID	     (UINT64_C(1) << 63)
#define GITS_CBASER  0x80
#define GITS_CWRITER 0x88
#define GITS_BASER0  0x100
#define MAPD	     0x08u

static void emit_its_write(struct machine *m, uint64_t reg, uint64_t value)
{
	emit_mov(m, 0, GITS + reg);
	emit_mov(m, 1, value);
	emit(m, reg == GITS_CTLR ? A64_STR_W(1, 0) : A64_STR_X(1, 0));
}

/* Exactly the pages of the tables that have something to say: in the dirty log as if written. */
static void saving_is_logged(void **state)
{
	struct kvm_userspace_memory_region r = {
	    .flags = KVM_MEM_LOG_DIRTY_PAGES, .guest_phys_addr = RAM, .memory_size = RAM_SIZE};
	uint64_t bits[RAM_SIZE / PAGE / 64],
	    want[RAM_SIZE / PAGE / 64] = {UINT64_C(1) << 0x20 | UINT64_C(1) << 0x30};
	struct kvm_dirty_log log = {.dirty_bitmap = bits};
	struct machine m;
	uint64_t *command, *entry;
	int its;

	machine_create(&m, 1, true);
	assert_int_equal(create_its(&m, 0, &its), 0);
	assert_int_equal(set_base(its, GITS), 0);
	command = (uint64_t *)(void *)(m.ram + (COMMANDS - RAM));
	entry = (uint64_t *)(void *)(m.ram + (DEVICES - RAM));
	command[0] = MAPD | UINT64_C(5) << 32; /* device 5, 32 events */
	command[1] = 4;
	command[2] = VALID | ITT;
	emit_its_write(&m, GITS_BASER0, VALID | DEVICES);
	emit_its_write(&m, GITS_BASER0 + 8, VALID | COLLECTIONS);
	emit_its_write(&m, GITS_CBASER, VALID | COMMANDS);
	emit_its_write(&m, GITS_CTLR, 1);
	emit_its_write(&m, GITS_CWRITER, 32);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(entry[5], 0);

	r.userspace_addr = (uintptr_t)m.ram;
	assert_int_equal(kvm_ptr(m.vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(control(its, KVM_DEV_ARM_ITS_SAVE_TABLES), 0);
	assert_true(entry[5] & VALID);
	assert_int_equal(kvm_ptr(m.vm, KVM_GET_DIRTY_LOG, &log), 0);
	assert_memory_equal(bits, want, sizeof(bits));
	am_kvm_close(its);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(creation),
	    cmocka_unit_test(attributes),
	    cmocka_unit_test(messages),
	    cmocka_unit_test(saving_is_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
