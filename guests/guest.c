/* SPDX-License-Identifier: MIT */
/* Console, checks, exceptions, firmware calls and CPUs of the bare-metal guests. */
#include "guest.h"

struct cpu cpus[MAX_CPUS];
u8 stacks[MAX_CPUS][16384] __attribute__((aligned(16)));
static unsigned nr_cpus;
static u64 failures;
extern char cpu_entry[];
extern const struct test _tests_start[], _tests_end[];

void main_guest(void);
void cpu_main(void);

struct frame {
	u64 x[31], vector, elr, spsr, esr, far, pad[2];
};

void exception(struct frame *f);

void putc(char c)
{
	if (c == '\n')
		putc('\r');
	while (read32(UART + 0x18) & 1 << 5)
		;
	write32(UART, (u8)c);
}

void puts(const char *s)
{
	while (*s)
		putc(*s++);
}

void puthex(u64 v)
{
	puts("0x");
	for (int n = 60; n >= 0; n -= 4) {
		if (v >> n || !n)
			putc("0123456789abcdef"[v >> n & 15]);
	}
}

void putdec(u64 v)
{
	if (v >= 10)
		putdec(v / 10);
	putc((char)('0' + v % 10));
}

void check_failed(const char *file, int line, const char *what, u64 got, u64 want)
{
	failures++;
	puts("# ");
	puts(file);
	putc(':');
	putdec(line);
	puts(": ");
	puts(what);
	puts(": ");
	puthex(got);
	puts(", not ");
	puthex(want);
	putc('\n');
}

void fault_clear(void)
{
	struct fault *f = &this_cpu->fault;

	*f = (struct fault){0};
	asm volatile("" : : : "memory");
}

static void die(struct frame *f)
{
	puts("Bail out! exception ");
	putdec(f->vector);
	puts(" elr ");
	puthex(f->elr);
	puts(" esr ");
	puthex(f->esr);
	puts(" far ");
	puthex(f->far);
	putc('\n');
	power_off();
}

static void interrupt(struct frame *f)
{
	struct cpu *c = this_cpu;
	u32 intid = (u32)mrs(S3_0_C12_C12_0); /* ICC_IAR1_EL1 */

	c->irq_elr = f->elr;
	c->irq_spsr = f->spsr;
	isb();
	if (intid >= 1020)
		return;
	c->irqs++;
	if (c->on_irq)
		c->on_irq(intid);
	msr(S3_0_C12_C12_1, intid); /* ICC_EOIR1_EL1 */
	isb();
}

void exception(struct frame *f)
{
	struct fault *t = &this_cpu->fault;
	u64 ec = EC(f->esr);

	if ((f->vector & 3) == 1) {
		interrupt(f);
		return;
	}
	if (f->vector & 3 || t->count > 100)
		die(f);
	*t = (struct fault){t->count + 1, f->vector, f->elr, f->spsr, f->esr, f->far, f->x[0]};
	if (f->vector == V_EL0_SYNC)
		leave_el0(f->x[0]);
	if (ec == 0x20 || ec == 0x21 || ec == 0x22) /* no instruction there: back to the caller */
		f->elr = f->x[30];
	else if (ec == 0x33) /* single step: no more of it, and nothing to skip */
		f->spsr |= 1 << 9;
	else if (ec == 0x0e) /* illegal execution state: PSTATE.IL would come back */
		f->spsr &= ~(1ul << 20);
	else if (ec != 0x15) /* SVC returns after itself anyway */
		f->elr += 4;
}

u64 hvc(u64 fn, u64 a, u64 b, u64 c)
{
	register u64 x0 asm("x0") = fn;
	register u64 x1 asm("x1") = a;
	register u64 x2 asm("x2") = b;
	register u64 x3 asm("x3") = c;

	asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return x0;
}

void power_off(void)
{
	hvc(0x84000008, 0, 0, 0);
	for (;;)
		;
}

u64 now_ns(void)
{
	isb();
	return mrs(cntvct_el0) * (1000000000 / mrs(cntfrq_el0));
}

void cpu_do(unsigned cpu, u64 (*fn)(u64), u64 arg)
{
	struct cpu *c = &cpus[cpu];

	c->work_arg = arg;
	c->work_done = 0;
	__atomic_store_n(&c->work, fn, __ATOMIC_RELEASE);
	dsb();
	asm volatile("sev");
}

u64 cpu_wait(unsigned cpu)
{
	while (!__atomic_load_n(&cpus[cpu].work_done, __ATOMIC_ACQUIRE))
		asm volatile("wfe" : : : "memory");
	return cpus[cpu].work_result;
}

unsigned start_cpus(void)
{
	while (nr_cpus < MAX_CPUS && (u32)hvc(0xc4000003, nr_cpus, (u64)cpu_entry, nr_cpus) == 0) {
		/* CPU_ON reports success before the other CPU has run its first instruction. */
		while (!__atomic_load_n(&cpus[nr_cpus].number, __ATOMIC_ACQUIRE))
			;
		nr_cpus++;
	}
	return nr_cpus;
}

static void secondary(struct cpu *c)
{
	gic_init_cpu();
	__atomic_store_n(&c->number, c - cpus, __ATOMIC_RELEASE);
	for (;;) {
		u64 (*fn)(u64);

		while (!(fn = __atomic_load_n(&c->work, __ATOMIC_ACQUIRE)))
			asm volatile("wfe" : : : "memory");
		c->work = NULL;
		c->work_result = fn(c->work_arg);
		__atomic_store_n(&c->work_done, 1, __ATOMIC_RELEASE);
		dsb();
		asm volatile("sev");
	}
}

void main_guest(void)
{
	u64 bad = 0, n = 0;

	for (const struct test *t = _tests_start; t < _tests_end; t++) {
		u64 before = failures;

		fault_clear();
		t->run();
		if (failures != before) {
			bad++;
			puts("not ");
		}
		puts("ok ");
		putdec(++n);
		puts(" - ");
		puts(t->name);
		putc('\n');
	}
	puts("1..");
	putdec(n);
	putc('\n');
	power_off();
}

void cpu_main(void)
{
	struct cpu *c = this_cpu;

	mmu_on(&kernel_space);
	if (c != cpus)
		secondary(c);
	nr_cpus = 1;
	gic_init_cpu();
	main_guest();
}
