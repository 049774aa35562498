/* SPDX-License-Identifier: MIT */
/*
 * The oracle's way into a case and out again. Position independent: copied to INSN_TRAMP, so that
 * the slots reach it by a direct branch. Layout of the context: struct oracle_context.
 */
#define STATE_SP   (31 * 8)
#define STATE_NZCV (33 * 8)
#define STATE_FPCR (33 * 8 + 4)
#define STATE_FPSR (33 * 8 + 8)
#define STATE_V	   (35 * 8)
#define HOST	   1280 /* x19-x30, sp, tpidr, fpcr, d8-d15 */

	.text
	.globl	oracle_tramp, oracle_tramp_end, oracle_tramp_leave, oracle_tramp_back
	.globl	oracle_tramp_context
	.balign	16

/* x0: context, x1: slot */
oracle_tramp:
	add	x2, x0, #HOST
	stp	x19, x20, [x2, #0]
	stp	x21, x22, [x2, #16]
	stp	x23, x24, [x2, #32]
	stp	x25, x26, [x2, #48]
	stp	x27, x28, [x2, #64]
	stp	x29, x30, [x2, #80]
	mov	x3, sp
	mrs	x4, tpidr_el0
	stp	x3, x4, [x2, #96]
	mrs	x3, fpcr
	str	x3, [x2, #112]
	stp	d8, d9, [x2, #128]
	stp	d10, d11, [x2, #144]
	stp	d12, d13, [x2, #160]
	stp	d14, d15, [x2, #176]

	ldr	w3, [x0, #STATE_NZCV]
	msr	nzcv, x3
	ldr	w3, [x0, #STATE_FPCR]
	msr	fpcr, x3
	ldr	w3, [x0, #STATE_FPSR]
	msr	fpsr, x3
	ldr	x3, [x0, #STATE_SP]
	mov	sp, x3
	ldr	x3, [x0, #240]
	msr	tpidr_el0, x3
	add	x2, x0, #STATE_V
	ldp	q0, q1, [x2, #0]
	ldp	q2, q3, [x2, #32]
	ldp	q4, q5, [x2, #64]
	ldp	q6, q7, [x2, #96]
	ldp	q8, q9, [x2, #128]
	ldp	q10, q11, [x2, #160]
	ldp	q12, q13, [x2, #192]
	ldp	q14, q15, [x2, #224]
	ldp	q16, q17, [x2, #256]
	ldp	q18, q19, [x2, #288]
	ldp	q20, q21, [x2, #320]
	ldp	q22, q23, [x2, #352]
	ldp	q24, q25, [x2, #384]
	ldp	q26, q27, [x2, #416]
	ldp	q28, q29, [x2, #448]
	ldp	q30, q31, [x2, #480]
	clrex
	mov	x30, x1
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldp	x0, x1, [x0]
	br	x30

/* The end of a slot. */
oracle_tramp_leave:
	msr	tpidr_el0, x0
	ldr	x0, oracle_tramp_context
	stp	x2, x3, [x0, #16]
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
	mrs	x2, tpidr_el0
	stp	x2, x1, [x0]
	mrs	x2, nzcv
	str	w2, [x0, #STATE_NZCV]
	mrs	x2, fpcr
	str	w2, [x0, #STATE_FPCR]
	mrs	x2, fpsr
	str	w2, [x0, #STATE_FPSR]
	add	x2, x0, #STATE_V
	stp	q0, q1, [x2, #0]
	stp	q2, q3, [x2, #32]
	stp	q4, q5, [x2, #64]
	stp	q6, q7, [x2, #96]
	stp	q8, q9, [x2, #128]
	stp	q10, q11, [x2, #160]
	stp	q12, q13, [x2, #192]
	stp	q14, q15, [x2, #224]
	stp	q16, q17, [x2, #256]
	stp	q18, q19, [x2, #288]
	stp	q20, q21, [x2, #320]
	stp	q22, q23, [x2, #352]
	stp	q24, q25, [x2, #384]
	stp	q26, q27, [x2, #416]
	stp	q28, q29, [x2, #448]
	stp	q30, q31, [x2, #480]

/* Where a signal handler resumes: x0 must be the context. */
oracle_tramp_back:
	ldr	x0, oracle_tramp_context
	add	x2, x0, #HOST
	ldp	x3, x4, [x2, #96]
	mov	sp, x3
	msr	tpidr_el0, x4
	ldr	x3, [x2, #112]
	msr	fpcr, x3
	ldp	d8, d9, [x2, #128]
	ldp	d10, d11, [x2, #144]
	ldp	d12, d13, [x2, #160]
	ldp	d14, d15, [x2, #176]
	ldp	x19, x20, [x2, #0]
	ldp	x21, x22, [x2, #16]
	ldp	x23, x24, [x2, #32]
	ldp	x25, x26, [x2, #48]
	ldp	x27, x28, [x2, #64]
	ldp	x29, x30, [x2, #80]
	ret
	.balign	8
oracle_tramp_context:
	.quad	0
oracle_tramp_end:
	.section .note.GNU-stack, "", %progbits
