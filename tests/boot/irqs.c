/* SPDX-License-Identifier: MIT */
/*
 * A bare-metal guest that counts interrupts. Each CPU in turn arms its virtual timer, sends an SGI
 * to another CPU, makes an edge-triggered SPI of another CPU pending, and sends a character; it
 * goes on when exactly that interrupt has arrived. So at the end as many must have come as were
 * made: one less is a stalled CPU, one more is spurious. A periodic tick of the physical timer
 * looks after stalled CPUs. While it handles an interrupt, a CPU looks whether the controller
 * knows that: the interrupt is active for as long as it should be, and so is its priority.
 *
 * Characters from outside are counted too; 'q' ends it, with one line for each CPU. Runs on a GICv3
 * and on a GICv2, with 1 to 8 CPUs. Every other CPU deactivates interrupts by DIR (EOImode 1).
 * start.S and guest.lds are those of the other guests.
 */
#include <stdbool.h>
#include <stdint.h>

#define MAX_CPUS 8
#define UART	 0x09000000ul
#define GICD	 0x08000000ul
#define GICC	 0x08010000ul
#define GICR	 0x080a0000ul

#define mrs(reg)                                                         \
	({                                                               \
		uint64_t mrs_;                                           \
		asm volatile("mrs %0, " #reg : "=r"(mrs_) : : "memory"); \
		mrs_;                                                    \
	})
#define msr(reg, v) asm volatile("msr " #reg ", %x0" : : "rZ"((uint64_t)(v)) : "memory")

enum { VTIMER = 27, PTIMER = 30, UART_INTID = 33, FIRST_SPI = 40, SPURIOUS = 1020 };

enum { TICK_MS = 50, STALL_MS = 10000, PRIORITY = 0xa0, IDLE = 0xff };

/* One for each CPU; start.S knows its size. */
struct cpu {
	uint64_t el0_sp;
	uint64_t number;
	volatile uint64_t timer_armed, timer_fired;
	volatile uint64_t sgi_sent, sgi_received, spi_sent, spi_received, tx_sent, tx_done;
	volatile uint64_t ticks, spurious, early, unknown, wrong;
	volatile uint64_t waiting_since; /* 0: not waiting */
	volatile uint64_t acknowledged;	 /* SGIs and SPIs of this CPU that others have taken */
	const char *volatile what;
	uint64_t random;
	volatile uint64_t done;
} __attribute__((aligned(CPU_STRUCT_SIZE)));

_Static_assert(sizeof(struct cpu) == CPU_STRUCT_SIZE, "start.S counts on it");

struct frame {
	uint64_t x[31], vector, elr, spsr, esr, far, pad[2];
};

struct cpu cpus[MAX_CPUS];
uint8_t stacks[MAX_CPUS][16384] __attribute__((aligned(16)));
static unsigned nr_cpus;
static bool v2;
static volatile uint64_t received;
static volatile bool quit;
extern char cpu_entry[];

void cpu_main(void);
void exception(struct frame *f);

static uint32_t read32(uint64_t a)
{
	uint32_t v;

	asm volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static void write32(uint64_t a, uint32_t v)
{
	asm volatile("str %w0, [%1]" : : "r"(v), "r"(a) : "memory");
}

static void sync(void)
{
	asm volatile("dsb sy\nisb" : : : "memory");
}

static struct cpu *self(void)
{
	return (struct cpu *)mrs(tpidr_el1);
}

/* ---- Console ---- */

static void put(const char *s)
{
	for (; *s; s++)
		write32(UART, (uint8_t)*s);
}

static void put_number(uint64_t v)
{
	char text[24], *p = text + 23;

	*p = 0;
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	put(p);
}

static void put_pair(const char *name, uint64_t a, uint64_t b)
{
	put(name);
	put_number(a);
	put("/");
	put_number(b);
}

static void call(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t *result)
{
	register uint64_t x0 asm("x0") = function;
	register uint64_t x1 asm("x1") = a;
	register uint64_t x2 asm("x2") = b;
	register uint64_t x3 asm("x3") = c;

	asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	if (result)
		*result = x0;
}

static void off(void)
{
	call(0x84000008, 0, 0, 0, 0);
	for (;;)
		;
}

static void report(void)
{
	put("\n");
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct cpu *c = &cpus[i];

		put("cpu ");
		put_number(i);
		put_pair(" timer ", c->timer_armed, c->timer_fired);
		put_pair(" sgi ", c->sgi_sent, c->sgi_received);
		put_pair(" spi ", c->spi_sent, c->spi_received);
		put_pair(" uart ", c->tx_sent, c->tx_done);
		put_pair(" ticks ", c->ticks, 0);
		put_pair(" spurious ", c->spurious + c->unknown, c->early);
		put_pair(" wrong ", c->wrong, 0);
		put("\n");
	}
	put("typed ");
	put_number(received);
	put("\nend\n");
}

/* ---- Interrupt controller ---- */

/* Registers with a bit or a byte for each interrupt: private ones in a CPU's own frame. */
static uint64_t bank(unsigned n, unsigned intid)
{
	return v2 || intid >= 32 ? GICD : GICR + n * 0x20000ul + 0x10000;
}

static void set_priority(unsigned n, unsigned intid)
{
	asm volatile("strb %w0, [%1]" : : "r"(PRIORITY), "r"(bank(n, intid) + 0x400 + intid));
}

static bool active(unsigned n, unsigned intid)
{
	return read32(bank(n, intid) + 0x300 + intid / 32 * 4) >> intid % 32 & 1;
}

static unsigned running_priority(void)
{
	return v2 ? read32(GICC + 0x14) & 0xff : (unsigned)mrs(S3_0_C12_C11_3);
}

static void init_distributor(void)
{
	v2 = (read32(GICD + 0xffe8) & 0xf0) != 0x30; /* PIDR2 of a GICv3's frame */
	write32(GICD, v2 ? 1 : 0x12);
	for (unsigned i = 0; i <= nr_cpus; i++) {
		/* The UART's is level-sensitive; those of the CPUs are not. */
		unsigned intid = i < nr_cpus ? FIRST_SPI + i : UART_INTID;
		unsigned target = i < nr_cpus ? (i + 1) % nr_cpus : 0;
		uint64_t word = GICD + intid / 32 * 4, cfg = GICD + 0xc00 + intid / 16 * 4;
		uint32_t bit = 2u << (intid % 16 * 2);

		set_priority(0, intid);
		write32(cfg, i < nr_cpus ? read32(cfg) | bit : read32(cfg) & ~bit);
		if (v2) {
			uint64_t to = GICD + 0x800 + (intid & ~3u);
			unsigned shift = intid % 4 * 8;

			write32(to, (read32(to) & ~(0xffu << shift)) | 1u << (target + shift));
		} else {
			write32(word + 0x80, read32(word + 0x80) | 1u << intid % 32);
			write32(GICD + 0x6000 + intid * 8, target);
		}
		write32(word + 0x100, 1u << intid % 32);
	}
	sync();
}

static void init_cpu(unsigned n)
{
	const uint32_t on = 0xffff | 1u << VTIMER | 1u << PTIMER;
	uint64_t r = GICR + n * 0x20000ul + 0x10000;

	for (unsigned i = 0; i < 32; i++)
		set_priority(n, i);
	if (v2) {
		write32(GICD + 0x100, on);
		write32(GICC + 4, 0xff);
		write32(GICC, 1 | (n & 1) << 9);
		return;
	}
	write32(r - 0x10000 + 0x14, 0);
	write32(r + 0x80, 0xffffffff);
	write32(r + 0x100, on);
	msr(S3_0_C12_C12_5, 7); /* ICC_SRE_EL1 */
	asm volatile("isb");
	msr(S3_0_C4_C6_0, 0xff);	   /* ICC_PMR_EL1 */
	msr(S3_0_C12_C12_4, (n & 1) << 1); /* ICC_CTLR_EL1.EOImode */
	msr(S3_0_C12_C12_7, 1);		   /* ICC_IGRPEN1_EL1 */
	asm volatile("isb");
}

static uint32_t acknowledge(void)
{
	uint32_t iar = v2 ? read32(GICC + 0xc) : (uint32_t)mrs(S3_0_C12_C12_0);

	sync();
	return iar;
}

static void finish(struct cpu *c, uint32_t iar)
{
	unsigned n = (unsigned)c->number, intid = iar & 0x3ff;
	bool still;

	if (!active(n, intid) || running_priority() != PRIORITY)
		c->wrong++;
	sync();
	if (v2) {
		write32(GICC + 0x10, iar);
	} else {
		msr(S3_0_C12_C12_1, iar); /* ICC_EOIR1_EL1 */
	}
	sync();
	still = active(n, intid);
	if (still != (n & 1) || running_priority() != IDLE)
		c->wrong++;
	if (!(n & 1))
		return;
	if (v2)
		write32(GICC + 0x1000, iar);
	else
		msr(S3_0_C12_C11_1, iar); /* ICC_DIR_EL1 */
	sync();
	if (active(n, intid))
		c->wrong++;
}

/* The SGI's number is the sender's. */
static void send_sgi(unsigned from, unsigned to)
{
	sync();
	if (v2)
		write32(GICD + 0xf00, 1u << (16 + to) | from);
	else
		msr(S3_0_C12_C11_5, (uint64_t)from << 24 | 1u << to); /* ICC_SGI1R_EL1 */
	sync();
}

/* ---- Interrupts ---- */

static void spin(struct cpu *c, unsigned most)
{
	c->random = c->random * 6364136223846793005ul + 1442695040888963407ul;
	for (unsigned i = (unsigned)(c->random >> 33) % most; i; i--)
		asm volatile("");
}

static void uart_interrupt(struct cpu *c)
{
	uint32_t mis = read32(UART + 0x40);

	if (!mis)
		c->spurious++;
	write32(UART + 0x44, mis & 0x20);
	if (mis & 0x20)
		c->tx_done++;
	while (!(read32(UART + 0x18) & 0x10)) {
		if ((read32(UART) & 0xff) == 'q')
			quit = true;
		else
			received++;
	}
}

static void tick(struct cpu *c)
{
	uint64_t now = mrs(cntpct_el0), hz = mrs(cntfrq_el0);

	msr(cntp_cval_el0, now + hz / 1000 * TICK_MS);
	c->ticks++;
	if (!c->waiting_since || now - c->waiting_since < hz / 1000 * STALL_MS)
		return;
	put("\nstalled: cpu ");
	put_number(c->number);
	put(" waits for ");
	put(c->what);
	report();
	off();
}

static void interrupt(struct cpu *c)
{
	uint32_t iar = acknowledge(), intid = iar & 0x3ff;

	if (intid >= SPURIOUS) {
		c->spurious++;
		return;
	}
	spin(c, 300);
	if (intid == VTIMER) {
		if (!(mrs(cntv_ctl_el0) & 4) || c->timer_fired == c->timer_armed)
			c->early++;
		msr(cntv_ctl_el0, 0);
		c->timer_fired++;
	} else if (intid == PTIMER) {
		if (!(mrs(cntp_ctl_el0) & 4))
			c->early++;
		tick(c);
	} else if (intid < nr_cpus) {
		c->sgi_received++;
		cpus[intid].acknowledged++;
	} else if (intid >= FIRST_SPI && intid < FIRST_SPI + nr_cpus) {
		c->spi_received++;
		if ((intid - FIRST_SPI + 1) % nr_cpus != c->number)
			c->unknown++; /* not sent here */
		cpus[intid - FIRST_SPI].acknowledged++;
	} else if (intid == UART_INTID) {
		uart_interrupt(c);
	} else {
		c->unknown++;
	}
	spin(c, 300);
	finish(c, iar);
}

void exception(struct frame *f)
{
	if ((f->vector & 3) == 1) {
		interrupt(self());
		return;
	}
	put("\nexception ");
	put_number(f->vector);
	put(" esr ");
	put_number(f->esr);
	put(" elr ");
	put_number(f->elr);
	put("\nend\n");
	off();
}

/* ---- The work ---- */

static void wait(struct cpu *c, const char *what, volatile uint64_t *counter, uint64_t until)
{
	c->what = what;
	c->waiting_since = mrs(cntpct_el0);
	while (*counter < until) {
		asm volatile("msr daifset, #2" : : : "memory");
		if (*counter < until && (c->random >> 40 & 1))
			asm volatile("wfi");
		asm volatile("msr daifclr, #2\nisb" : : : "memory");
	}
	c->waiting_since = 0;
}

/* A line that was high while nobody could look, and is low again: no interrupt. */
static void withdrawn(struct cpu *c)
{
	asm volatile("msr daifset, #2" : : : "memory");
	write32(UART, '.');
	spin(c, 3000);
	write32(UART + 0x44, 0x20);
	spin(c, 300);
	asm volatile("msr daifclr, #2\nisb" : : : "memory");
}

static void one_of_each(struct cpu *c, unsigned n)
{
	uint64_t acknowledged;
	unsigned to;

	spin(c, 3000);
	c->timer_armed++;
	msr(cntv_cval_el0, mrs(cntvct_el0) + (c->random >> 20) % (mrs(cntfrq_el0) / 5000));
	msr(cntv_ctl_el0, 1);
	wait(c, "the timer", &c->timer_fired, c->timer_armed);

	spin(c, 1000);
	to = (n + 1 + (unsigned)(c->random >> 50) % nr_cpus) % nr_cpus;
	acknowledged = c->acknowledged;
	c->sgi_sent++;
	send_sgi(n, to);
	wait(c, "an SGI", &c->acknowledged, acknowledged + 1);

	spin(c, 1000);
	c->spi_sent++;
	write32(GICD + 0x200 + (FIRST_SPI + n) / 32 * 4, 1u << (FIRST_SPI + n) % 32);
	wait(c, "an SPI", &c->acknowledged, acknowledged + 2);

	if (n == 0) {
		c->tx_sent++;
		write32(UART, '.');
		wait(c, "the UART", &c->tx_done, c->tx_sent);
		withdrawn(c);
	}
}

static void start_others(void)
{
	uint64_t r;

	for (unsigned n = 1; n < nr_cpus; n++) {
		call(0xc4000003, n, (uint64_t)cpu_entry, n, &r);
		if (r)
			put("CPU_ON failed\n");
	}
}

static unsigned count_cpus(void)
{
	uint64_t r = 0;
	unsigned n = 1;

	/* AFFINITY_INFO: an error for a CPU that is not there. */
	for (; n < MAX_CPUS; n++) {
		call(0xc4000004, n, 0, 0, &r);
		if ((int32_t)r < 0)
			break;
	}
	return n;
}

void cpu_main(void)
{
	struct cpu *c = self();
	unsigned n = (unsigned)(c - cpus);

	c->number = n;
	c->random = n * 7919 + mrs(cntpct_el0);
	if (n == 0) {
		nr_cpus = count_cpus();
		init_distributor();
	}
	init_cpu(n);
	msr(cntp_cval_el0, mrs(cntpct_el0) + mrs(cntfrq_el0) / 1000 * TICK_MS);
	msr(cntp_ctl_el0, 1);
	if (n == 0) {
		write32(UART + 0x2c, 0x70); /* 8 bits, FIFOs */
		write32(UART + 0x30, 0x301);
		put(v2 ? "irqs: GICv2\n" : "irqs: GICv3\n");
		write32(UART + 0x44, 0x7ff);
		write32(UART + 0x38, 0x70); /* RX, TX, RT */
		start_others();
	}
	asm volatile("msr daifclr, #2\nisb" : : : "memory");
	while (!quit)
		one_of_each(c, n);
	c->done = 1;
	if (n) {
		for (;;)
			asm volatile("wfi");
	}
	for (unsigned i = 1; i < nr_cpus; i++)
		wait(c, "the others", &cpus[i].done, 1);
	asm volatile("msr daifset, #2" : : : "memory");
	report();
	off();
}
