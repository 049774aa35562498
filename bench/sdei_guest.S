/* SPDX-License-Identifier: MIT */
/*
 * The guest of sdei.c. x0: 1 to sleep in WFI, 0 to spin; x1: two words, the time at which a handler
 * began, which it writes when it could be called again, and a word that ends the guest. An SDEI
 * event of number x2 and SPI 40, edge-triggered, have handlers whose first instruction reads the
 * counter.
 */
	.arch	armv8-a
	.text
	.global	_start
	.set	GICD, 0x08000000
	.set	GICR, 0x080a0000

_start:
	mov	x19, x0
	mov	x20, x1
	mov	x21, x2
	adr	x3, vectors
	msr	vbar_el1, x3

	/* SPI 40 to this vCPU. */
	ldr	x3, =GICD
	mov	w4, #0x12			/* ARE, group 1 */
	str	w4, [x3]
	mov	w4, #(1 << 8)
	str	w4, [x3, #0x084]		/* GICD_IGROUPR1 */
	mov	w5, #(2 << 16)
	str	w5, [x3, #0xc08]		/* GICD_ICFGR2: edge */
	str	w4, [x3, #0x104]		/* GICD_ISENABLER1 */
	add	x3, x3, #0x6000
	str	xzr, [x3, #(40 * 8)]		/* GICD_IROUTER40 */
	mov	x4, #0xff
	msr	S3_0_C4_C6_0, x4		/* ICC_PMR_EL1 */
	mov	x4, #1
	msr	S3_0_C12_C12_7, x4		/* ICC_IGRPEN1_EL1 */

	/* EVENT_REGISTER, EVENT_ENABLE, PE_UNMASK */
	mov	x1, x21
	adr	x2, event
	mov	x3, x20
	mov	x4, #0
	mov	x5, #0
	ldr	x0, =0xc4000021
	hvc	#0
	cbnz	x0, done
	mov	x1, x21
	ldr	x0, =0xc4000022
	hvc	#0
	ldr	x0, =0xc400002c
	hvc	#0
	msr	daifclr, #2

main:	ldr	x6, [x20, #8]
	cbnz	x6, done
	cbz	x19, main
	wfi
	b	main

done:	mov	x9, #0x30000000
1:	str	xzr, [x9]
	b	1b

event:
	mrs	x4, cntpct_el0
	str	x4, [x1]			/* once more while it runs is kept */
	mov	x1, #0
	ldr	x0, =0xc4000025			/* EVENT_COMPLETE */
	hvc	#0

	.balign	2048
vectors:
	.skip	0x280
	mrs	x9, cntpct_el0
	mrs	x10, S3_0_C12_C12_0		/* ICC_IAR1_EL1 */
	msr	S3_0_C12_C12_1, x10		/* ICC_EOIR1_EL1 */
	str	x9, [x20]
	eret
	.balign	2048
