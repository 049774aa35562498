/* SPDX-License-Identifier: MIT */
/*
 * The walk over the ITS's saved tables beside this project's KVM: what its SAVE_TABLES writes is
 * read back exactly and nothing is wrong with it, and RESTORE_TABLES ends, on tables with random
 * mistakes, with the errno that the walk foretells.
 */
#include "test_inspect_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <armature/armature.h>
#include <armature/kvm.h>

#define GICD UINT64_C(0x08000000)
#define GICR UINT64_C(0x080a0000)
#define GITS UINT64_C(0x08080000)

#define GITS_CTLR    0x0u
#define GITS_CBASER  0x80u
#define GITS_CWRITER 0x88u
#define GITS_BASER0  0x100u
#define COMMANDS     IMAGE_BASE
#define NR_VCPUS     2u

struct its {
	struct image m;
	void *ram; /* page-aligned */
	int kvm, vm, gic, its, vcpu[NR_VCPUS];
	uint64_t cwriter;
	uint64_t random;
};

static struct its t;

/* ---- A VM with an ITS ---- */

static int attr(int fd, uint32_t group, uint64_t which, uint64_t value)
{
	struct kvm_device_attr a = {.group = group, .attr = which, .addr = (uintptr_t)&value};

	return am_kvm_ioctl(fd, KVM_SET_DEVICE_ATTR, (uintptr_t)&a) ? -errno : 0;
}

static void gits(unsigned offset, uint64_t value)
{
	assert_int_equal(attr(t.its, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, offset, value), 0);
}

static int control(uint64_t which)
{
	return attr(t.its, KVM_DEV_ARM_VGIC_GRP_CTRL, which, 0);
}

static void gicr(unsigned vcpu, unsigned offset, uint32_t value)
{
	struct kvm_device_attr a = {.group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
				    .attr = (uint64_t)vcpu << 32 | offset,
				    .addr = (uintptr_t)&value};

	assert_int_equal(am_kvm_ioctl(t.gic, KVM_SET_DEVICE_ATTR, (uintptr_t)&a), 0);
}

static int device(uint32_t type)
{
	struct kvm_create_device cd = {.type = type};

	assert_int_equal(am_kvm_ioctl(t.vm, KVM_CREATE_DEVICE, (uintptr_t)&cd), 0);
	return (int)cd.fd;
}

static void create_vcpu(unsigned n)
{
	struct kvm_vcpu_init init;

	t.vcpu[n] = am_kvm_ioctl(t.vm, KVM_CREATE_VCPU, n);
	assert_true(t.vcpu[n] >= 0);
	assert_int_equal(am_kvm_ioctl(t.vm, KVM_ARM_PREFERRED_TARGET, (uintptr_t)&init), 0);
	assert_int_equal(am_kvm_ioctl(t.vcpu[n], KVM_ARM_VCPU_INIT, (uintptr_t)&init), 0);
}

static int setup(void **state)
{
	struct kvm_userspace_memory_region r = {.guest_phys_addr = IMAGE_BASE,
						.memory_size = IMAGE_SIZE};
	void *own;

	memset(&t, 0, sizeof(t));
	image_init(&t.m);
	own = t.m.ram;
	t.ram = am_kvm_mmap(NULL, IMAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	assert_true(t.ram != MAP_FAILED);
	free(own);
	t.m.ram = t.ram;
	t.m.walk.nr_vcpus = NR_VCPUS;
	t.m.walk.propbaser = PROP | 15;
	t.random = 1;

	t.kvm = am_kvm_open();
	assert_true(t.kvm >= 0);
	t.vm = am_kvm_ioctl(t.kvm, KVM_CREATE_VM, 0);
	assert_true(t.vm >= 0);
	r.userspace_addr = (uintptr_t)t.ram;
	assert_int_equal(am_kvm_ioctl(t.vm, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&r), 0);
	for (unsigned n = 0; n < NR_VCPUS; n++)
		create_vcpu(n);
	t.gic = device(KVM_DEV_TYPE_ARM_VGIC_V3);
	assert_int_equal(attr(t.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD),
			 0);
	assert_int_equal(attr(t.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, GICR),
			 0);
	assert_int_equal(attr(t.gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0), 0);
	t.its = device(KVM_DEV_TYPE_ARM_VGIC_ITS);
	assert_int_equal(attr(t.its, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, GITS), 0);
	assert_int_equal(control(KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
	for (unsigned n = 0; n < NR_VCPUS; n++) {
		gicr(n, 0x70, (uint32_t)(PROP | 15));
		gicr(n, 0x78, (uint32_t)(PROP + 0x10000 + n * 0x10000));
	}
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	am_kvm_close(t.its);
	am_kvm_close(t.gic);
	for (unsigned n = 0; n < NR_VCPUS; n++)
		am_kvm_close(t.vcpu[n]);
	am_kvm_close(t.vm);
	am_kvm_close(t.kvm);
	munmap(t.ram, IMAGE_SIZE);
	return 0;
}

static uint64_t random_below(uint64_t n)
{
	t.random = t.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (t.random >> 33) % n;
}

/* ---- Saved by SAVE_TABLES ---- */

static void command(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t at = COMMANDS + t.cwriter;

	image_set(&t.m, at, a);
	image_set(&t.m, at + 8, b);
	image_set(&t.m, at + 16, c);
	image_set(&t.m, at + 24, 0);
	t.cwriter = (t.cwriter + 32) % 0x10000;
	gits(GITS_CWRITER, t.cwriter);
}

static void mapc(unsigned icid, unsigned vcpu)
{
	command(0x09, 0, V63 | (uint64_t)vcpu << 16 | icid);
}

static void mapd(uint64_t id, unsigned bits, uint64_t itt)
{
	command(0x08 | id << 32, bits - 1, V63 | itt);
}

static void mapti(uint64_t id, uint64_t event, uint64_t intid, unsigned icid)
{
	command(0x0a | id << 32, event | intid << 32, icid);
}

static void enable(void)
{
	gits(GITS_CBASER, V63 | COMMANDS | 15);
	gits(GITS_BASER0, t.m.walk.devices);
	gits(GITS_BASER0 + 8, t.m.walk.collections);
	gits(GITS_CTLR, 1);
}

static unsigned icid_of(unsigned lpi)
{
	return lpi % 4 * 3;
}

/* Devices 5, 105, ... with events 1, 8, 15, ... each; how many events. */
static unsigned map_some(unsigned nr_devices)
{
	unsigned lpi = 8192;

	for (unsigned icid = 0; icid < 4; icid++)
		mapc(icid * 3, icid % NR_VCPUS);
	for (unsigned d = 0; d < nr_devices; d++) {
		unsigned bits = 1 + d % 6;

		mapd(5 + d * 100, bits, ITT(0) + d * 0x200);
		for (unsigned e = 1; e < 1u << bits; e += 7, lpi++)
			mapti(5 + d * 100, e, lpi, icid_of(lpi));
	}
	return lpi - 8192;
}

static void saved(unsigned devices, unsigned events)
{
	unsigned lpi = 8192;

	assert_int_equal(control(KVM_DEV_ARM_ITS_SAVE_TABLES), 0);
	image_walk(&t.m);
	assert_int_equal(t.m.nr_issues, 0);
	assert_int_equal(t.m.result.collections, 4);
	assert_int_equal(t.m.result.devices, devices);
	assert_int_equal(t.m.result.events, events);
	assert_int_equal(t.m.result.lpis, events);
	for (unsigned i = 0; i < t.m.nr_entries; i++) {
		const struct its_entry *e = &t.m.entry[i];

		if (e->kind == ITS_ENTRY_EVENT) {
			unsigned icid = icid_of(lpi);

			assert_int_equal(e->u.event.intid, lpi++);
			assert_int_equal(e->u.event.icid, icid);
			assert_int_equal(e->u.event.target, icid / 3 % NR_VCPUS);
			assert_int_equal((e->u.event.device - 5) % 100, 0);
			assert_int_equal((e->u.event.id - 1) % 7, 0);
		}
	}
}

static void save_flat(void **state)
{
	unsigned events;

	enable();
	events = map_some(50);
	saved(50, events);
}

static void save_two_levels(void **state)
{
	unsigned events;

	t.m.walk.devices |= INDIRECT;
	for (unsigned i = 0; i < 8; i++)
		image_set(&t.m, DEV(i), V63 | (LEVEL2 + i % 4 * 0x10000));
	for (unsigned i = 4; i < 8; i++)
		image_set(&t.m, DEV(i), 0);
	enable();
	events = map_some(200);
	saved(200, events);
}

/* ---- Restored, after mistakes were made ---- */

/* Any table entry, or a new one, gets a bit or a field that may be wrong. */
static void mistake(uint64_t table, unsigned nr)
{
	uint64_t at = table + 8 * random_below(nr), v = image_get(&t.m, at);

	switch (random_below(4)) {
	case 0:
		v ^= UINT64_C(1) << random_below(64);
		break;
	case 1:
		v = 0;
		break;
	case 2:
		v = image_get(&t.m, table + 8 * random_below(nr));
		break;
	default:
		v ^= (uint64_t)random_below(256) << random_below(57);
	}
	image_set(&t.m, at, v);
}

static void restore_with_mistakes(bool indirect)
{
	static uint8_t tables[IMAGE_SIZE];
	unsigned nr[3] = {0}, wrong = 0;

	if (indirect) {
		t.m.walk.devices |= INDIRECT;
		image_set(&t.m, DEV(0), V63 | L2(0));
		image_set(&t.m, DEV(1), V63 | L2(1));
	}
	enable();
	map_some(110);
	assert_int_equal(control(KVM_DEV_ARM_ITS_SAVE_TABLES), 0);
	memcpy(tables, t.ram, IMAGE_SIZE);

	for (unsigned n = 0; n < 1200; n++) {
		int err, want;

		memcpy(t.ram, tables, IMAGE_SIZE);
		for (unsigned k = (unsigned)random_below(4); k; k--) {
			static const uint64_t table[] = {COLT, ITT(0), DEVT, L2(0), L2(1)};
			static const unsigned size[] = {6, 6400, 2, 8192, 8192};
			unsigned which = (unsigned)random_below(indirect ? 5 : 3);

			mistake(table[which], which == 2 && !indirect ? 8192 : size[which]);
		}
		image_walk(&t.m);
		want = t.m.result.err;
		assert_int_equal(control(KVM_DEV_ARM_ITS_CTRL_RESET), 0);
		gits(GITS_BASER0, t.m.walk.devices);
		gits(GITS_BASER0 + 8, t.m.walk.collections);
		err = control(KVM_DEV_ARM_ITS_RESTORE_TABLES);
		if (err != want) {
			char text[256] = "";

			if (t.m.nr_issues)
				its_issue_text(&t.m.issue[0], text, sizeof(text));
			fail_msg("case %u: restore is %d, the walk says %d: %s", n, err, want,
				 text);
		}
		nr[err == -EINVAL ? 1 : err == -EFAULT ? 2 : 0]++;
		wrong += err == -EEXIST;
	}
	/* All of them happen. */
	assert_true(nr[0] > 100 && nr[1] > 100 && wrong > 3);
}

static void restore_flat(void **state)
{
	restore_with_mistakes(false);
}

static void restore_two_levels(void **state)
{
	restore_with_mistakes(true);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(save_flat),
	    T(save_two_levels),
	    T(restore_flat),
	    T(restore_two_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
