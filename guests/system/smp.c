/* SPDX-License-Identifier: MIT */
/* PSCI and memory shared by CPUs: exclusives, LSE, ordering. */
#include "../guest.h"

#define PSCI_VERSION	   0x84000000
#define PSCI_CPU_ON	   0xc4000003
#define PSCI_AFFINITY_INFO 0xc4000004
#define PSCI_FEATURES	   0x8400000a
#define SMCCC_VERSION	   0x80000000

TEST(psci, "PSCI_FEATURES, AFFINITY_INFO and CPU_ON's errors")
{
	CHECK((u32)hvc(PSCI_VERSION, 0, 0, 0) >= 0x10000);
	CHECK_EQ((u32)hvc(PSCI_FEATURES, PSCI_CPU_ON, 0, 0), 0);
	CHECK_EQ((u32)hvc(PSCI_FEATURES, 0x8400007f, 0, 0), 0xffffffff);
	CHECK((u32)hvc(PSCI_FEATURES, SMCCC_VERSION, 0, 0) == 0);
	CHECK((u32)hvc(SMCCC_VERSION, 0, 0, 0) >= 0x10001);
	CHECK_EQ(hvc(PSCI_AFFINITY_INFO, 0, 0, 0), 0);
	CHECK_EQ((u32)hvc(PSCI_CPU_ON, 0, SPARE, 0), (u32)-4);	      /* ALREADY_ON */
	CHECK_EQ((u32)hvc(PSCI_CPU_ON, 0xff0000, SPARE, 0), (u32)-2); /* INVALID_PARAMETERS */
	if (start_cpus() > 1)
		CHECK_EQ(hvc(PSCI_AFFINITY_INFO, 1, 0, 0), 0);
}

static u64 count_excl(u64 n)
{
	u64 *p = (u64 *)(SPARE + 0x90000);

	while (n--) {
		u64 v;
		u32 fail;

		do {
			asm volatile("ldaxr %0, [%2]\n"
				     "add %0, %0, #1\n"
				     "stlxr %w1, %0, [%2]\n"
				     : "=&r"(v), "=&r"(fail)
				     : "r"(p)
				     : "memory");
		} while (fail);
	}
	return 0;
}

static u64 count_lse(u64 n)
{
	u64 *p = (u64 *)(SPARE + 0x90000);

	while (n--)
		asm volatile(".arch armv8.1-a\n ldadd %0, xzr, [%1]"
			     :
			     : "r"(1ul), "r"(p)
			     : "memory");
	return 0;
}

static u64 count_pair(u64 n)
{
	u64 *p = (u64 *)(SPARE + 0x90000);

	while (n--) {
		u64 a, b;
		u32 fail;

		do {
			asm volatile("ldaxp %0, %1, [%3]\n"
				     "add %0, %0, #1\n"
				     "add %1, %1, #2\n"
				     "stlxp %w2, %0, %1, [%3]\n"
				     : "=&r"(a), "=&r"(b), "=&r"(fail)
				     : "r"(p)
				     : "memory");
		} while (fail);
	}
	return 0;
}

static void contend(u64 (*fn)(u64), u64 rounds)
{
	unsigned n = start_cpus();

	poke(SPARE + 0x90000, 0);
	poke(SPARE + 0x90008, 0);
	for (unsigned c = 1; c < n; c++)
		cpu_do(c, fn, rounds);
	fn(rounds);
	for (unsigned c = 1; c < n; c++)
		cpu_wait(c);
	CHECK_EQ(peek(SPARE + 0x90000), n * rounds);
}

TEST(exclusives, "LDAXR and STLXR lose no increment")
{
	contend(count_excl, 100000);
}

TEST(lse, "LDADD loses no increment")
{
	contend(count_lse, 100000);
}

TEST(exclusive_pairs, "LDAXP and STLXP lose no increment of either half")
{
	contend(count_pair, 50000);
	CHECK_EQ(peek(SPARE + 0x90008), 2 * peek(SPARE + 0x90000));
}

TEST(excl_monitor, "STXR fails without LDXR, after CLREX and after an exception")
{
	u64 *p = (u64 *)(SPARE + 0x90000);
	u32 fail;
	u64 v;

	asm volatile("clrex\n stxr %w0, xzr, [%1]" : "=&r"(fail) : "r"(p) : "memory");
	CHECK_EQ(fail, 1);
	asm volatile("ldxr %1, [%2]\n clrex\n stxr %w0, xzr, [%2]"
		     : "=&r"(fail), "=&r"(v)
		     : "r"(p)
		     : "memory");
	CHECK_EQ(fail, 1);
	asm volatile("ldxr %1, [%2]\n svc #0\n stxr %w0, xzr, [%2]"
		     : "=&r"(fail), "=&r"(v)
		     : "r"(p)
		     : "memory");
	CHECK_EQ(fail, 1);
	asm volatile("ldxr %1, [%2]\n stxr %w0, %1, [%2]"
		     : "=&r"(fail), "=&r"(v)
		     : "r"(p)
		     : "memory");
	CHECK_EQ(fail, 0);
	asm volatile("stxr %w0, xzr, [%1]" : "=&r"(fail) : "r"(p) : "memory");
	CHECK_EQ(fail, 1);
}

/* Dekker's: with STLR and LDAR not both CPUs may read 0 (B2.3.3: release, then acquire). */
static u64 dekker(u64 me)
{
	volatile u64 *flag = (volatile u64 *)(SPARE + 0xa0000);
	u64 *mine = (u64 *)flag + me * 16, *other = (u64 *)flag + (1 - me) * 16;
	u64 v;

	asm volatile("stlr %1, [%2]\n ldar %0, [%3]"
		     : "=&r"(v)
		     : "r"(1ul), "r"(mine), "r"(other)
		     : "memory");
	return v;
}

static u64 dekker_loop(u64 rounds)
{
	u64 *gate = (u64 *)(SPARE + 0xb0000), *seen = gate + 16;

	for (u64 n = 1; n <= rounds; n++) {
		while (__atomic_load_n(gate, __ATOMIC_ACQUIRE) != n)
			;
		__atomic_store_n(seen, dekker(1) | n << 1, __ATOMIC_RELEASE);
	}
	return 0;
}

TEST(store_load_order, "STLR then LDAR is in order between two CPUs")
{
	u64 *gate = (u64 *)(SPARE + 0xb0000), *seen = gate + 16, *flag = (u64 *)(SPARE + 0xa0000);
	u64 both = 0;

	if (start_cpus() < 2)
		return;
	*gate = *seen = 0;
	cpu_do(1, dekker_loop, 2000);
	for (u64 n = 1; n <= 2000; n++) {
		u64 v, s;

		flag[0] = flag[16] = 0;
		__atomic_store_n(gate, n, __ATOMIC_SEQ_CST);
		v = dekker(0);
		while ((s = __atomic_load_n(seen, __ATOMIC_ACQUIRE)) >> 1 != n)
			;
		both += !v && !(s & 1);
	}
	cpu_wait(1);
	CHECK_EQ(both, 0);
}
