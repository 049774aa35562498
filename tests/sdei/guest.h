/* SPDX-License-Identifier: MIT */
/* What the guest of the SDEI suite is written with. */
#ifndef SDEI_GUEST_H
#define SDEI_GUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "layout.h"

typedef uint64_t u64;
typedef int64_t i64;

#define SHARED_DATA   ((volatile struct shared *)SHARED)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define STR_(x) #x
#define STR(x)	STR_(x)
#define mrs(reg)                                                             \
	({                                                                   \
		u64 mrs_;                                                    \
		asm volatile("mrs %0, " STR(reg) : "=r"(mrs_) : : "memory"); \
		mrs_;                                                        \
	})
#define msr(reg, v) asm volatile("msr " STR(reg) ", %x0\n\tisb" : : "rZ"((u64)(v)) : "memory")
#define barrier()   asm volatile("dsb sy\n\tisb" : : : "memory")

#define load(p)	    __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* ---- What handlers find (start.S knows the offsets) ---- */

struct record {
	u64 x[31], sp; /* x4, x5 are not known */
	u64 nzcv, daif, spsel, el, pan;
	u64 elr, spsr, esr, far, sp_el0;
	u64 function, argument; /* the call by which the handler ends */
};

/* What is found at the address of COMPLETE_AND_RESUME. */
struct resumed {
	u64 x[31], sp;
	u64 daif, spsel, el, elr, spsr, times;
};

#define MAX_SEEN 64

struct cpu {
	struct record record[2]; /* of a normal and a critical handler */
	struct resumed resumed;
	u64 handler_sp[2];
	u64 number;
	/* What the handlers of this CPU do beside; they may change the record's last two. */
	void (*volatile act[2])(struct record *r);
	bool (*volatile irq)(unsigned intid);
	/* Events whose handlers were entered here. */
	volatile u64 nr_seen;
	volatile uint32_t seen[MAX_SEEN];
	bool quiet; /* what happens is not the same each time: no notes */
	u64 hash, notes;
	volatile u64 ended[ENDED_WAYS];
	/* run_on() */
	void (*volatile work)(u64 argument);
	volatile u64 argument, asked, taken, done;
	volatile u64 ready; /* waits for work */
	/* The test's own. */
	volatile u64 word[16];
} __attribute__((aligned(4096)));

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *self(void)
{
	return &cpus[mrs(mpidr_el1) & 0xff];
}

static inline unsigned nr_cpus(void)
{
	return (unsigned)SHARED_DATA->nr_cpus;
}

extern char entry_normal[], entry_critical[], resume_here[], cpu_entry[];

/* ---- Checks ---- */

void fail(const char *file, unsigned line, const char *text, u64 got, u64 want);

#define check_eq(got, want)                                                       \
	do {                                                                      \
		u64 got_ = (u64)(got), want_ = (u64)(want);                       \
		if (got_ != want_)                                                \
			fail(__FILE__, __LINE__, #got " == " #want, got_, want_); \
	} while (0)
#define check(what)                                            \
	do {                                                   \
		if (!(what))                                   \
			fail(__FILE__, __LINE__, #what, 0, 1); \
	} while (0)

/* Part of what this test's run must have in common with any other of it. */
void note(u64 v);

/* Waits, for so long that something is wrong then. */
#define wait_until(condition)                                                           \
	do {                                                                            \
		u64 end_ = mrs(cntvct_el0) + SHARED_DATA->patience * mrs(cntfrq_el0);   \
		while (!(condition)) {                                                  \
			if (mrs(cntvct_el0) > end_) {                                   \
				fail(__FILE__, __LINE__, "wait for " #condition, 0, 1); \
				break;                                                  \
			}                                                               \
			asm volatile("wfe" : : : "memory");                             \
		}                                                                       \
	} while (0)

/* ---- Other CPUs ---- */

void start_on(unsigned cpu, void (*work)(u64 argument), u64 argument);
void wait_for(unsigned cpu);
static inline void run_on(unsigned cpu, void (*work)(u64 argument), u64 argument)
{
	if (cpu == self()->number) {
		work(argument);
		return;
	}
	start_on(cpu, work, argument);
	wait_for(cpu);
}
/* On all at the same time. */
void run_on_all(void (*work)(u64 argument), u64 argument);

#define PSCI_CPU_SUSPEND   0xc4000001u
#define PSCI_CPU_OFF	   0x84000002u
#define PSCI_CPU_ON	   0xc4000003u
#define PSCI_AFFINITY_INFO 0xc4000004u
#define PSCI_SYSTEM_OFF	   0x84000008u

/* Start a CPU that is off, and wait until it waits for work. */
void cpu_on(unsigned cpu);
bool cpu_is_off(unsigned cpu);
/* Of run_on(): CPU_OFF. */
void cpu_off(u64 unused);

/* ---- Calls ---- */

enum {
	SDEI_VERSION,
	SDEI_REGISTER,
	SDEI_ENABLE,
	SDEI_DISABLE,
	SDEI_CONTEXT,
	SDEI_COMPLETE,
	SDEI_RESUME,
	SDEI_UNREGISTER,
	SDEI_STATUS,
	SDEI_GET_INFO,
	SDEI_ROUTING_SET,
	SDEI_PE_MASK,
	SDEI_PE_UNMASK,
	SDEI_BIND,
	SDEI_RELEASE,
	SDEI_SIGNAL,
	SDEI_FEATURES,
	SDEI_PRIVATE_RESET,
	SDEI_SHARED_RESET,
};
#define SDEI_FUNCTION(n) (0xc4000020u + (n))

enum { NOT_SUPPORTED = -1, INVALID = -2, DENIED = -3, PENDING = -5, OUT_OF_RESOURCE = -10 };
enum { REGISTERED = 1, ENABLED = 2, RUNNING = 4 };

i64 call(u64 function, u64 a, u64 b, u64 c, u64 d, u64 e);
#define sdei5(n, a, b, c, d, e)		call(SDEI_FUNCTION(SDEI_##n), a, b, c, d, e)
#define sdei4(n, a, b, c, d)		sdei5(n, a, b, c, d, 0)
#define sdei3(n, a, b, c)		sdei5(n, a, b, c, 0, 0)
#define sdei2(n, a, b)			sdei5(n, a, b, 0, 0, 0)
#define sdei1(n, a)			sdei5(n, a, 0, 0, 0, 0)
#define sdei0(n)			sdei5(n, 0, 0, 0, 0, 0)
#define SDEI_(m, a, b, c, d, e, f, ...) f
#define sdei(...)			SDEI_(__VA_ARGS__, sdei5, sdei4, sdei3, sdei2, sdei1, sdei0)(__VA_ARGS__)

/* ---- Events ---- */

enum {
	SOFTWARE = 0x0,
	PRIVATE = 0x10,
	PRIVATE_CRITICAL = 0x11,
	SHARED_NORMAL = 0x12,
	SHARED_CRITICAL = 0x13,
	FIRST_BOUND = 0x40000000,
};

static inline bool is_critical(u64 event)
{
	return event == PRIVATE_CRITICAL || event == SHARED_CRITICAL;
}

/* What handlers get as x1. */
static inline u64 argument_of(u64 event)
{
	return event << 8 | 0x5a;
}

/* REGISTER with the handler of its priority; routed to @route if that is a CPU's number. */
#define ROUTE_ANY 0xffu
i64 event_register(u64 event, unsigned route);
/* Registers and enables, which must succeed. */
void event_set_up(u64 event, unsigned route);
void event_clear(u64 event);

#define CPU_TO(cpu) ((u64)(cpu) << 32)

/*
 * Raise an event of the host's at a CPU of ours or anywhere: 0 or -errno. It is delivered before
 * the next instruction, which start.S knows as raised; x17 is RAISE_MARK there.
 */
i64 raise(u64 value);
#define RAISE_MARK 0x5de15de1u
/* EVENT_SIGNAL of event 0; the same holds, after the HVC. */
i64 signal(unsigned cpu);
/* By start.S: 8 bytes to an address; the function call. Both end at a label. */
void raise_store(u64 address, u64 value);
i64 raise_call(u64 function, u64 a, u64 b);
extern char raise_stored[], raise_called[];

/* So many handlers of this CPU's were entered since forget_seen(); and not one more. */
void expect_seen(unsigned nr);
void forget_seen(void);

/* ---- Interrupts ---- */

void gic_init(void);
void gic_set_pending(unsigned intid);
bool gic_is(unsigned reg, unsigned intid); /* one of: */
enum { GIC_ENABLED = 0x100, GIC_PENDING = 0x200, GIC_ACTIVE = 0x300 };
void gic_set_edge(unsigned intid, bool edge);
void gic_enable(unsigned intid, bool on);
/* Its line, at @cpu if it is a PPI. */
void line(unsigned intid, unsigned cpu, bool high);

/* ---- Tests ---- */

struct test {
	const char *name;
	void (*run)(void);
	unsigned cpus; /* that it takes at least */
};

extern const struct test table_tests[], call_tests[], register_tests[], flow_tests[], power_tests[],
    irq_tests[];

#endif
