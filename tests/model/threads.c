/* SPDX-License-Identifier: MIT */
/*
 * Four threads on one interrupt controller: two vCPUs that take interrupts, send SGIs to each other
 * and reconfigure everything meanwhile; devices; and user space that reads all the state there is.
 * Meant for the thread sanitizer as well. Counts are exact: a device with an edge, and a sender of
 * an SGI, waits for the last one to have been taken, so that none merge, and at the end as many
 * were taken as were made, nothing is pending or active, and no priority is. All of it for both
 * versions, and with vCPUs that use list registers.
 *
 *     gic-threads [ROUNDS [SEED]]
 */
#include <armature/gic.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/lock.h"
#include "world.h"

enum { CPUS = 2, FIRST = 40, EDGES = 6, LEVELS = 4, SGIS = 4, NR_IRQS = 64, STUCK_SECONDS = 30 };

static struct {
	struct am_gic *gic;
	struct am_bus *bus;
	bool v2, hardware; /* guests use list registers */
	struct am_gic_lrs lrs[CPUS];
	unsigned rounds;
	uint64_t seed;
	atomic_bool stop, failed;
	atomic_uint lines[CPUS];
	atomic_uint made[EDGES], taken[EDGES];
	atomic_uint sent[CPUS][SGIS], received[CPUS][SGIS]; /* by receiver */
	struct am_lock device[LEVELS];
	bool wants[LEVELS]; /* the device's lock */
	atomic_uint served[LEVELS], asked[LEVELS];
	atomic_uint nothing; /* level interrupts taken when the device wanted nothing any more */
	atomic_uint reads;
} t;

static void fail(const char *what, unsigned n, unsigned a, unsigned b)
{
	fprintf(stderr, "GICv%u: %s %u: %u, %u\n", t.v2 ? 2 : 3, what, n, a, b);
	atomic_store(&t.failed, true);
}

/* ---- Callbacks ---- */

static void *get_memory(void *opaque, size_t size)
{
	return malloc(size);
}

static void put_memory(void *opaque, void *p, size_t size)
{
	free(p);
}

static void lines_changed(void *opaque, unsigned vcpu, bool irq, bool fiq)
{
	unsigned lines = (irq ? AM_GIC_IRQ : 0) | (fiq ? AM_GIC_FIQ : 0);

	if (atomic_exchange(&t.lines[vcpu], lines) == lines)
		fail("report without a change", vcpu, lines, lines);
	if (am_gic_irq_pending(t.gic, vcpu) != lines)
		fail("report differs", vcpu, lines, am_gic_irq_pending(t.gic, vcpu));
}

/* As a resampling irqfd does: the line is what the device wants now. */
static void spi_done(void *opaque, unsigned intid)
{
	unsigned n = intid - FIRST - EDGES;

	if (n >= LEVELS) {
		fail("end of an interrupt that is not level-sensitive", intid, 0, 0);
		return;
	}
	am_lock(&t.device[n]);
	am_gic_set_spi(t.gic, intid, t.wants[n]);
	am_unlock(&t.device[n]);
}

/* ---- Accesses ---- */

static uint64_t rd(unsigned cpu, uint64_t at)
{
	uint64_t v = 0;

	am_bus_read(t.bus, cpu, at, 4, &v);
	return v;
}

static void wr(unsigned cpu, uint64_t at, unsigned len, uint64_t v)
{
	am_bus_write(t.bus, cpu, at, len, v);
}

static unsigned iar(unsigned cpu)
{
	uint64_t v = 1023;

	if (t.v2)
		v = rd(cpu, WORLD_GICC + 0x0c);
	else
		am_gic_icc_read(t.gic, cpu, ICC_IAR1, &v);
	return (unsigned)v;
}

static void eoi(unsigned cpu, unsigned v)
{
	if (t.v2)
		wr(cpu, WORLD_GICC + 0x10, 4, v);
	else
		am_gic_icc_write(t.gic, cpu, ICC_EOIR1, v);
}

static void send(unsigned cpu, unsigned to, unsigned intid)
{
	if (t.v2)
		wr(cpu, WORLD_GICD + 0xf00, 4, 1u << (16 + to) | intid);
	else
		am_gic_icc_write(t.gic, cpu, ICC_SGI1R, 1u << to | (uint64_t)intid << 24);
}

/* ---- vCPUs ---- */

static void serve(unsigned n)
{
	am_lock(&t.device[n]);
	atomic_fetch_add(t.wants[n] ? &t.served[n] : &t.nothing, 1);
	t.wants[n] = false;
	am_unlock(&t.device[n]);
}

static void handle(unsigned cpu, unsigned intid)
{
	if (intid < SGIS)
		atomic_fetch_add(&t.received[cpu][intid], 1);
	else if (intid >= FIRST && intid < FIRST + EDGES)
		atomic_fetch_add(&t.taken[intid - FIRST], 1);
	else if (intid >= FIRST + EDGES && intid < FIRST + EDGES + LEVELS)
		serve(intid - FIRST - EDGES);
	else
		fail("taken, but nobody made it", intid, cpu, 0);
}

/* Takes one interrupt, and perhaps another before the first is finished. */
static bool take(unsigned cpu, unsigned depth)
{
	unsigned v = iar(cpu), intid = v & 0x3ff;

	if (intid >= 1020)
		return false;
	handle(cpu, intid);
	if (depth < 4)
		take(cpu, depth + 1);
	eoi(cpu, v);
	return true;
}

/* What a list register has pending that is signalled: its INTID, or 1023. */
static unsigned pending_in(uint64_t lr, uint32_t vmcr)
{
	unsigned state = (unsigned)(t.v2 ? lr >> 28 : lr >> 62) & 3;
	unsigned priority = t.v2 ? (lr >> 23 & 31) << 3 : lr >> 48 & 0xff;
	unsigned group = lr >> (t.v2 ? 30 : 60) & 1;

	if (state != 1 || !(vmcr >> group & 1) || priority >= (vmcr >> 24 & 0xf8))
		return 1023;
	return lr & 0x3ff;
}

/* A guest on hardware takes and ends what is in its list registers. */
static bool stay(unsigned cpu)
{
	struct am_gic_lrs *s = &t.lrs[cpu];
	uint64_t state = UINT64_C(3) << (t.v2 ? 28 : 62);
	bool took = false;

	s->nr = 2 + 2 * cpu;
	if (am_gic_lr_fill(t.gic, cpu, s))
		fail("cannot fill: vCPU", cpu, 0, 0);
	sched_yield();
	for (unsigned n = 0; n < s->nr; n++) {
		unsigned intid = pending_in(s->lr[n], s->vmcr);

		if (intid == 1023)
			continue;
		handle(cpu, intid);
		s->lr[n] &= ~state;
		took = true;
	}
	if (am_gic_lr_fold(t.gic, cpu, s))
		fail("cannot fold: vCPU", cpu, 0, 0);
	return took;
}

static bool guest(unsigned cpu)
{
	return t.hardware ? stay(cpu) : take(cpu, 0);
}

static void send_some(unsigned cpu, uint64_t *seed)
{
	unsigned to = rnd_below(seed, CPUS), intid = rnd_below(seed, SGIS);

	/* One sender for each receiver and SGI. */
	if ((to + intid) % CPUS != cpu)
		return;
	if (atomic_load(&t.sent[to][intid]) != atomic_load(&t.received[to][intid]))
		return;
	atomic_fetch_add(&t.sent[to][intid], 1);
	send(cpu, to, intid);
}

static void route(unsigned cpu, unsigned intid, unsigned to)
{
	if (t.v2)
		wr(cpu, WORLD_GICD + 0x800 + intid, 1, 1u << to);
	else
		wr(cpu, WORLD_GICD + 0x6000 + 8 * intid, 8, to);
}

/* Changes what may be changed without losing an interrupt. */
static void configure(unsigned cpu, uint64_t *seed)
{
	unsigned intid = FIRST + rnd_below(seed, EDGES + LEVELS);
	uint64_t bit = 1u << intid % 32, gicd = WORLD_GICD;

	switch (rnd_below(seed, 8)) {
	case 0:
		wr(cpu, gicd + 0x180 + intid / 32 * 4, 4, bit);
		wr(cpu, gicd + 0x100 + intid / 32 * 4, 4, bit);
		break;
	case 1:
	case 2:
		route(cpu, intid, rnd_below(seed, CPUS));
		break;
	case 3:
		wr(cpu, gicd + 0x400 + intid, 1, rnd_below(seed, 28) << 3);
		break;
	case 4:
		wr(cpu, gicd, 4, 0);
		wr(cpu, gicd, 4, 3);
		break;
	case 5:
		if (t.v2)
			wr(cpu, WORLD_GICC + 4, 4, rnd_below(seed, 2) ? 0xff : 0x80);
		else
			am_gic_icc_write(t.gic, cpu, ICC_PMR, rnd_below(seed, 2) ? 0xff : 0x80);
		break;
	case 6:
		wr(cpu, gicd + 0x80 + 4, 4, rd(cpu, gicd + 0x80 + 4));
		break;
	default:
		rd(cpu, gicd + 0x200 + 4 * rnd_below(seed, 80));
	}
}

static void open_up(unsigned cpu)
{
	if (t.v2) {
		wr(cpu, WORLD_GICC + 4, 4, 0xff);
		wr(cpu, WORLD_GICC, 4, 7); /* both groups, AckCtl */
		return;
	}
	am_gic_icc_write(t.gic, cpu, ICC_PMR, 0xff);
	am_gic_icc_write(t.gic, cpu, ICC_IGRPEN1, 1);
}

static void *vcpu(void *arg)
{
	unsigned cpu = *(unsigned *)arg;
	uint64_t seed = t.seed + cpu;

	while (!atomic_load(&t.stop)) {
		if (am_gic_irq_pending(t.gic, cpu))
			guest(cpu);
		else
			sched_yield();
		if (rnd_below(&seed, 2) == 0)
			configure(cpu, &seed);
		send_some(cpu, &seed);
		if (rnd_below(&seed, 64) == 0)
			open_up(cpu);
	}
	open_up(cpu);
	return NULL;
}

/* ---- Devices and user space ---- */

static bool make_edge(unsigned n)
{
	if (atomic_load(&t.made[n]) != atomic_load(&t.taken[n]))
		return false;
	atomic_fetch_add(&t.made[n], 1);
	am_gic_set_spi(t.gic, FIRST + n, true);
	am_gic_set_spi(t.gic, FIRST + n, false);
	return true;
}

static bool ask(unsigned n)
{
	bool asks;

	am_lock(&t.device[n]);
	asks = !t.wants[n];
	if (asks) {
		t.wants[n] = true;
		atomic_fetch_add(&t.asked[n], 1);
		am_gic_set_spi(t.gic, FIRST + EDGES + n, true);
	}
	am_unlock(&t.device[n]);
	return asks;
}

static void *devices(void *arg)
{
	uint64_t seed = t.seed + 17;
	time_t last = time(NULL);
	unsigned made = 0;

	while (made < t.rounds && !atomic_load(&t.failed)) {
		unsigned n = rnd_below(&seed, EDGES + LEVELS);

		if (n < EDGES ? make_edge(n) : ask(n - EDGES)) {
			last = time(NULL);
			made++;
			continue;
		}
		sched_yield();
		if (time(NULL) > last + STUCK_SECONDS)
			fail("nothing is taken any more: round", made, t.rounds, 0);
	}
	atomic_store(&t.stop, true);
	return NULL;
}

static void *user_space(void *arg)
{
	static const uint8_t groups[] = {AM_GIC_GRP_DIST_REGS, AM_GIC_GRP_REDIST_REGS,
					 AM_GIC_GRP_CPU_SYSREGS, AM_GIC_GRP_LEVEL_INFO};
	static const uint16_t regs[] = {ICC_PMR, ICC_BPR0,  ICC_BPR1,  ICC_CTLR,
					ICC_SRE, ICC_AP0R0, ICC_AP1R0, ICC_IGRPEN1};
	uint64_t seed = t.seed + 99, v;

	while (!atomic_load(&t.stop)) {
		uint32_t group = groups[rnd_below(&seed, 4)];
		uint64_t attr = (uint64_t)rnd_below(&seed, CPUS) << 32;

		if (t.v2)
			group = rnd_below(&seed, 4) ? AM_GIC_GRP_DIST_REGS : AM_GIC_GRP_CPU_REGS;
		if (group == AM_GIC_GRP_CPU_SYSREGS)
			attr |= regs[rnd_below(&seed, 8)];
		else if (group == AM_GIC_GRP_LEVEL_INFO)
			attr |= 32 * rnd_below(&seed, 2);
		else if (group == AM_GIC_GRP_CPU_REGS)
			attr |= 4 * rnd_below(&seed, 8);
		else if (group == AM_GIC_GRP_REDIST_REGS)
			attr |= 0x10080 + 4 * rnd_below(&seed, 0x300);
		else
			attr |= 4 * rnd_below(&seed, 0x340);
		if (am_gic_get_attr(t.gic, group, attr, &v))
			fail("cannot read: group", group, (unsigned)attr, 0);
		atomic_fetch_add(&t.reads, 1);
		if (atomic_load(&t.reads) % 16 == 0)
			sched_yield();
	}
	return NULL;
}

/* ---- The whole ---- */

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %d\n", what, err);
	exit(1);
}

static void create(void)
{
	struct am_alloc alloc = {.alloc = get_memory, .free = put_memory};
	struct am_gic_config config = {.ops = {.irq_line_changed = lines_changed,
					       .alloc = get_memory,
					       .free = put_memory,
					       .spi_done = spi_done},
				       .nr_irqs = NR_IRQS,
				       .version = t.v2 ? 2 : 3};

	must(am_bus_create(&alloc, &t.bus), "am_bus_create");
	must(am_gic_create(&config, &t.gic), "am_gic_create");
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		must(am_gic_add_vcpu(t.gic, cpu, UINT64_C(1) << 31 | cpu), "am_gic_add_vcpu");
	must(am_gic_set_dist_base(t.gic, WORLD_GICD), "am_gic_set_dist_base");
	if (t.v2)
		must(am_gic_set_cpuif_base(t.gic, WORLD_GICC), "am_gic_set_cpuif_base");
	else
		must(am_gic_set_redist_base(t.gic, WORLD_GICR), "am_gic_set_redist_base");
	must(am_gic_init(t.gic), "am_gic_init");
	must(am_gic_map(t.gic, t.bus), "am_gic_map");
}

static void start(void)
{
	create();
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		open_up(cpu);
	for (unsigned n = 0; n < EDGES + LEVELS; n++) {
		unsigned intid = FIRST + n;

		wr(0, WORLD_GICD + 0x400 + intid, 1, 0x20 + 8 * n);
		route(0, intid, n % CPUS);
		if (n >= EDGES) {
			uint64_t at = WORLD_GICD + 0xc00 + intid / 16 * 4;

			wr(0, at, 4, rd(0, at) & ~(UINT64_C(2) << intid % 16 * 2));
		}
		wr(0, WORLD_GICD + 0x100 + intid / 32 * 4, 4, 1u << intid % 32);
	}
	wr(0, WORLD_GICD, 4, 3);
}

static void check_counts(void)
{
	for (unsigned n = 0; n < EDGES; n++)
		if (t.made[n] != t.taken[n])
			fail("edges made and taken of SPI", FIRST + n, t.made[n], t.taken[n]);
	for (unsigned n = 0; n < LEVELS; n++)
		if (t.asked[n] != t.served[n])
			fail("requests and services of device", n, t.asked[n], t.served[n]);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		for (unsigned n = 0; n < SGIS; n++)
			if (t.sent[cpu][n] != t.received[cpu][n])
				fail("sent and received of SGI", n, t.sent[cpu][n],
				     t.received[cpu][n]);
}

static void check_quiet(void)
{
	uint64_t rpr = 0;

	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		uint64_t frame = WORLD_GICR + cpu * WORLD_STEP + 0x10000;

		if (t.v2) {
			frame = WORLD_GICD;
			rpr = rd(cpu, WORLD_GICC + 0x14);
		} else {
			am_gic_icc_read(t.gic, cpu, ICC_RPR, &rpr);
		}
		if (rpr != M_IDLE)
			fail("a priority is active on vCPU", cpu, (unsigned)rpr, 0);
		if (am_gic_irq_pending(t.gic, cpu) || t.lines[cpu])
			fail("a line is high of vCPU", cpu, t.lines[cpu], 0);
		if (rd(cpu, frame + 0x200) || rd(cpu, frame + 0x300))
			fail("a private interrupt is pending or active on vCPU", cpu, 0, 0);
	}
	if (rd(0, WORLD_GICD + 0x204) || rd(0, WORLD_GICD + 0x304))
		fail("an SPI is pending or active", 0, (unsigned)rd(0, WORLD_GICD + 0x204),
		     (unsigned)rd(0, WORLD_GICD + 0x304));
}

static unsigned total(const atomic_uint *counts, unsigned nr)
{
	unsigned sum = 0;

	for (unsigned n = 0; n < nr; n++)
		sum += counts[n];
	return sum;
}

static void run(bool v2, bool hardware, unsigned rounds, uint64_t seed)
{
	pthread_t thread[4];
	unsigned id[CPUS];

	memset(&t, 0, sizeof(t));
	t.v2 = v2;
	t.hardware = hardware;
	t.rounds = rounds;
	t.seed = seed;
	start();
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		id[cpu] = cpu;
		must(pthread_create(&thread[cpu], NULL, vcpu, &id[cpu]), "pthread_create");
	}
	must(pthread_create(&thread[2], NULL, devices, NULL), "pthread_create");
	must(pthread_create(&thread[3], NULL, user_space, NULL), "pthread_create");
	for (unsigned n = 0; n < 4; n++)
		pthread_join(thread[n], NULL);
	while (guest(0) || guest(1))
		;
	check_counts();
	check_quiet();
	printf("GICv%u%s: %u edges, %u level requests (%u taken for nothing), %u SGIs, %u reads\n",
	       v2 ? 2 : 3, hardware ? ", list registers" : "", total(t.taken, EDGES),
	       total(t.served, LEVELS), t.nothing, total(t.received[0], CPUS * SGIS), t.reads);
	if (!total(t.received[0], CPUS * SGIS) || !t.reads)
		fail("a thread did nothing", 0, 0, 0);
	am_gic_destroy(t.gic);
	am_bus_destroy(t.bus);
	if (t.failed)
		exit(1);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 10000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	for (unsigned n = 0; n < 4; n++)
		run(n & 1, n & 2, rounds, seed);
	return 0;
}
