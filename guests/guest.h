/* SPDX-License-Identifier: MIT */
/*
 * What a bare-metal guest has: a console, checks, exceptions that are recorded instead of fatal,
 * EL0, more CPUs. The machine is QEMU's `virt` with a GICv3; guests run there unchanged.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define MAX_CPUS 8

#define UART  0x09000000ul
#define GICD  0x08000000ul
#define GICR  0x080a0000ul /* 128 KiB a CPU */
#define SPARE 0x42000000ul /* RAM that tests map and scribble on, 16 MiB */

#define STR_(x) #x
#define STR(x)	STR_(x)
#define mrs(reg)                                                             \
	({                                                                   \
		u64 mrs_;                                                    \
		asm volatile("mrs %0, " STR(reg) : "=r"(mrs_) : : "memory"); \
		mrs_;                                                        \
	})
#define msr(reg, v) asm volatile("msr " STR(reg) ", %x0" : : "rZ"((u64)(v)) : "memory")
#define isb()	    asm volatile("isb" : : : "memory")
#define dsb()	    asm volatile("dsb sy" : : : "memory")

static inline u32 read32(u64 a)
{
	u32 v;

	asm volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
	return v;
}

static inline void write32(u64 a, u32 v)
{
	asm volatile("str %w0, [%1]" : : "r"(v), "r"(a) : "memory");
}

static inline void write64(u64 a, u64 v)
{
	asm volatile("str %0, [%1]" : : "r"(v), "r"(a) : "memory");
}

/* The exception that happened last on this CPU. */
struct fault {
	u64 count, vector; /* vector: 0-15, in the order of the table at VBAR_EL1 */
	u64 elr, spsr, esr, far;
	u64 x0; /* at the exception */
};

enum { V_SP0_SYNC = 0, V_SPX_SYNC = 4, V_SPX_IRQ = 5, V_EL0_SYNC = 8, V_EL0_IRQ = 9 };

struct cpu {
	u64 el0_sp; /* start.S */
	u64 number;
	struct fault fault;
	void (*on_irq)(u32 intid);
	u64 irqs;
	u64 (*work)(u64);
	u64 work_arg, work_result, work_done;
	u64 irq_elr, irq_spsr;
} __attribute__((aligned(CPU_STRUCT_SIZE)));

_Static_assert(sizeof(struct cpu) == CPU_STRUCT_SIZE, "start.S counts on it");

extern struct cpu cpus[];
#define this_cpu ((struct cpu *)mrs(tpidr_el1))

#define EC(esr)	 ((esr) >> 26 & 0x3f)
#define ISS(esr) ((esr)&0x1ffffff)
#define FSC(esr) ((esr)&0x3f)

/* ---- Console and checks. */
void putc(char c);
void puts(const char *s);
void puthex(u64 v);
void putdec(u64 v);

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(id, text)                                                                            \
	static void id(void);                                                                     \
	static const struct test id##_test __attribute__((used, section(".tests"))) = {text, id}; \
	static void id(void)

void check_failed(const char *file, int line, const char *what, u64 got, u64 want);
#define CHECK(cond) CHECK_EQ(!!(cond), 1)
#define CHECK_EQ(got, want)                                                                   \
	do {                                                                                  \
		u64 got_ = (u64)(got), want_ = (u64)(want);                                   \
		if (got_ != want_)                                                            \
			check_failed(__FILE_NAME__, __LINE__, #got " = " #want, got_, want_); \
	} while (0)

/*
 * Run an instruction that may fault: the handler records the exception and goes on after it (after
 * a branch to nowhere: at the caller).
 */
#define FAULTS(stmt)              \
	({                        \
		fault_clear();    \
		stmt;             \
		&this_cpu->fault; \
	})
void fault_clear(void);

static inline u64 peek(u64 va)
{
	u64 v = 0xdead;

	asm volatile("ldr %0, [%1]" : "+r"(v) : "r"(va) : "memory");
	return v;
}

static inline void poke(u64 va, u64 v)
{
	asm volatile("str %0, [%1]" : : "r"(v), "r"(va) : "memory");
}

static inline u64 call(u64 va)
{
	register u64 x0 asm("x0") = 0;

	asm volatile("blr %1"
		     : "+r"(x0)
		     : "r"(va)
		     : "memory", "x30", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
		       "x11", "x12", "x13", "x14", "x15", "x16", "x17");
	return x0;
}

/* ---- Firmware and other CPUs. */
u64 hvc(u64 fn, u64 a, u64 b, u64 c);
void power_off(void) __attribute__((noreturn));
unsigned start_cpus(void);			    /* how many there are, all started */
void cpu_do(unsigned cpu, u64 (*fn)(u64), u64 arg); /* asynchronously */
u64 cpu_wait(unsigned cpu);
u64 now_ns(void);

/* ---- Interrupts. */
void gic_init_cpu(void);
void gic_enable(u32 intid, u8 priority);
void gic_disable(u32 intid);
static inline void irq_unmask(void)
{
	asm volatile("msr daifclr, #2" : : : "memory");
}
static inline void irq_mask(void)
{
	asm volatile("msr daifset, #2" : : : "memory");
}

/* ---- EL0. Code goes to a page that user programs may execute. */
#define USER(id, text)                                                            \
	extern const u32 id[], id##_end[];                                        \
	asm(".pushsection .rodata\n.balign 4\n" #id ":\n" text "\n" #id "_end:\n" \
	    ".popsection")
u64 enter_el0(u64 pc, u64 arg0, u64 arg1, u64 spsr);
void leave_el0(u64 x0) __attribute__((noreturn));
/* Copies the code to USER_CODE, runs it with SP_EL0 = USER_STACK; returns x0 when it faults. */
u64 run_user_code(const u32 *code, const u32 *end, u64 arg0, u64 arg1, u64 spsr);
#define run_user(id, a0, a1) run_user_code(id, id##_end, a0, a1, 0)
void sync_code(u64 va, u64 len);

/* ---- Translation tables (mmu.c). */
#define USER_CODE  0x80000000ul
#define USER_STACK 0x80010000ul /* end of a page */
#define TEST_VA	   0x90000000ul /* 256 MiB for tests to map as they like */

#define PTE_AF	   (1ul << 10)
#define PTE_NG	   (1ul << 11)
#define PTE_SH	   (3ul << 8)
#define PTE_RO	   (1ul << 7)
#define PTE_USER   (1ul << 6)
#define PTE_DEVICE (1ul << 2) /* AttrIndx 1 */
#define PTE_PXN	   (1ul << 53)
#define PTE_UXN	   (1ul << 54)
#define PTE_NORMAL (PTE_AF | PTE_SH)

struct space {
	unsigned granule; /* log2: 12, 14, 16 */
	unsigned va_bits;
	bool wide; /* 52-bit output addresses: FEAT_LPA with 64K, else FEAT_LPA2 */
	u64 *root;
};

extern struct space kernel_space;

void space_init(struct space *s, unsigned granule, unsigned va_bits);
void space_init_wide(struct space *s, unsigned granule, unsigned va_bits);
int space_start_level(const struct space *s);		/* -1 to 3 */
unsigned space_shift(const struct space *s, int level); /* log2 of what an entry there maps */
/* One page or block of level @level; replaces what is there. Flushing is the caller's. */
void space_map(struct space *s, u64 va, u64 pa, int level, u64 attrs);
void space_unmap(struct space *s, u64 va, int level);
u64 *space_pte(struct space *s, u64 va, int level);
void space_map_machine(struct space *s); /* identity: devices and RAM */
void mmu_on(struct space *s);		 /* and TTBR1 off */
void mmu_off(void);
void tables_reset(void); /* forget all tables but the kernel's */
u64 space_tcr(const struct space *s);
void tlbi_va(u64 va);
void tlbi_all(void);
/* A 4K page at TEST_VA + offset of the kernel's space, flushed. */
void test_map(u64 offset, u64 pa, u64 attrs);
void test_unmap(u64 offset);

#endif
