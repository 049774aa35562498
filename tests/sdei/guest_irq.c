/* SPDX-License-Identifier: MIT */
/*
 * Interrupts that are bound to events, PPIs and SPIs, edges and levels, under load and one by one;
 * and the little of a GIC driver that this takes (IHI 0069H 12.9, 12.11).
 */
#include "guest.h"

/* ---- GIC ---- */

static uint32_t read32(u64 a)
{
	uint32_t v;

	asm volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static void write32(u64 a, uint32_t v)
{
	asm volatile("str %w0, [%1]" : : "r"(v), "r"(a) : "memory");
}

/* Of this CPU's, or of the distributor. */
static u64 bank(unsigned intid)
{
	return intid < 32 ? GICR + 0x20000 * self()->number + 0x10000 : GICD;
}

void gic_init(void)
{
	write32(GICD, 0x12); /* ARE, group 1 */
	for (unsigned n = 4; n < NR_IRQS / 8; n += 4)
		write32(GICD + 0x80 + n, 0xffffffff);
	write32(bank(0) - 0x10000 + 0x14, 0);
	while (read32(bank(0) - 0x10000 + 0x14) & 4)
		;
	write32(bank(0) + 0x80, 0xffffffff);
	msr(S3_0_C12_C12_5, 1);	 /* ICC_SRE_EL1 */
	msr(S3_0_C4_C6_0, 0xff); /* ICC_PMR_EL1 */
	msr(S3_0_C12_C12_7, 1);	 /* ICC_IGRPEN1_EL1 */
}

void gic_set_pending(unsigned intid)
{
	write32(bank(intid) + GIC_PENDING + intid / 32 * 4, 1u << intid % 32);
}

bool gic_is(unsigned reg, unsigned intid)
{
	return read32(bank(intid) + reg + intid / 32 * 4) >> intid % 32 & 1;
}

void gic_set_edge(unsigned intid, bool edge)
{
	u64 a = bank(intid) + 0xc00 + intid / 16 * 4;
	uint32_t bit = 2u << intid % 16 * 2;

	write32(a, edge ? read32(a) | bit : read32(a) & ~bit);
}

void gic_enable(unsigned intid, bool on)
{
	write32(bank(intid) + (on ? 0x100 : 0x180) + intid / 32 * 4, 1u << intid % 32);
	barrier();
}

void line(unsigned intid, unsigned cpu, bool high)
{
	raise_store(PORT_LINE, intid | CPU_TO(cpu) | (high ? LINE_HIGH : 0));
}

void irq_main(void);

void irq_main(void)
{
	struct cpu *c = self();
	unsigned intid = (unsigned)mrs(S3_0_C12_C12_0); /* ICC_IAR1_EL1 */

	if (intid >= 1020)
		return;
	if (!c->irq || !c->irq(intid))
		fail(__FILE__, __LINE__, "an interrupt for nobody", intid, 0);
	msr(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
}

static void send_sgi(unsigned intid, unsigned cpu)
{
	msr(S3_0_C12_C11_5, (u64)intid << 24 | UINT64_C(1) << cpu); /* ICC_SGI1R_EL1 */
}

/* ---- One by one ---- */

enum { EDGE_PPI = 20, LEVEL_PPI = 21, FIRST_SPI = 40, LEVEL_SPI = 60, SGI = 3 };

/* cpu.word */
enum { W_EVENT, W_INTID, W_LEFT, W_EDGE, W_LEVEL, W_SPI, W_CRITICAL, W_SGI, W_IRQS };

static void lower_at_last(struct record *r)
{
	struct cpu *c = self();
	unsigned intid = (unsigned)c->word[W_INTID];

	check(gic_is(GIC_ACTIVE, intid));
	check(gic_is(GIC_PENDING, intid)); /* its line is high */
	if (!--c->word[W_LEFT])
		line(intid, (unsigned)c->number, false);
}

/* Delivered again for as long as the line is high. */
static void level_here(u64 intid)
{
	struct cpu *c = self();
	i64 event = sdei(BIND, intid);

	check(event >= FIRST_BOUND);
	gic_set_edge((unsigned)intid, false);
	event_set_up((u64)event, intid < 32 ? ROUTE_ANY : (unsigned)c->number);
	check_eq(sdei(PE_UNMASK), 0);
	c->word[W_INTID] = intid;
	c->word[W_LEFT] = 3;
	c->act[0] = lower_at_last;
	forget_seen();
	line((unsigned)intid, (unsigned)c->number, true);
	expect_seen(3);
	check(!gic_is(GIC_ACTIVE, (unsigned)intid));
	check(!gic_is(GIC_PENDING, (unsigned)intid));
	/* High and low again while nobody looks: gone. */
	check_eq(sdei(DISABLE, event), 0);
	line((unsigned)intid, (unsigned)c->number, true);
	line((unsigned)intid, (unsigned)c->number, false);
	check_eq(sdei(ENABLE, event), 0);
	expect_seen(3);
	check_eq(sdei(PE_MASK), 1);
	event_clear((u64)event);
	check_eq(sdei(RELEASE, event), 0);
	note((u64)event);
}

static void pend_once(struct record *r)
{
	struct cpu *c = self();
	unsigned intid = (unsigned)c->word[W_INTID];

	check(gic_is(GIC_ACTIVE, intid));
	check(!gic_is(GIC_PENDING, intid));
	if (c->word[W_LEFT]) {
		c->word[W_LEFT] = 0;
		gic_set_pending(intid);
		check(gic_is(GIC_PENDING, intid));
	}
}

/* A latch set while it runs is one more; while masked it waits; and the enable bit follows. */
static void edge_here(u64 intid)
{
	struct cpu *c = self();
	i64 event = sdei(BIND, intid);

	check(event >= FIRST_BOUND);
	gic_set_edge((unsigned)intid, true);
	check(!gic_is(GIC_ENABLED, (unsigned)intid));
	check_eq(event_register((u64)event, intid < 32 ? ROUTE_ANY : (unsigned)c->number), 0);
	check(gic_is(GIC_ENABLED, (unsigned)intid));
	check_eq(sdei(ENABLE, event), 0);
	c->word[W_INTID] = intid;
	c->word[W_LEFT] = 1;
	c->act[0] = pend_once;
	forget_seen();
	gic_set_pending((unsigned)intid);
	gic_set_pending((unsigned)intid);
	expect_seen(0);
	check(gic_is(GIC_PENDING, (unsigned)intid));
	check(!gic_is(GIC_ACTIVE, (unsigned)intid));
	check_eq(sdei(PE_UNMASK), 0);
	expect_seen(2);
	check(!gic_is(GIC_PENDING, (unsigned)intid));
	check(!gic_is(GIC_ACTIVE, (unsigned)intid));
	if (intid >= 32) { /* PPIs are level-sensitive, so theirs is no edge */
		line((unsigned)intid, 0, true);
		expect_seen(3);
		line((unsigned)intid, 0, false);
		expect_seen(3);
	}
	check_eq(sdei(RELEASE, event), DENIED);
	check_eq(sdei(PE_MASK), 1);
	event_clear((u64)event);
	check(!gic_is(GIC_ENABLED, (unsigned)intid));
	check_eq(sdei(RELEASE, event), 0);
	note((u64)event);
}

static void each(void (*work)(u64 argument), u64 argument)
{
	for (unsigned n = 0; n < nr_cpus(); n++)
		run_on(n, work, argument);
}

static void level_ppi(void)
{
	each(level_here, LEVEL_PPI);
}

static void level_spi(void)
{
	each(level_here, LEVEL_SPI);
}

static void edge_ppi(void)
{
	each(edge_here, EDGE_PPI);
}

static void edge_spi(void)
{
	each(edge_here, FIRST_SPI);
}

static bool take_irq(unsigned intid)
{
	struct cpu *c = self();

	if (intid != c->word[W_INTID])
		return false;
	c->word[W_IRQS]++;
	return true;
}

/* Before it is bound, and after it is released, it is an interrupt. */
static void given_back_here(u64 intid)
{
	struct cpu *c = self();
	i64 event;

	gic_set_edge((unsigned)intid, true);
	c->word[W_INTID] = intid;
	c->word[W_IRQS] = 0;
	c->irq = take_irq;
	msr(daif, 0);
	check_eq(sdei(PE_UNMASK), 0);
	for (unsigned n = 1; n < 4; n++) {
		gic_enable((unsigned)intid, true);
		gic_set_pending((unsigned)intid);
		wait_until(c->word[W_IRQS] == n);
		event = sdei(BIND, intid);
		forget_seen();
		event_set_up((u64)event, ROUTE_ANY);
		gic_set_pending((unsigned)intid);
		expect_seen(1);
		check_eq(c->word[W_IRQS], n);
		event_clear((u64)event);
		if (n == 2)
			check_eq(sdei(RELEASE, event), 0);
	}
	gic_enable((unsigned)intid, false);
	check_eq(sdei(PE_MASK), 1);
	msr(daif, 0x3c0);
	c->irq = NULL;
	check_eq(sdei(RELEASE, event), 0);
}

static void given_back(void)
{
	each(given_back_here, EDGE_PPI);
	run_on(0, given_back_here, FIRST_SPI);
}

/* An interrupt that somebody is at already. */
static void active_here(u64 intid)
{
	u64 word = bank((unsigned)intid) + intid / 32 * 4;
	i64 event = sdei(BIND, intid);

	write32(word + GIC_ACTIVE, 1u << intid % 32);
	check_eq(event_register((u64)event, ROUTE_ANY), DENIED);
	check_eq(sdei(STATUS, event), 0);
	check_eq(sdei(RELEASE, event), DENIED);
	write32(word + GIC_ACTIVE + 0x80, 1u << intid % 32);
	check_eq(event_register((u64)event, ROUTE_ANY), 0);
	event_clear((u64)event);
	check_eq(sdei(RELEASE, event), 0);
}

static void active(void)
{
	each(active_here, EDGE_PPI);
	each(active_here, FIRST_SPI);
}

/* ---- Load ---- */

#define ROUNDS 30

static u64 edge_event, level_event, spi_event[MAX_CPUS], any_event;
static volatile u64 any_seen;

static void count_event(struct record *r)
{
	struct cpu *c = self();
	u64 event = r->x[0];

	if (event == PRIVATE_CRITICAL) {
		c->word[W_CRITICAL]++;
	} else if (event == edge_event) {
		c->word[W_EDGE]++;
	} else if (event == level_event) {
		line(LEVEL_PPI, (unsigned)c->number, false);
		c->word[W_LEVEL]++;
	} else if (event == any_event) {
		line(LEVEL_SPI, 0, false);
		store(&any_seen, any_seen + 1);
	} else {
		check_eq(event, spi_event[c->number]);
		store(&c->word[W_SPI], c->word[W_SPI] + 1);
	}
}

static bool count_sgi(unsigned intid)
{
	struct cpu *c = self();

	store(&c->word[W_SGI], c->word[W_SGI] + 1);
	return intid == SGI;
}

static void load_here(u64 unused)
{
	struct cpu *c = self();
	unsigned me = (unsigned)c->number;
	struct cpu *next = &cpus[(me + 1) % nr_cpus()];

	for (u64 n = 1; n <= ROUNDS; n++) {
		gic_set_pending(EDGE_PPI);
		send_sgi(SGI, (unsigned)next->number);
		line(LEVEL_PPI, me, true);
		check_eq(raise(PRIVATE_CRITICAL | CPU_TO(me)), 0);
		gic_set_pending(FIRST_SPI + (unsigned)next->number);
		if (!me)
			line(LEVEL_SPI, 0, true);
		wait_until(load(&c->word[W_EDGE]) >= n && load(&c->word[W_LEVEL]) >= n &&
			   load(&c->word[W_CRITICAL]) >= n && load(&next->word[W_SPI]) >= n &&
			   load(&next->word[W_SGI]) >= n);
		if (!me)
			wait_until(load(&any_seen) >= n);
		check_eq(c->word[W_EDGE], n);
		check_eq(c->word[W_LEVEL], n);
		check_eq(c->word[W_CRITICAL], n);
		check_eq(next->word[W_SPI], n);
		check_eq(next->word[W_SGI], n);
	}
}

static void set_up_load(u64 unused)
{
	struct cpu *c = self();

	c->quiet = true;
	c->act[0] = c->act[1] = count_event;
	c->irq = count_sgi;
	gic_set_edge(EDGE_PPI, true);
	gic_set_edge(LEVEL_PPI, false);
	gic_enable(SGI, true);
	event_set_up(edge_event, ROUTE_ANY);
	event_set_up(level_event, ROUTE_ANY);
	event_set_up(PRIVATE_CRITICAL, ROUTE_ANY);
	event_set_up(spi_event[c->number], (unsigned)c->number);
	check_eq(sdei(PE_UNMASK), 0);
	msr(daif, 0);
}

static void finish_load(u64 unused)
{
	msr(daif, 0x3c0);
	gic_enable(SGI, false);
	check_eq(sdei(PRIVATE_RESET), 0);
	check_eq(sdei(PE_MASK), 1);
}

/* Each CPU with two PPIs, a critical event, an SPI and an SGI for the next; an SPI for anyone. */
static void under_load(void)
{
	any_seen = 0;
	edge_event = (u64)sdei(BIND, EDGE_PPI);
	level_event = (u64)sdei(BIND, LEVEL_PPI);
	any_event = (u64)sdei(BIND, LEVEL_SPI);
	for (unsigned n = 0; n < nr_cpus(); n++) {
		spi_event[n] = (u64)sdei(BIND, FIRST_SPI + n);
		gic_set_edge(FIRST_SPI + n, true);
	}
	gic_set_edge(LEVEL_SPI, false);
	run_on_all(set_up_load, 0);
	event_set_up(any_event, ROUTE_ANY);
	run_on_all(load_here, 0);
	check_eq(any_seen, ROUNDS);
	run_on_all(finish_load, 0);
	check_eq(sdei(SHARED_RESET), 0);
}

const struct test irq_tests[] = {
    {"bound: a PPI's level", level_ppi, 1},   {"bound: an SPI's level", level_spi, 1},
    {"bound: a PPI's edges", edge_ppi, 1},    {"bound: an SPI's edges", edge_spi, 1},
    {"bound: and given back", given_back, 1}, {"bound: an interrupt that is active", active, 1},
    {"bound: under load", under_load, 1},     {NULL, NULL, 0},
};
