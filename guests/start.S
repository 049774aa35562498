/* SPDX-License-Identifier: MIT */
/*
 * Entry of every bare-metal guest, its exception vectors and the ways to EL0 and back.
 *
 * The file starts with the header of an arm64 Linux Image, so whatever boots Linux boots it. It is
 * linked at a fixed address and copies itself there, because loaders differ in where they put a
 * kernel.
 */
	.section .head, "ax"
	.global _start
_start:
	b	1f
	.long	0
	.quad	0			/* text_offset */
	.quad	_image_size
	.quad	0xa			/* little-endian, 4K, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

1:	adr	x1, _start
	ldr	x2, =_start
	ldr	x3, =_data_end
	cmp	x1, x2
	b.eq	3f
2:	ldp	x4, x5, [x1], #16
	stp	x4, x5, [x2], #16
	cmp	x2, x3
	b.lo	2b
	dsb	sy
	ic	iallu
	dsb	sy
	isb
3:	ldr	x1, =_bss_start
	ldr	x2, =_bss_end
4:	str	xzr, [x1], #8
	cmp	x1, x2
	b.lo	4b
	mov	x0, #0
	ldr	x1, =cpu_entry
	br	x1

	.text
	/* x0: CPU number. Also where PSCI CPU_ON starts secondaries. */
	.global	cpu_entry
cpu_entry:
	ldr	x1, =cpus
	mov	x2, #CPU_STRUCT_SIZE
	madd	x1, x0, x2, x1
	msr	tpidr_el1, x1
	ldr	x2, =stacks
	add	x3, x0, #1
	add	x2, x2, x3, lsl #14
	msr	spsel, #1
	mov	sp, x2
	ldr	x2, =vectors
	msr	vbar_el1, x2
	mov	x2, #(3 << 20)
	msr	cpacr_el1, x2
	isb
	ldr	x2, =cpu_main
	br	x2

	.macro	vector n
	.balign	128
	sub	sp, sp, #304
	stp	x0, x1, [sp]
	mov	x0, #\n
	b	take
	.endm

	.balign	2048
vectors:
	.set	n, 0
	.rept	16
	vector	n
	.set	n, n + 1
	.endr

take:	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	str	x30, [sp, #240]
	mrs	x1, elr_el1
	mrs	x2, spsr_el1
	mrs	x3, esr_el1
	mrs	x4, far_el1
	stp	x0, x1, [sp, #248]
	stp	x2, x3, [sp, #264]
	str	x4, [sp, #280]
	mov	x0, sp
	bl	exception
	ldp	x1, x2, [sp, #256]
	msr	elr_el1, x1
	msr	spsr_el1, x2
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
	ldp	x0, x1, [sp]
	add	sp, sp, #304
	eret

	/* u64 enter_el0(u64 pc, u64 arg0, u64 arg1, u64 spsr): returns through leave_el0(). */
	.global	enter_el0
enter_el0:
	stp	x19, x20, [sp, #-96]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mrs	x4, tpidr_el1
	mov	x5, sp
	str	x5, [x4]
	msr	elr_el1, x0
	msr	spsr_el1, x3
	mov	x0, x1
	mov	x1, x2
	eret

	.global	leave_el0
leave_el0:
	mrs	x4, tpidr_el1
	ldr	x5, [x4]
	mov	sp, x5
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #96
	ret
