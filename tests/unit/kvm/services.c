/* SPDX-License-Identifier: MIT */
/* Firmware services beside PSCI: TRNG, stolen time, KVM's own; and the bitmaps that switch them. */
#include "machine.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NOT_SUPPORTED  ((uint64_t)-1)
#define INVALID_PARAMS ((uint64_t)-2)
#define ARCH_FEATURES  0x80000001u
#define TRNG_VERSION   0x84000050u
#define TRNG_FEATURES  0x84000051u
#define TRNG_GET_UUID  0x84000052u
#define TRNG_RND32     0x84000053u
#define TRNG_RND64     0xc4000053u
#define PV_FEATURES    0xc5000020u
#define PV_ST	       0xc5000021u
#define CALL_UID       0x8600ff01u
#define KVM_FEATURES   0x86000000u
#define KVM_PTP	       0x86000001u
#define STOLEN	       (RAM + 0x8000)

/* One call with X1; its four results in @x. */
static void call(struct machine *m, uint32_t id, uint64_t arg, uint64_t x[4])
{
	struct kvm_vcpu_init init = {.target = 5, .features = {1u << KVM_ARM_VCPU_PSCI_0_2}};

	assert_int_equal(kvm_ptr(m->vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
	code_at(m, RAM);
	emit_mov(m, 1, arg);
	emit_mov(m, 2, 0xbad2);
	emit_mov(m, 3, 0xbad3);
	emit_psci(m, id);
	for (unsigned n = 0; n < 4; n++)
		emit(m, A64_MOV(20 + n, n));
	emit_psci(m, PSCI_SYSTEM_OFF);
	pc_set(m, 0, RAM);
	run_to_off(m, 0);
	for (unsigned n = 0; n < 4; n++)
		x[n] = x_get(m, 0, 20 + n);
}

static uint64_t call1(struct machine *m, uint32_t id, uint64_t arg)
{
	uint64_t x[4];

	call(m, id, arg, x);
	return x[0];
}

static int try_set(struct machine *m, uint64_t id, uint64_t v)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)&v};

	return kvm_ptr(m->vcpu[0], KVM_SET_ONE_REG, &r);
}

static int set_pvtime(struct machine *m, unsigned n, uint64_t ipa)
{
	struct kvm_device_attr a = {.group = KVM_ARM_VCPU_PVTIME_CTRL,
				    .attr = KVM_ARM_VCPU_PVTIME_IPA,
				    .addr = (uintptr_t)&ipa};

	return kvm_ptr(m->vcpu[n], KVM_SET_DEVICE_ATTR, &a);
}

static bool steal_supported(struct machine *m)
{
	return kvm(m->vm, KVM_CHECK_EXTENSION, KVM_CAP_STEAL_TIME);
}

static void bitmap_registers(void **state)
{
	static const uint64_t all[] = {1, 1, 3};
	struct machine m;

	machine_create(&m, 2, false);
	for (unsigned n = 0; n < 3; n++) {
		uint64_t id = KVM_REG_ARM_FW_FEAT_BMAP_REG(n);

		assert_int_equal(reg_get(&m, 0, id), all[n]);
		assert_int_equal(try_set(&m, id, all[n] + 1), -EINVAL);
		assert_int_equal(try_set(&m, id, UINT64_C(1) << 63), -EINVAL);
		assert_int_equal(try_set(&m, id, 0), 0);
		/* The VM's: every vCPU shows it. */
		assert_int_equal(reg_get(&m, 1, id), 0);
	}
	assert_int_equal(try_set(&m, KVM_REG_ARM_VENDOR_HYP_BMAP, 2), 0);
	assert_int_equal(try_set(&m, KVM_REG_ARM_FW_FEAT_BMAP_REG(4), 0), -ENOENT);
	assert_int_equal(try_set(&m, KVM_REG_ARM_STD_BMAP ^ KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32, 0),
			 -ENOENT);
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	/* Too late, but what it is may be said again. */
	assert_int_equal(try_set(&m, KVM_REG_ARM_STD_BMAP, 1), -EBUSY);
	assert_int_equal(try_set(&m, KVM_REG_ARM_STD_BMAP, 0), 0);
	assert_int_equal(try_set(&m, KVM_REG_ARM_STD_BMAP, 2), -EINVAL);
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_VENDOR_HYP_BMAP), 2);
	machine_destroy(&m);
}

/* A service that was taken away is as unknown as one that never was. */
static void services_off(void **state)
{
	static const uint32_t ids[] = {TRNG_VERSION, TRNG_FEATURES, TRNG_GET_UUID, TRNG_RND32,
				       TRNG_RND64,   PV_FEATURES,   PV_ST,	   CALL_UID,
				       KVM_FEATURES, KVM_PTP};
	struct machine m;

	machine_create(&m, 1, false);
	if (steal_supported(&m))
		assert_int_equal(set_pvtime(&m, 0, STOLEN), 0);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(try_set(&m, KVM_REG_ARM_FW_FEAT_BMAP_REG(n), 0), 0);
	for (unsigned n = 0; n < sizeof(ids) / sizeof(ids[0]); n++)
		assert_int_equal(call1(&m, ids[n], 0), NOT_SUPPORTED);
	assert_int_equal(call1(&m, ARCH_FEATURES, PV_FEATURES), NOT_SUPPORTED);
	assert_int_equal(call1(&m, PSCI_VERSION, 0), 0x10001);
	machine_destroy(&m);
}

static void random_numbers(void **state)
{
	struct machine m;
	uint64_t x[4], y[4];

	machine_create(&m, 1, false);
	assert_int_equal(call1(&m, TRNG_VERSION, 0), 0x10000);
	assert_int_equal(call1(&m, TRNG_FEATURES, TRNG_RND64), 0);
	assert_int_equal(call1(&m, TRNG_FEATURES, TRNG_RND32), 0);
	assert_int_equal(call1(&m, TRNG_FEATURES, KVM_PTP), NOT_SUPPORTED);
	assert_int_equal(call1(&m, TRNG_FEATURES, 0xc4000050), NOT_SUPPORTED);
	call(&m, TRNG_GET_UUID, 0, x);
	assert_int_equal(x[0], 0x00e0210d);
	assert_int_equal(x[3], 0x4c5a4e55);
	call(&m, TRNG_RND64, 192, x);
	call(&m, TRNG_RND64, 192, y);
	assert_int_equal(x[0], 0);
	for (unsigned n = 1; n < 4; n++) {
		assert_true(x[n] != y[n]);
		assert_true(x[n] >> 32);
	}
	assert_int_equal(call1(&m, TRNG_RND64, 193), INVALID_PARAMS);
	/* What is beyond the bits asked for is zero; x3 holds the lowest. */
	call(&m, TRNG_RND64, 65, x);
	assert_int_equal(x[1], 0);
	assert_true(x[2] <= 1);
	assert_true(x[3] != 0);
	call(&m, TRNG_RND64, 3, x);
	assert_int_equal(x[1] | x[2], 0);
	assert_true(x[3] < 8);
	call(&m, TRNG_RND32, 96, x);
	assert_int_equal(x[0], 0);
	assert_int_equal((x[1] | x[2] | x[3]) >> 32, 0);
	assert_true(x[1] | x[2] | x[3]);
	assert_int_equal(call1(&m, TRNG_RND32, 97), INVALID_PARAMS);
	machine_destroy(&m);
}

static uint64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void kvms_own(void **state)
{
	struct machine m;
	uint64_t x[4], t0, t1, ns, count;

	machine_create(&m, 1, false);
	call(&m, CALL_UID, 0, x);
	assert_int_equal(x[0], 0xb66fb428);
	assert_int_equal(x[1], 0xe911c52e);
	assert_int_equal(x[2], 0x564bcaa9);
	assert_int_equal(x[3], 0x743a004d);
	call(&m, KVM_FEATURES, 0, x);
	assert_int_equal(x[0], 3);
	assert_int_equal(x[1] | x[2] | x[3], 0);
	for (unsigned counter = 0; counter < 2; counter++) {
		t0 = real_ns();
		call(&m, KVM_PTP, counter, x);
		t1 = real_ns();
		ns = x[0] << 32 | x[1];
		count = x[2] << 32 | x[3];
		assert_int_equal((x[0] | x[1] | x[2] | x[3]) >> 32, 0);
		assert_true(ns >= t0 && ns <= t1);
		/* The virtual counter began with the VM, the physical one with the host. */
		assert_true(counter ? count > UINT64_C(1000000) : count < t1 - t0 + 5000000000);
	}
	assert_int_equal(call1(&m, KVM_PTP, 2), NOT_SUPPORTED);
	machine_destroy(&m);
}

/* ---- Stolen time ---- */

static void stolen_time_attribute(void **state)
{
	struct kvm_device_attr a = {.group = KVM_ARM_VCPU_PVTIME_CTRL,
				    .attr = KVM_ARM_VCPU_PVTIME_IPA};
	uint64_t ipa = 0;
	struct machine m;

	machine_create(&m, 1, false);
	if (!steal_supported(&m)) {
		assert_int_equal(kvm_ptr(m.vcpu[0], KVM_HAS_DEVICE_ATTR, &a), -ENXIO);
		machine_destroy(&m);
		skip();
	}
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_HAS_DEVICE_ATTR, &a), 0);
	a.addr = (uintptr_t)&ipa;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_GET_DEVICE_ATTR, &a), 0);
	assert_int_equal(ipa, UINT64_MAX);
	assert_int_equal(set_pvtime(&m, 0, STOLEN + 1), -EINVAL);
	assert_int_equal(set_pvtime(&m, 0, STOLEN + 32), -EINVAL);
	assert_int_equal(set_pvtime(&m, 0, DEVICE), -EINVAL);
	assert_int_equal(set_pvtime(&m, 0, UINT64_C(1) << 62), -EINVAL);
	a.attr = 1;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_HAS_DEVICE_ATTR, &a), -ENXIO);
	a.attr = 0;
	a.addr = 8;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_DEVICE_ATTR, &a), -EFAULT);
	/* Not set: the guest finds no structure. */
	assert_int_equal(call1(&m, ARCH_FEATURES, PV_FEATURES), 0);
	assert_int_equal(call1(&m, PV_FEATURES, PV_ST), NOT_SUPPORTED);
	assert_int_equal(call1(&m, PV_ST, 0), NOT_SUPPORTED);
	assert_int_equal(set_pvtime(&m, 0, STOLEN), 0);
	assert_int_equal(set_pvtime(&m, 0, STOLEN), -EEXIST);
	a.addr = (uintptr_t)&ipa;
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_GET_DEVICE_ATTR, &a), 0);
	assert_int_equal(ipa, STOLEN);
	assert_int_equal(call1(&m, PV_FEATURES, PV_FEATURES), 0);
	assert_int_equal(call1(&m, PV_FEATURES, PV_ST), 0);
	assert_int_equal(call1(&m, PV_FEATURES, TRNG_RND64), NOT_SUPPORTED);
	assert_int_equal(call1(&m, PV_ST, 0), STOLEN);
	machine_destroy(&m);
}

static uint64_t run_delay(void)
{
	unsigned long long ran, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu %llu", &ran, &waited), 2);
	fclose(f);
	return waited;
}

static atomic_bool stop_hog;

static void *hog(void *opaque)
{
	while (!atomic_load_explicit(&stop_hog, memory_order_relaxed))
		;
	return NULL;
}

/* A thread beside the vCPU's takes its only CPU: the guest is told of every nanosecond. */
static void stolen_time(void **state)
{
	struct machine m;
	cpu_set_t before, one;
	pthread_t t;
	uint64_t *st, waited, was;

	machine_create(&m, 1, false);
	if (!steal_supported(&m)) {
		machine_destroy(&m);
		skip();
	}
	st = (uint64_t *)(void *)(m.ram + (STOLEN - RAM));
	st[0] = st[1] = 0x5555;
	assert_int_equal(set_pvtime(&m, 0, STOLEN), 0);
	assert_int_equal(call1(&m, PV_ST, 0), STOLEN);
	assert_int_equal(st[0], 0);
	was = st[1];
	assert_true(was <= run_delay());
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (int n = 0; n < CPU_SETSIZE; n++) {
		if (CPU_ISSET(n, &before)) {
			CPU_SET(n, &one);
			break;
		}
	}
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	waited = run_delay();
	assert_int_equal(pthread_create(&t, NULL, hog, NULL), 0);
	while (run_delay() - waited < 2000000)
		sched_yield();
	atomic_store(&stop_hog, true);
	pthread_join(t, NULL);
	waited = run_delay() - waited;
	assert_int_equal(call1(&m, PSCI_VERSION, 0), 0x10001);
	assert_true(st[1] - was >= waited);
	assert_int_equal(st[0], 0);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bitmap_registers),	     cmocka_unit_test(services_off),
	    cmocka_unit_test(random_numbers),	     cmocka_unit_test(kvms_own),
	    cmocka_unit_test(stolen_time_attribute), cmocka_unit_test(stolen_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
