/* SPDX-License-Identifier: MIT */
/*
 * A bare-metal guest that handles events of SDEI: event 0 and the VMM's on every CPU. All CPUs have
 * their interrupts masked for good, so nothing else can reach them: those with an even number
 * compute with the registers that a handler may use, the others sleep. Each event prints a
 * character that says which it was and where it came:
 *
 *	event	0	0x10	0x11	0x12	0x13
 *	CPU 0	a	e	i	y	z
 *	CPU 1	b	f	j	on any
 *	...
 *
 * and "!" is something wrong: a call failed, or a handler was not what it should be for the code it
 * interrupts. Runs with 1 to 4 CPUs. start.S and guest.lds are those of the other guests.
 */
#include <stdint.h>

#define MAX_CPUS 4
#define UART	 0x09000000ul

enum { PSCI_CPU_ON = 0x03, PSCI_AFFINITY_INFO = 0x04 };
enum { SDEI_REGISTER = 0x21, SDEI_ENABLE = 0x22, SDEI_UNMASK = 0x2c };
enum { PSTATE_EL1H_DAIF = 0x3c5, PSTATE_MASKS = 0x3cf };

/* One for each CPU; start.S knows its size. */
struct cpu {
	uint64_t el0_sp;
	volatile uint64_t up;
} __attribute__((aligned(CPU_STRUCT_SIZE)));

_Static_assert(sizeof(struct cpu) == CPU_STRUCT_SIZE, "start.S counts on it");

struct cpu cpus[MAX_CPUS];
uint8_t stacks[MAX_CPUS][16384] __attribute__((aligned(16)));
extern char cpu_entry[], sdei_entry[];

void cpu_main(void);
void exception(void *frame);
void event(uint64_t number, uint64_t argument, uint64_t pc, uint64_t pstate);

static void put(char c)
{
	asm volatile("str %w0, [%1]" : : "r"((uint32_t)c), "r"(UART) : "memory");
}

static int64_t call(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t x0 asm("x0") = 0xc4000000 + function;
	register uint64_t x1 asm("x1") = a;
	register uint64_t x2 asm("x2") = b;
	register uint64_t x3 asm("x3") = c;
	register uint64_t x4 asm("x4") = d;

	asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4) : : "memory");
	return (int64_t)x0;
}

/* ---- Events ---- */

/* COMPLETE restores x0 to x17; the rest is ours to keep, and C code may change x18 and x30. */
asm("	.text\n"
    "	.global	sdei_entry\n"
    "sdei_entry:\n"
    "	stp	x18, x30, [sp, #-16]!\n"
    "	bl	event\n"
    "	ldp	x18, x30, [sp], #16\n"
    "	ldr	x0, =0xc4000025\n"
    "	mov	x1, #0\n"
    "	hvc	#0\n"
    "	b	.\n");

void event(uint64_t number, uint64_t argument, uint64_t pc, uint64_t pstate)
{
	uint64_t self, spsel, daif, el;

	asm volatile("mrs %0, tpidr_el1" : "=r"(self));
	asm volatile("mrs %0, spsel" : "=r"(spsel));
	asm volatile("mrs %0, daif" : "=r"(daif));
	asm volatile("mrs %0, currentel" : "=r"(el));
	self = (self - (uint64_t)cpus) / sizeof(struct cpu);
	if (argument != (number << 8 | (number < 0x12 ? self : 0)) || spsel != 1 || daif != 0x3c0 ||
	    el != 4 || (pstate & PSTATE_MASKS) != PSTATE_EL1H_DAIF || pc & 3)
		put('!');
	if (number >= 0x12)
		put(number == 0x12 ? 'y' : 'z');
	else
		put((char)('a' + (number ? (number - 0xf) * MAX_CPUS : 0) + self));
}

static void take(uint64_t number, uint64_t argument)
{
	if (call(SDEI_REGISTER, number, (uint64_t)sdei_entry, number << 8 | argument, 0) ||
	    call(SDEI_ENABLE, number, 0, 0, 0))
		put('!');
}

/* ---- What they interrupt ---- */

/* Returns 0 if no register has changed behind our back, nor the flags that the loop goes by. */
static uint64_t churn(uint64_t seed)
{
	uint64_t bad;

	asm volatile("	mov	x0, %1\n"
		     "	.irp	i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17\n"
		     "	add	x\\i, x0, #\\i\n"
		     "	.endr\n"
		     "	mov	%0, #5000\n"
		     "1:	subs	%0, %0, #1\n"
		     "	b.ne	1b\n"
		     "	.irp	i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17\n"
		     "	sub	x\\i, x\\i, #\\i\n"
		     "	eor	x\\i, x\\i, %1\n"
		     "	orr	%0, %0, x\\i\n"
		     "	.endr\n"
		     "	eor	x0, x0, %1\n"
		     "	orr	%0, %0, x0\n"
		     : "=&r"(bad)
		     : "r"(seed)
		     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
		       "x12", "x13", "x14", "x15", "x16", "x17", "cc");
	return bad;
}

static void start_others(void)
{
	for (uint64_t n = 1; n < MAX_CPUS; n++) {
		/* An error for a CPU that is not there. */
		if ((int32_t)call(PSCI_AFFINITY_INFO, n, 0, 0, 0) < 0)
			break;
		if (call(PSCI_CPU_ON, n, (uint64_t)cpu_entry, n, 0))
			put('!');
		while (!cpus[n].up)
			;
	}
	for (const char *s = "\nready\n"; *s; s++)
		put(*s);
}

void cpu_main(void)
{
	struct cpu *c;
	uint64_t n, seed;

	asm volatile("mrs %0, tpidr_el1" : "=r"(c));
	n = (uint64_t)(c - cpus);
	for (uint64_t e = 0x10; e <= 0x11; e++)
		take(e, n);
	take(0, n);
	if (!n) {
		asm volatile("str %w0, [%1]" : : "r"(0x301), "r"(UART + 0x30) : "memory");
		take(0x12, 0);
		take(0x13, 0);
	}
	if (call(SDEI_UNMASK, 0, 0, 0, 0))
		put('!');
	c->up = 1;
	if (!n)
		start_others();
	for (seed = n * 7919;; seed += 0x9e3779b97f4a7c15) {
		if (churn(seed))
			put('!');
		if (n & 1)
			asm volatile("wfi" : : : "memory");
	}
}

void exception(void *frame)
{
	(void)frame;
	put('!');
	for (;;)
		;
}
