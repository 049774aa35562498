/* SPDX-License-Identifier: MIT */
/* KVM_GET_REG_LIST, KVM_GET_ONE_REG, KVM_SET_ONE_REG. */
#include "machine.h"

#include <stdlib.h>
#include <unistd.h>

static int get(struct machine *m, uint64_t id, void *p)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)p};

	return kvm_ptr(m->vcpu[0], KVM_GET_ONE_REG, &r);
}

static int set(struct machine *m, uint64_t id, const void *p)
{
	struct kvm_one_reg r = {.id = id, .addr = (uintptr_t)p};

	return kvm_ptr(m->vcpu[0], KVM_SET_ONE_REG, &r);
}

static struct kvm_reg_list *reg_list(struct machine *m)
{
	struct kvm_reg_list probe = {0}, *l;

	assert_int_equal(kvm_ptr(m->vcpu[0], KVM_GET_REG_LIST, &probe), -E2BIG);
	assert_true(probe.n > 100);
	l = calloc(1, sizeof(*l) + probe.n * 8);
	l->n = probe.n - 1;
	assert_int_equal(kvm_ptr(m->vcpu[0], KVM_GET_REG_LIST, l), -E2BIG);
	assert_int_equal(l->n, probe.n);
	assert_int_equal(kvm_ptr(m->vcpu[0], KVM_GET_REG_LIST, l), 0);
	assert_int_equal(l->n, probe.n);
	return l;
}

static bool listed(const struct kvm_reg_list *l, uint64_t id)
{
	for (uint64_t n = 0; n < l->n; n++) {
		if (l->reg[n] == id)
			return true;
	}
	return false;
}

/* A VMM migrates with a loop that knows nothing: everything listed can be read and put back. */
static void listed_registers_go_both_ways(void **state)
{
	struct machine m;
	uint8_t value[16];

	machine_create(&m, 1, true);
	struct kvm_reg_list *l = reg_list(&m);

	for (uint64_t n = 0; n < l->n; n++) {
		if (get(&m, l->reg[n], value) || set(&m, l->reg[n], value))
			fail_msg("register 0x%llx", (unsigned long long)l->reg[n]);
		for (uint64_t k = 0; k < n; k++)
			assert_true(l->reg[k] != l->reg[n]);
	}
	free(l);
	machine_destroy(&m);
}

/* Those that KVM's own test insists on, apart from features that this CPU has not. */
static void blessed_registers_are_listed(void **state)
{
	static const uint64_t ids[] = {
	    REG_X(0),
	    REG_X(30),
	    REG_CORE(regs.sp),
	    REG_CORE(regs.pc),
	    REG_CORE(regs.pstate),
	    REG_CORE(sp_el1),
	    REG_CORE(elr_el1),
	    REG_CORE(spsr[0]),
	    REG_CORE(spsr[4]),
	    0x6040000000100054,
	    0x60400000001000d0,
	    0x60200000001000d4,
	    0x60200000001000d5,
	    0x6030000000140000,
	    0x6030000000140003,
	    0x603000000013df19,
	    0x603000000013df02,
	    0x603000000013df1a,
	    ARM64_SYS_REG(3, 0, 0, 0, 0),
	    ARM64_SYS_REG(3, 0, 0, 0, 5),
	    ARM64_SYS_REG(2, 0, 0, 0, 4),
	    ARM64_SYS_REG(2, 0, 0, 15, 7),
	    ARM64_SYS_REG(3, 0, 0, 7, 7),
	    ARM64_SYS_REG(3, 0, 1, 0, 0),
	    ARM64_SYS_REG(3, 0, 2, 0, 0),
	    ARM64_SYS_REG(3, 0, 12, 0, 0),
	    ARM64_SYS_REG(3, 0, 14, 1, 0),
	    ARM64_SYS_REG(3, 3, 13, 0, 2),
	    ARM64_SYS_REG(3, 3, 0, 0, 1),
	    KVM_REG_ARM_STD_BMAP,
	    KVM_REG_ARM_STD_HYP_BMAP,
	    KVM_REG_ARM_VENDOR_HYP_BMAP,
	    ARM64_SYS_REG(2, 4, 0, 7, 0),
	    ARM64_SYS_REG(3, 0, 12, 1, 1),
	    ARM64_SYS_REG(3, 4, 3, 0, 0),
	    ARM64_SYS_REG(3, 4, 5, 0, 1),
	    ARM64_SYS_REG(3, 4, 5, 3, 0),
	};
	struct machine m;

	machine_create(&m, 1, true);
	struct kvm_reg_list *l = reg_list(&m);

	for (unsigned n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
		if (!listed(l, ids[n]))
			fail_msg("register 0x%llx", (unsigned long long)ids[n]);
	}
	free(l);
	machine_destroy(&m);
}

static void reset_values(void **state)
{
	struct machine m;

	machine_create(&m, 3, true);
	assert_int_equal(reg_get(&m, 0, REG_CORE(regs.pstate)), 0x3c5);
	for (unsigned n = 0; n < 31; n++)
		assert_int_equal(x_get(&m, 0, n), 0);
	assert_int_equal(reg_get(&m, 0, ARM64_SYS_REG(3, 0, 1, 0, 0)), 0x00c50078);
	assert_int_equal(reg_get(&m, 0, ARM64_SYS_REG(3, 0, 2, 0, 0)), 0x1de7ec7edbadc0de);
	assert_int_equal(reg_get(&m, 0, ARM64_SYS_REG(3, 0, 12, 0, 0)), 0);
	assert_int_equal(reg_get(&m, 2, ARM64_SYS_REG(3, 0, 0, 0, 5)), 0x80000002);
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_PSCI_VERSION), 0x10001);
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_TIMER_CTL) & 3, 0);
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_TIMER_CVAL), 0);
	/* The virtual counter starts with the VM's last vCPU. */
	assert_true(reg_get(&m, 0, KVM_REG_ARM_TIMER_CNT) < UINT64_C(60000000000));
	machine_destroy(&m);
}

static void core_registers_keep_values(void **state)
{
	struct machine m;
	uint64_t v128[2] = {0x1122334455667788, 0x99aabbccddeeff00}, got[2];
	uint32_t fpcr = 0x00c00000, u32 = 0;

	machine_create(&m, 1, true);
	for (unsigned n = 0; n < 31; n++)
		x_set(&m, 0, n, 0x0101010101010101 * n + 7);
	for (unsigned n = 0; n < 31; n++)
		assert_int_equal(x_get(&m, 0, n), 0x0101010101010101 * n + 7);
	/* EL1h: SP_EL1 is the current stack pointer; both are kept apart whichever is current. */
	reg_set(&m, 0, REG_CORE(regs.sp), 0x1000);
	reg_set(&m, 0, REG_CORE(sp_el1), 0x2000);
	reg_set(&m, 0, REG_CORE(regs.pstate), 0x3c4);
	assert_int_equal(reg_get(&m, 0, REG_CORE(regs.sp)), 0x1000);
	assert_int_equal(reg_get(&m, 0, REG_CORE(sp_el1)), 0x2000);
	reg_set(&m, 0, REG_CORE(regs.sp), 0x3000);
	reg_set(&m, 0, REG_CORE(regs.pstate), 0x600003c5);
	assert_int_equal(reg_get(&m, 0, REG_CORE(regs.sp)), 0x3000);
	assert_int_equal(reg_get(&m, 0, REG_CORE(sp_el1)), 0x2000);
	assert_int_equal(reg_get(&m, 0, REG_CORE(regs.pstate)), 0x600003c5);
	for (unsigned n = 0; n < 5; n++)
		reg_set(&m, 0, REG_CORE(spsr[0]) + 2 * n, 100 + n);
	for (unsigned n = 0; n < 5; n++)
		assert_int_equal(reg_get(&m, 0, REG_CORE(spsr[0]) + 2 * n), 100 + n);
	assert_int_equal(set(&m, 0x60400000001000d0, v128), 0);
	assert_int_equal(get(&m, 0x60400000001000d0, got), 0);
	assert_memory_equal(got, v128, 16);
	assert_int_equal(set(&m, 0x60200000001000d5, &fpcr), 0);
	assert_int_equal(get(&m, 0x60200000001000d5, &u32), 0);
	assert_int_equal(u32, fpcr);
	machine_destroy(&m);
}

static void errors(void **state)
{
	static const struct {
		uint64_t id;
		int err;
	} cases[] = {
	    {0x6030000000100001, -EINVAL}, /* core: in the middle of a register */
	    {0x6020000000100000, -EINVAL}, /* half of X0 */
	    {0x6030000000100054, -EINVAL}, /* half of V0 */
	    {0x6040000000100055, -EINVAL}, /* V0 from its second word */
	    {0x6030000000100052, -EINVAL}, /* the hole before V0 */
	    {0x60200000001000d6, -EINVAL}, /* the hole after FPCR */
	    {0x60300000001000d6, -ENOENT}, /* beyond the end */
	    {0x603000000010ffff, -ENOENT}, {0x60f0000000100000, -ENOENT}, /* a size of 32 KiB */
	    {0x7030000000100000, -EINVAL},				  /* another architecture */
	    {0x6030000100100000, -EINVAL}, {0x6030000000110000, -ENOENT}, /* CCSIDR is 32 bits */
	    {0x602000000011000f, -ENOENT}, {0x6020000000110100, -ENOENT},
	    {0x6030000000120000, -ENOENT}, /* no such class */
	    {0x603000000013c087, -ENOENT}, /* a system register that is not there */
	    {0x602000000013c000, -ENOENT}, /* MIDR in 32 bits */
	    {0x6030000000140009, -ENOENT}, {0x6080000000150000, -ENOENT}, /* no SVE */
	};
	struct machine m;
	uint64_t v[4096] = {0};

	machine_create(&m, 1, true);
	for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		int g = get(&m, cases[n].id, v), s = set(&m, cases[n].id, v);

		if (g != cases[n].err || s != cases[n].err)
			fail_msg("register 0x%llx: get %d, set %d, want %d",
				 (unsigned long long)cases[n].id, g, s, cases[n].err);
	}
	machine_destroy(&m);
}

static int set_u64(struct machine *m, uint64_t id, uint64_t v)
{
	return set(m, id, &v);
}

static void refused_values(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(set_u64(&m, REG_CORE(regs.pstate), 0x3c9), -EINVAL); /* EL2h */
	assert_int_equal(set_u64(&m, REG_CORE(regs.pstate), 0x1d3), -EINVAL); /* AArch32 */
	assert_int_equal(set_u64(&m, ARM64_SYS_REG(3, 0, 0, 0, 0), 0x410fd000), -EINVAL); /* MIDR */
	assert_int_equal(set_u64(&m, ARM64_SYS_REG(3, 0, 0, 4, 0), 0), -EINVAL); /* ID register */
	assert_int_equal(set_u64(&m, ARM64_SYS_REG(2, 0, 1, 1, 4), 0), -EINVAL); /* OSLSR_EL1 */
	assert_int_equal(set_u64(&m, ARM64_SYS_REG(2, 0, 1, 1, 4), 0xa), 0);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_PSCI_VERSION, 1), -EINVAL); /* 0.1 */
	assert_int_equal(set_u64(&m, KVM_REG_ARM_PSCI_VERSION, 0x10004), -EINVAL);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_PSCI_VERSION, 2), 0);
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_PSCI_VERSION), 2);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 2), 0);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 3), -EINVAL);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0x12), 0);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0x13), -EINVAL);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0x20), -EINVAL);
	machine_destroy(&m);
}

/* What FEAT_... this vCPU has not: PSCI 0.1 without the feature bit. */
static void psci_0_1(void **state)
{
	struct kvm_vcpu_init init = {.target = 5};
	struct machine m;
	int v;

	machine_create(&m, 0, false);
	v = kvm(m.vm, KVM_CREATE_VCPU, 0);
	assert_int_equal(kvm_ptr(v, KVM_ARM_VCPU_INIT, &init), 0);
	m.vcpu[0] = v;
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_PSCI_VERSION), 1);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_PSCI_VERSION, 1), 0);
	assert_int_equal(set_u64(&m, KVM_REG_ARM_PSCI_VERSION, 2), -EINVAL);
	am_kvm_close(v);
	machine_destroy(&m);
}

/* The counter's offset is the VM's: setting it through one vCPU shows in the other. */
static void counter_is_shared(void **state)
{
	struct machine m;
	uint64_t a, b, big = UINT64_C(1) << 50;

	machine_create(&m, 2, true);
	reg_set(&m, 0, KVM_REG_ARM_TIMER_CNT, big);
	a = reg_get(&m, 1, KVM_REG_ARM_TIMER_CNT);
	usleep(2000);
	b = reg_get(&m, 0, KVM_REG_ARM_TIMER_CNT);
	assert_true(a >= big && a < big + UINT64_C(60000000000));
	assert_true(b - a >= 2000000 && b - a < UINT64_C(60000000000));
	/* CVAL and CNT have each other's encodings. */
	reg_set(&m, 0, KVM_REG_ARM_TIMER_CVAL, 1234);
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_TIMER_CVAL), 1234);
	assert_true(reg_get(&m, 0, KVM_REG_ARM_TIMER_CNT) >= big);
	assert_int_equal(reg_get(&m, 0, KVM_REG_ARM_TIMER_CTL), 4); /* disabled; has passed */
	machine_destroy(&m);
}

#define MPIDR  ARM64_SYS_REG(3, 0, 0, 0, 5)
#define PFR0   ARM64_SYS_REG(3, 0, 0, 4, 0)
#define PFR1   ARM64_SYS_REG(3, 0, 0, 4, 1)
#define ZFR0   ARM64_SYS_REG(3, 0, 0, 4, 4)
#define DFR0   ARM64_SYS_REG(3, 0, 0, 5, 0)
#define ISAR0  ARM64_SYS_REG(3, 0, 0, 6, 0)
#define MMFR0  ARM64_SYS_REG(3, 0, 0, 7, 0)
#define MMFR1  ARM64_SYS_REG(3, 0, 0, 7, 1)
#define MMFR2  ARM64_SYS_REG(3, 0, 0, 7, 2)
#define CLIDR  ARM64_SYS_REG(3, 1, 0, 0, 1)
#define CTR    ARM64_SYS_REG(3, 3, 0, 0, 1)
#define ONE(b) (UINT64_C(1) << (b))
#define F(b)   (UINT64_C(0xf) << (b))

/* A guest may be shown less than there is, all of its vCPUs, and before it runs. */
static void identification(void **state)
{
	const uint64_t csv3 = UINT64_C(0xf) << 60, atomic = UINT64_C(0xf) << 20;
	struct machine m;
	uint64_t pfr0, isar0, mmfr0;

	machine_create(&m, 2, true);
	pfr0 = reg_get(&m, 0, PFR0);
	isar0 = reg_get(&m, 0, ISAR0);
	mmfr0 = reg_get(&m, 0, MMFR0);
	assert_int_equal(set_u64(&m, PFR0, pfr0 & ~csv3), 0);
	assert_int_equal(set_u64(&m, ISAR0, isar0 & ~atomic), 0);
	assert_int_equal(reg_get(&m, 1, PFR0), pfr0 & ~csv3);
	assert_int_equal(reg_get(&m, 1, ISAR0), isar0 & ~atomic);
	/* And back, but not beyond. */
	assert_int_equal(set_u64(&m, PFR0, pfr0), 0);
	assert_int_equal(set_u64(&m, PFR0, (pfr0 & ~csv3) | UINT64_C(2) << 60), -EINVAL);
	assert_int_equal(set_u64(&m, ISAR0, isar0 | UINT64_C(1) << 4), -EINVAL); /* AES */
	assert_int_equal(set_u64(&m, MMFR0, mmfr0 - 1), 0);			 /* PARange */
	assert_int_equal(set_u64(&m, MMFR0, mmfr0 + 1), -EINVAL);
	/* TGran64: 15 is "no", 1 would be more. */
	assert_int_equal(set_u64(&m, MMFR0, mmfr0 | UINT64_C(15) << 24), 0);
	assert_int_equal(set_u64(&m, MMFR0, mmfr0 | UINT64_C(1) << 24), -EINVAL);
	assert_int_equal(set_u64(&m, DFR0, reg_get(&m, 0, DFR0) - 1), -EINVAL);
	assert_int_equal(set_u64(&m, MMFR2, 1), -EINVAL);
	/* The guest reads what was set. */
	emit(&m, A64_MRS(20, 3, 0, 0, 6, 0));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20), isar0 & ~atomic);
	assert_int_equal(set_u64(&m, ISAR0, isar0), -EBUSY);
	assert_int_equal(set_u64(&m, ISAR0, isar0 & ~atomic), 0);
	machine_destroy(&m);
}

/* Fields of which the smaller number is not the safe one, or not every smaller one is. */
static void identification_by_field(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	uint64_t pfr0 = reg_get(&m, 0, PFR0), dfr0 = reg_get(&m, 0, DFR0);
	uint64_t mmfr1 = reg_get(&m, 0, MMFR1);

	/* GIC: 0 or what there is. */
	assert_int_equal(pfr0 & F(24), ONE(24));
	assert_int_equal(set_u64(&m, PFR0, (pfr0 & ~F(24)) | UINT64_C(2) << 24), -EINVAL);
	assert_int_equal(set_u64(&m, PFR0, pfr0 & ~F(24)), 0);
	assert_int_equal(reg_get(&m, 0, PFR0), pfr0 & ~F(24));
	assert_int_equal(set_u64(&m, PFR0, pfr0), 0);
	assert_int_equal(set_u64(&m, PFR0, pfr0 & ~F(28)), -EINVAL); /* RAS */
	/* DoubleLock: 15 is "no", and less than the 0 that there is. */
	assert_int_equal(dfr0 & F(36), 0);
	assert_int_equal(set_u64(&m, DFR0, dfr0 | ONE(36)), -EINVAL);
	assert_int_equal(set_u64(&m, DFR0, dfr0 | F(36)), 0);
	assert_int_equal(reg_get(&m, 0, DFR0), dfr0 | F(36));
	/* PMUVer: 15 is taken, for "no". */
	assert_int_equal(set_u64(&m, DFR0, dfr0 | ONE(8)), -EINVAL);
	assert_int_equal(set_u64(&m, DFR0, dfr0 | F(8)), 0);
	assert_int_equal(reg_get(&m, 0, DFR0), dfr0);
	/* Watchpoints may be fewer, breakpoints not. */
	assert_int_equal(set_u64(&m, DFR0, dfr0 - ONE(20)), 0);
	assert_int_equal(set_u64(&m, DFR0, dfr0 + ONE(20)), -EINVAL);
	assert_int_equal(set_u64(&m, DFR0, dfr0 - ONE(12)), -EINVAL);
	/* SpecSEI: the higher the safer. */
	assert_int_equal(set_u64(&m, MMFR1, mmfr1 | ONE(24)), 0);
	assert_int_equal(set_u64(&m, MMFR1, mmfr1), 0);
	/* There is nothing of these. */
	assert_int_equal(set_u64(&m, PFR1, ONE(4)), -EINVAL);
	assert_int_equal(set_u64(&m, ZFR0, 1), -EINVAL);
	machine_destroy(&m);
}

/* CTR_EL0 is the VM's; smaller lines and more maintenance may be asked for. */
static void cache_type(void **state)
{
	static const uint64_t refused[] = {ONE(0),  ONE(14), ONE(16), ONE(20),
					   ONE(24), ONE(29), ONE(30), ONE(32)};
	struct kvm_vcpu_init init = {.target = 5, .features = {1 << KVM_ARM_VCPU_PSCI_0_2}};
	struct machine m;
	uint64_t ctr, less;

	machine_create(&m, 2, true);
	ctr = reg_get(&m, 0, CTR);
	assert_int_equal(ctr, 0x9444c004);
	for (unsigned n = 0; n < sizeof(refused) / sizeof(refused[0]); n++)
		assert_int_equal(set_u64(&m, CTR, ctr + refused[n]), -EINVAL);
	assert_int_equal(set_u64(&m, CTR, ctr & ~ONE(31)), -EINVAL); /* RES1 */
	assert_int_equal(set_u64(&m, CTR, ctr - ONE(20)), -EINVAL);  /* ERG */
	assert_int_equal(set_u64(&m, CTR, ctr - ONE(24)), -EINVAL);  /* CWG */
	assert_int_equal(set_u64(&m, CTR, ctr - ONE(14)), -EINVAL);  /* L1Ip */
	less = ctr - ONE(0) - ONE(16) - ONE(28);
	assert_int_equal(set_u64(&m, CTR, less), 0);
	assert_int_equal(reg_get(&m, 1, CTR), less);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
	assert_int_equal(reg_get(&m, 0, CTR), less);
	/* What DC ZVA clears, DCZID_EL0.BS, is not the size of a line. */
	emit(&m, A64_MRS(20, 3, 3, 0, 0, 1));
	emit(&m, A64_MRS(21, 3, 3, 0, 0, 7));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	pc_set(&m, 0, RAM);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20), less);
	assert_int_equal(x_get(&m, 0, 21), 4);
	assert_int_equal(set_u64(&m, CTR, ctr), -EBUSY);
	assert_int_equal(set_u64(&m, CTR, less), 0);
	machine_destroy(&m);
}

/* CLIDR_EL1 and MPIDR_EL1 are each vCPU's, and KVM_ARM_VCPU_INIT leaves them. */
static void identification_of_a_vcpu(void **state)
{
	struct kvm_vcpu_init init = {.target = 5, .features = {1 << KVM_ARM_VCPU_PSCI_0_2}};
	struct machine m;
	uint64_t clidr, mpidr;

	machine_create(&m, 2, true);
	clidr = reg_get(&m, 0, CLIDR);
	mpidr = reg_get(&m, 0, MPIDR);
	assert_int_equal(clidr & 0x3f, 3); /* separate L1, no L2 */
	assert_int_equal(set_u64(&m, CLIDR, clidr | ONE(47)), -EINVAL);
	assert_int_equal(set_u64(&m, CLIDR, clidr | ONE(5)), 0); /* L2: unified */
	assert_int_equal(set_u64(&m, MPIDR, mpidr + 8), 0);
	assert_int_equal(reg_get(&m, 1, CLIDR), clidr);
	assert_int_equal(reg_get(&m, 1, MPIDR), mpidr + 1);
	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_ARM_VCPU_INIT, &init), 0);
	assert_int_equal(reg_get(&m, 0, CLIDR), clidr | ONE(5));
	assert_int_equal(reg_get(&m, 0, MPIDR), mpidr + 8);
	emit(&m, A64_MRS(20, 3, 1, 0, 0, 1));
	emit(&m, A64_MRS(21, 3, 0, 0, 0, 5));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	pc_set(&m, 0, RAM);
	run_to_off(&m, 0);
	assert_int_equal(x_get(&m, 0, 20), clidr | ONE(5));
	assert_int_equal(x_get(&m, 0, 21), mpidr + 8);
	machine_destroy(&m);
}

/* Without a GICv3 there is none in ID_AA64PFR0_EL1 once a vCPU runs, said before or not. */
static void no_gic(void **state)
{
	for (int said = 0; said < 2; said++) {
		struct machine m;
		uint64_t pfr0, none;

		machine_create(&m, 1, false);
		pfr0 = reg_get(&m, 0, PFR0);
		none = pfr0 & ~F(24);
		assert_int_not_equal(pfr0, none);
		if (said)
			assert_int_equal(set_u64(&m, PFR0, none), 0);
		emit(&m, A64_MRS(20, 3, 0, 0, 4, 0));
		emit_psci(&m, PSCI_SYSTEM_OFF);
		run_to_off(&m, 0);
		assert_int_equal(x_get(&m, 0, 20), none);
		assert_int_equal(reg_get(&m, 0, PFR0), none);
		assert_int_equal(set_u64(&m, PFR0, pfr0), -EBUSY);
		assert_int_equal(set_u64(&m, PFR0, none), 0);
		assert_int_equal(reg_get(&m, 0, PFR0), none);
		machine_destroy(&m);
	}
}

/* No AArch32: its ID registers are zero, and take anything from a machine that has it. */
static void aarch32_identification(void **state)
{
	struct machine m;

	machine_create(&m, 1, false);
	for (unsigned crm = 1; crm <= 3; crm++) {
		for (unsigned op2 = 0; op2 < 8; op2++) {
			uint64_t id = ARM64_SYS_REG(3, 0, 0, crm, op2);
			/* ID_AFR0, ID_DFR1 and what is unallocated */
			bool refused = (crm == 1 && op2 == 3) ||
				       (crm == 3 && (op2 == 3 || op2 == 5 || op2 == 7));

			assert_int_equal(set_u64(&m, id, 0x1234), refused ? -EINVAL : 0);
			assert_int_equal(reg_get(&m, 0, id), 0);
		}
	}
	machine_destroy(&m);
}

static void writable_masks(void **state)
{
	static uint64_t masks[KVM_ARM_FEATURE_ID_RANGE_SIZE];
	struct reg_mask_range r = {.addr = (uintptr_t)masks};
	struct machine m;

	machine_create(&m, 1, false);
	memset(masks, 0x55, sizeof(masks));
	assert_int_equal(kvm_ptr(m.vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &r), 0);
	assert_int_equal(masks[4 * 8] >> 60, 0xf);		     /* CSV3 */
	assert_int_equal(masks[4 * 8] & F(24), F(24));		     /* GIC */
	assert_int_equal(masks[4 * 8] & F(28), 0);		     /* RAS */
	assert_int_equal(masks[4 * 8 + 1], F(0) | F(4) | F(32));     /* ID_AA64PFR1_EL1 */
	assert_int_equal(masks[5 * 8], F(0) | F(8) | F(20) | F(36)); /* ID_AA64DFR0_EL1 */
	assert_int_equal(masks[6 * 8], ~UINT64_C(0xf));		     /* ID_AA64ISAR0_EL1 */
	assert_int_equal(masks[0], 0);				     /* MIDR_EL1 */
	assert_int_equal(masks[5], 0);				     /* MPIDR_EL1: not by a mask */
	assert_int_equal(masks[8], 0);				     /* ID_PFR0_EL1 */
	assert_int_equal(masks[64 + 1], ONE(47) - 1);		     /* CLIDR_EL1 */
	assert_int_equal(masks[128 + 1], F(0) | F(16) | ONE(28) | ONE(29)); /* CTR_EL0 */
	assert_int_equal(masks[KVM_ARM_FEATURE_ID_RANGE_SIZE - 1], 0);
	r.range = 1;
	assert_int_equal(kvm_ptr(m.vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &r), -EINVAL);
	r.range = 0;
	r.reserved[12] = 1;
	assert_int_equal(kvm_ptr(m.vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &r), -EINVAL);
	r.reserved[12] = 0;
	r.addr = 8;
	assert_int_equal(kvm_ptr(m.vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &r), -EFAULT);
	assert_int_equal(kvm(m.vm, KVM_ARM_GET_REG_WRITABLE_MASKS, 8), -EFAULT);
	machine_destroy(&m);
}

/* CPU_ON has happened for whoever looks, though the vCPU has not run since. */
static void reset_that_is_owed(void **state)
{
	struct machine m;

	machine_create(&m, 2, false);
	x_set(&m, 1, 5, 99);
	emit_mov(&m, 1, 1);
	emit_mov(&m, 2, RAM + 0x1000);
	emit_mov(&m, 3, 0x77);
	emit_psci(&m, PSCI_CPU_ON);
	emit_mov(&m, 6, DEVICE);
	emit(&m, A64_LDR_W(7, 6));
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(pc_get(&m, 1), RAM + 0x1000);
	assert_int_equal(x_get(&m, 1, 0), 0x77);
	assert_int_equal(x_get(&m, 1, 5), 0);
	/* Once: what is set now stays. */
	x_set(&m, 1, 5, 7);
	assert_int_equal(x_get(&m, 1, 5), 7);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(listed_registers_go_both_ways),
	    cmocka_unit_test(blessed_registers_are_listed),
	    cmocka_unit_test(reset_values),
	    cmocka_unit_test(core_registers_keep_values),
	    cmocka_unit_test(errors),
	    cmocka_unit_test(refused_values),
	    cmocka_unit_test(psci_0_1),
	    cmocka_unit_test(counter_is_shared),
	    cmocka_unit_test(identification),
	    cmocka_unit_test(identification_by_field),
	    cmocka_unit_test(cache_type),
	    cmocka_unit_test(identification_of_a_vcpu),
	    cmocka_unit_test(no_gic),
	    cmocka_unit_test(aarch32_identification),
	    cmocka_unit_test(writable_masks),
	    cmocka_unit_test(reset_that_is_owed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
