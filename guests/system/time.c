/* SPDX-License-Identifier: MIT */
/* Timers, interrupts, WFI and WFE (DDI 0487 D11, D1.6; IHI 0069H 4). */
#include "../guest.h"

static volatile u64 fired;

static void on_timer(u32 intid)
{
	fired = intid;
	msr(cntv_ctl_el0, 2);
	msr(cntp_ctl_el0, 2);
	isb();
}

static u64 ticks(u64 us)
{
	return mrs(cntfrq_el0) / 1000000 * us;
}

TEST(counter, "CNTVCT_EL0 and CNTPCT_EL0 go on, at CNTFRQ_EL0")
{
	u64 a, b;

	isb();
	a = mrs(cntvct_el0);
	b = mrs(cntpct_el0);
	for (unsigned n = 0; n < 1000; n++) {
		u64 v, p;

		isb();
		v = mrs(cntvct_el0);
		p = mrs(cntpct_el0);
		CHECK(v >= a && p >= b);
		a = v;
		b = p;
	}
	CHECK(mrs(cntfrq_el0) >= 1000000);
}

TEST(timer_status, "CTL.ISTATUS, CVAL and TVAL of both timers")
{
	msr(cntv_cval_el0, mrs(cntvct_el0) + ticks(1000000));
	msr(cntv_ctl_el0, 3); /* enabled, masked */
	isb();
	CHECK_EQ(mrs(cntv_ctl_el0), 3);
	CHECK((u32)mrs(cntv_tval_el0) <= ticks(1000000));
	msr(cntv_cval_el0, 0);
	isb();
	CHECK_EQ(mrs(cntv_ctl_el0), 7);
	msr(cntv_tval_el0, 0xffffffff); /* signed: one tick ago */
	isb();
	CHECK(mrs(cntv_cval_el0) < mrs(cntvct_el0));
	CHECK_EQ(mrs(cntv_ctl_el0), 7);
	msr(cntv_ctl_el0, 2);
	isb();
	CHECK_EQ(mrs(cntv_ctl_el0) & 3, 2);
	msr(cntp_cval_el0, 0);
	msr(cntp_ctl_el0, 3);
	isb();
	CHECK_EQ(mrs(cntp_ctl_el0), 7);
	msr(cntp_ctl_el0, 2);
	isb();
}

static void timer_irq(bool physical)
{
	u32 intid = physical ? 30 : 27;
	u64 start;

	this_cpu->on_irq = on_timer;
	gic_enable(intid, 0xa0);
	fired = 0;
	irq_unmask();
	start = now_ns();
	if (physical) {
		msr(cntp_tval_el0, ticks(2000));
		msr(cntp_ctl_el0, 1);
	} else {
		msr(cntv_tval_el0, ticks(2000));
		msr(cntv_ctl_el0, 1);
	}
	isb();
	while (!fired && now_ns() - start < 2000000000)
		;
	irq_mask();
	CHECK_EQ(fired, intid);
	CHECK(now_ns() - start >= 2000000);
	CHECK_EQ(this_cpu->irq_spsr & 0xf, 5);
	gic_disable(intid);
}

TEST(virtual_timer, "the virtual timer interrupts as PPI 27")
{
	timer_irq(false);
}

TEST(physical_timer, "the physical timer interrupts as PPI 30")
{
	timer_irq(true);
}

TEST(wfi_masked, "WFI wakes for an interrupt that PSTATE.I masks, and does not take it")
{
	u64 irqs = this_cpu->irqs, start = now_ns();

	gic_enable(27, 0xa0);
	fired = 0;
	msr(cntv_tval_el0, ticks(5000));
	msr(cntv_ctl_el0, 1);
	isb();
	while (!(mrs(cntv_ctl_el0) & 4))
		asm volatile("wfi" : : : "memory");
	CHECK(now_ns() - start >= 5000000);
	CHECK(mrs(isr_el1) & 0x80);
	CHECK_EQ(this_cpu->irqs, irqs);
	irq_unmask();
	isb();
	CHECK_EQ(fired, 27);
	irq_mask();
	gic_disable(27);
}

TEST(wfe_event, "WFE falls through after SEVL, and an event is used up")
{
	asm volatile("sevl\n wfe");
	/* Waits for something: the timer's event or interrupt bounds it. */
	msr(cntv_tval_el0, ticks(3000));
	msr(cntv_ctl_el0, 1);
	gic_enable(27, 0xa0);
	irq_unmask();
	fired = 0;
	while (!fired)
		asm volatile("wfe");
	irq_mask();
	gic_disable(27);
	CHECK_EQ(fired, 27);
}

USER(user_spin, "1: ldr x1, [x0]\n cbz x1, 1b\n svc #0");

static void on_timer_release(u32 intid)
{
	on_timer(intid);
	*(volatile u64 *)(SPARE + 4096) = 1;
}

TEST(irq_from_el0, "an interrupt is taken from EL0 and EL0 goes on")
{
	u64 v = *(volatile u64 *)(SPARE + 4096) = 0;

	this_cpu->on_irq = on_timer_release;
	gic_enable(27, 0xa0);
	msr(cntv_tval_el0, ticks(2000));
	msr(cntv_ctl_el0, 1);
	isb();
	v = run_user(user_spin, USER_STACK - 4096, 0);
	(void)v;
	CHECK_EQ(this_cpu->irq_spsr & 0xf, 0);
	CHECK(this_cpu->irq_elr >= USER_CODE && this_cpu->irq_elr < USER_CODE + 12);
	CHECK_EQ(EC(this_cpu->fault.esr), 0x15);
	gic_disable(27);
	this_cpu->on_irq = on_timer;
}

static volatile u64 order, nest_done;

static void on_nested(u32 intid)
{
	order = order << 8 | intid;
	if (intid == 1) {
		/* A more urgent SGI preempts, a less urgent one waits. */
		msr(S3_0_C12_C11_5, 2ul << 24 | 1); /* SGI 2 to CPU 0 */
		msr(S3_0_C12_C11_5, 3ul << 24 | 1);
		isb();
		irq_unmask();
		isb();
		for (u64 end = now_ns() + 200000; now_ns() < end;)
			;
		irq_mask();
		order = order << 8 | 0xee;
	}
}

TEST(preemption, "a higher priority preempts, a lower one waits for EOI")
{
	u64 elr, spsr;

	this_cpu->on_irq = on_nested;
	order = 0;
	gic_enable(1, 0x80);
	gic_enable(2, 0x40);
	gic_enable(3, 0xc0);
	elr = mrs(elr_el1);
	spsr = mrs(spsr_el1);
	msr(S3_0_C12_C11_5, 1ul << 24 | 1);
	isb();
	irq_unmask();
	for (u64 end = now_ns() + 2000000; now_ns() < end && (order & 0xff) != 3;)
		;
	irq_mask();
	CHECK_EQ(order, 0x0102ee03);
	(void)elr;
	(void)spsr;
	this_cpu->on_irq = on_timer;
}

static volatile u64 sgis[MAX_CPUS];

static void on_sgi(u32 intid)
{
	sgis[this_cpu - cpus] += intid;
}

static u64 take_sgis(u64 want)
{
	u64 n = (u64)(this_cpu - cpus);

	this_cpu->on_irq = on_sgi;
	gic_enable(5, 0x80);
	/* Masked between the look and the WFI, or the last one could be taken there. */
	irq_mask();
	while (sgis[n] < want) {
		asm volatile("wfi" : : : "memory");
		irq_unmask();
		isb();
		irq_mask();
	}
	return sgis[n];
}

TEST(ipi, "SGIs reach sleeping CPUs, one by one and all but self")
{
	unsigned n = start_cpus();

	if (n < 2) {
		puts("# one CPU only\n");
		return;
	}
	for (unsigned c = 1; c < n; c++) {
		sgis[c] = 0;
		cpu_do(c, take_sgis, 505);
	}
	for (unsigned round = 1; round <= 100; round++) {
		for (unsigned c = 1; c < n; c++) {
			msr(S3_0_C12_C11_5, 5ul << 24 | 1ul << c);
			isb();
			while (__atomic_load_n(&sgis[c], __ATOMIC_ACQUIRE) < round * 5)
				;
		}
	}
	msr(S3_0_C12_C11_5, 1ul << 40 | 5ul << 24); /* IRM: all but self */
	isb();
	for (unsigned c = 1; c < n; c++)
		CHECK_EQ(cpu_wait(c), 505);
}
