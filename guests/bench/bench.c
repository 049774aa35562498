/* SPDX-License-Identifier: MIT */
/*
 * Times the loops of loops.S by the guest's own counter and prints, for each,
 *
 *     bench NAME INSTRUCTIONS NANOSECONDS
 *
 * An image for any machine like QEMU's `virt`, so engines can be compared in one run.
 */
#include "../guest.h"

void loop_integer(u64 rounds);
void loop_memory(u64 rounds, u64 base);
void loop_fp(u64 rounds);
void loop_exception(u64 rounds);
void loop_tlbmiss(u64 rounds, u64 base);
extern char bench_vectors[];

static void integer(u64 rounds)
{
	loop_integer(rounds);
}

static void memory(u64 rounds)
{
	loop_memory(rounds, SPARE);
}

static void fp(u64 rounds)
{
	loop_fp(rounds);
}

static void exceptions(u64 rounds)
{
	u64 vbar = mrs(vbar_el1);

	msr(vbar_el1, bench_vectors);
	isb();
	loop_exception(rounds);
	msr(vbar_el1, vbar);
	isb();
}

static void tlbmiss(u64 rounds)
{
	loop_tlbmiss(rounds, TEST_VA);
}

/* Enough rounds for half a second, then the best of three. */
static void bench(const char *name, void (*fn)(u64), u64 insns_per_round)
{
	u64 rounds = 1000, best = ~0ul, ns = 0;

	while (ns < 50000000) {
		rounds *= 2;
		ns = now_ns();
		fn(rounds);
		ns = now_ns() - ns;
	}
	rounds *= 10;
	for (unsigned n = 0; n < 3; n++) {
		ns = now_ns();
		fn(rounds);
		ns = now_ns() - ns;
		if (ns < best)
			best = ns;
	}
	puts("bench ");
	puts(name);
	putc(' ');
	putdec(rounds * insns_per_round);
	putc(' ');
	putdec(best);
	putc('\n');
}

TEST(bench_integer, "integer")
{
	bench("integer", integer, 16);
}

TEST(bench_memory, "memory")
{
	bench("memory", memory, 16);
}

TEST(bench_fp, "fp")
{
	bench("fp", fp, 16);
}

TEST(bench_exception, "exception")
{
	bench("exception", exceptions, 4);
}

/* 64 MiB of 4 KiB pages: more than any TLB holds, so nearly every load walks the tables. */
TEST(bench_tlbmiss, "tlbmiss")
{
	for (u64 at = 0; at < 64ul << 20; at += 4096)
		*space_pte(&kernel_space, TEST_VA + at, 3) =
		    (0x40000000 + at) | PTE_NORMAL | PTE_PXN | PTE_UXN | 3;
	dsb();
	isb();
	tlbmiss(64 << 8); /* the host's first look at this memory is not what is timed */
	bench("tlbmiss", tlbmiss, 5);
}
