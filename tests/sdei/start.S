/* SPDX-License-Identifier: MIT */
/*
 * Entry, vectors, the beginning and end of handlers, and the pieces of code that are interrupted.
 *
 * The probes load all registers from a struct probe (guest_regs.c), whose address is in SP, do
 * what raises an event, and store them behind it again.
 */
	.arch	armv8.1-a
	.section .head, "ax"
	.global	_start, cpu_entry, entry_normal, entry_critical, resume_here
	/* x0: number of the CPU. Also where PSCI CPU_ON starts secondaries. */
_start:
cpu_entry:
	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x2, x0, #1
	add	x1, x1, x2, lsl #13
	msr	spsel, #1
	mov	sp, x1
	adr	x2, vectors
	msr	vbar_el1, x2
	adrp	x1, cpus
	add	x1, x1, :lo12:cpus
	add	x1, x1, x0, lsl #12
	msr	tpidr_el0, x1
	isb
	bl	cpu_main
1:	b	1b

	/* x4 and x5 are free; all others are recorded, and again as they were when this ends. */
	.balign	64
	.skip	0x100 - (. - _start)
entry_normal:
	mrs	x4, tpidr_el0
	b	handler
	.skip	0x140 - (. - _start)
entry_critical:
	mrs	x4, tpidr_el0
	add	x4, x4, #352
handler:
	stp	x0, x1, [x4]
	stp	x2, x3, [x4, #16]
	stp	x6, x7, [x4, #48]
	stp	x8, x9, [x4, #64]
	stp	x10, x11, [x4, #80]
	stp	x12, x13, [x4, #96]
	stp	x14, x15, [x4, #112]
	stp	x16, x17, [x4, #128]
	stp	x18, x19, [x4, #144]
	stp	x20, x21, [x4, #160]
	stp	x22, x23, [x4, #176]
	stp	x24, x25, [x4, #192]
	stp	x26, x27, [x4, #208]
	stp	x28, x29, [x4, #224]
	mov	x5, sp
	stp	x30, x5, [x4, #240]
	mrs	x6, nzcv
	mrs	x7, daif
	stp	x6, x7, [x4, #256]
	mrs	x6, spsel
	mrs	x7, currentel
	stp	x6, x7, [x4, #272]
	mrs	x6, s3_0_c4_c2_3	/* PAN */
	mrs	x7, elr_el1
	stp	x6, x7, [x4, #288]
	mrs	x6, spsr_el1
	mrs	x7, esr_el1
	stp	x6, x7, [x4, #304]
	mrs	x6, far_el1
	mrs	x7, sp_el0
	stp	x6, x7, [x4, #320]
	mrs	x5, tpidr_el0
	sub	x6, x4, x5		/* 0 or 352: handler_sp[0] or [1] */
	cmp	x6, #0
	cset	x6, ne
	add	x5, x5, x6, lsl #3
	ldr	x5, [x5, #1008]
	mov	sp, x5
	mov	x19, x4
	mov	x0, x4
	bl	handler_main
	mov	x4, x19
	ldp	x0, x1, [x4, #336]
	ldp	x30, x5, [x4, #240]
	mov	sp, x5
	ldp	x18, x19, [x4, #144]
	ldp	x20, x21, [x4, #160]
	ldp	x22, x23, [x4, #176]
	ldp	x24, x25, [x4, #192]
	ldp	x26, x27, [x4, #208]
	ldp	x28, x29, [x4, #224]
	hvc	#0
	/* It was refused. */
	ldr	x5, [x4, #248]
	mov	sp, x5
	bl	not_completed
1:	b	1b

	/* As an exception; everything but TPIDR_EL1 stays. */
resume_here:
	msr	tpidr_el1, x0
	mrs	x0, tpidr_el0
	add	x0, x0, #704
	stp	x2, x3, [x0, #16]
	str	x1, [x0, #8]
	mrs	x2, tpidr_el1
	str	x2, [x0]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	mov	x2, sp
	stp	x30, x2, [x0, #240]
	mrs	x2, daif
	mrs	x3, spsel
	stp	x2, x3, [x0, #256]
	mrs	x2, currentel
	mrs	x3, elr_el1
	stp	x2, x3, [x0, #272]
	mrs	x2, spsr_el1
	ldr	x3, [x0, #296]
	add	x3, x3, #1
	stp	x2, x3, [x0, #288]
	ldp	x2, x3, [x0, #16]
	mrs	x0, tpidr_el1
	eret

	/* ---- Vectors ---- */

	.macro	unexpected n
	.balign	128
	mov	x0, #\n
	b	trapped
	.endm

	.balign	2048
vectors:
	unexpected 0
	unexpected 1
	unexpected 2
	unexpected 3
	unexpected 4
	.balign	128			/* IRQ at EL1 */
	sub	sp, sp, #192
	stp	x0, x1, [sp]
	b	irq_entry
	unexpected 6
	unexpected 7
	.balign	128			/* SVC at EL0, the end of probe_el0 */
	mrs	x0, sp_el0
	b	probe_end
	.rept	7
	unexpected 9
	.endr
	.balign	2048

	/* A vector whose first instruction raises an event: nothing is saved yet. */
	.global	prologue_vectors, prologue_after
prologue_vectors:
	.skip	0x200
	str	x29, [x28]
prologue_after:
	eret
	.balign	2048

trapped:
	mrs	x1, esr_el1
	mrs	x2, elr_el1
	mrs	x3, far_el1
	mrs	x4, tpidr_el0
	ldr	x4, [x4, #1008]
	mov	sp, x4
	bl	exception
1:	b	1b

irq_entry:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x30, [sp, #144]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #160]
	bl	irq_main
	ldp	x0, x1, [sp, #160]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x30, [sp, #144]
	ldp	x0, x1, [sp]
	add	sp, sp, #192
	eret

	/* ---- What is interrupted ---- */

	.text
	.global	raise_store, raise_stored, raise_call, raise_called
raise_store:
	mov	w17, #0x5de1
	movk	w17, #0x5de1, lsl #16
	str	x1, [x0]
raise_stored:
	ret

raise_call:
	mov	w17, #0x5de1
	movk	w17, #0x5de1, lsl #16
	hvc	#0
raise_called:
	ret

	/* The functions return where they slept. */
	.global	sleep_wfi, sleep_wfi_after, sleep_wfe, sleep_wfe_after
	.global	sleep_suspend, sleep_suspend_after
sleep_wfi:
	wfi
sleep_wfi_after:
	ret

sleep_wfe:
	wfe
sleep_wfe_after:
	ret

sleep_suspend:
	movz	x0, #0x0001		/* PSCI CPU_SUSPEND, standby */
	movk	x0, #0xc400, lsl #16
	mov	x1, #0
	hvc	#0
sleep_suspend_after:
	ret

	/* ---- Probes: x0 is struct probe ---- */

	.macro	load_all
	ldr	x0, [sp, #248]
	msr	nzcv, x0
	ldp	x0, x1, [sp]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldr	x30, [sp, #240]
	.endm

	.macro	store_all
	stp	x0, x1, [sp, #256]
	stp	x2, x3, [sp, #272]
	stp	x4, x5, [sp, #288]
	stp	x6, x7, [sp, #304]
	stp	x8, x9, [sp, #320]
	stp	x10, x11, [sp, #336]
	stp	x12, x13, [sp, #352]
	stp	x14, x15, [sp, #368]
	stp	x16, x17, [sp, #384]
	stp	x18, x19, [sp, #400]
	stp	x20, x21, [sp, #416]
	stp	x22, x23, [sp, #432]
	stp	x24, x25, [sp, #448]
	stp	x26, x27, [sp, #464]
	stp	x28, x29, [sp, #480]
	str	x30, [sp, #496]
	.endm

	.macro	begin name
	.global	\name, \name\()_after
\name:
	sub	sp, sp, #96
	stp	x19, x20, [sp]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x1, sp
	str	x1, [x0, #576]
	.endm

	begin	probe_el1h
	mov	sp, x0
	load_all
	str	x29, [x28]
probe_el1h_after:
	store_all
	mov	x0, sp
	b	probe_end

	begin	probe_el1t
	msr	sp_el0, x0
	msr	spsel, #0
	load_all
	str	x29, [x28]
probe_el1t_after:
	store_all
	mov	x0, sp
	b	probe_end

	begin	probe_hvc
	mov	sp, x0
	load_all
	hvc	#0
probe_hvc_after:
	store_all
	mov	x0, sp
	b	probe_end

	/* With VBAR_EL1 at prologue_vectors. */
	begin	probe_svc
	mov	sp, x0
	load_all
	svc	#0
probe_svc_after:
	store_all
	mov	x0, sp
	b	probe_end

	begin	probe_el0
	msr	sp_el0, x0
	ldr	x1, [x0, #584]
	msr	spsr_el1, x1
	adr	x1, 1f
	msr	elr_el1, x1
	eret
1:	load_all
	str	x29, [x28]
probe_el0_after:
	store_all
	svc	#0

probe_end:
	mrs	x1, nzcv
	mrs	x2, daif
	mrs	x3, spsel
	mrs	x4, currentel
	mrs	x5, s3_0_c4_c2_3
	mrs	x6, elr_el1
	mrs	x7, spsr_el1
	mrs	x8, esr_el1
	mrs	x9, far_el1
	add	x10, x0, #504
	stp	x1, x2, [x10]
	stp	x3, x4, [x10, #16]
	stp	x5, x6, [x10, #32]
	stp	x7, x8, [x10, #48]
	str	x9, [x10, #64]
	msr	spsel, #1
	ldr	x1, [x0, #576]
	mov	sp, x1
	ldp	x19, x20, [sp]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	add	sp, sp, #96
	ret

	.bss
	.balign	8192
stacks:	.skip	8 * 8192
