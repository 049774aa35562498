/* SPDX-License-Identifier: MIT */
/* The loops that are timed. x0: rounds. The instructions of a round are counted in bench.c. */
	.arch	armv8-a
	.text
	.balign	4096

	/* 16 a round: what compiled integer code does. */
	.global	loop_integer
loop_integer:
	mov	x1, #1
	mov	x2, #0x9e37
	movk	x2, #0x79b9, lsl #16
	mov	x3, #0
1:	add	x1, x1, x2
	eor	x4, x1, x1, lsr #7
	and	w5, w4, #0xff
	add	x3, x3, x5
	lsl	x6, x4, #13
	sub	x6, x6, x3
	orr	x7, x6, x1
	cmp	x5, #128
	csel	x8, x6, x7, lo
	madd	x1, x8, x2, x1
	ubfx	x9, x1, #8, #16
	add	w3, w3, w9
	tbz	w3, #0, 2f
2:	eor	x1, x1, x3
	subs	x0, x0, #1
	b.ne	1b
	mov	x0, x1
	ret

	/* 16 a round, 8 of them loads and stores, over the 256 KiB at x1. */
	.global	loop_memory
loop_memory:
	mov	x2, #0
	mov	x5, #0x3ffc0
1:	and	x3, x2, x5
	add	x3, x3, x1
	ldr	x4, [x3]
	ldr	x6, [x3, #8]
	add	x4, x4, x6
	str	x4, [x3, #16]
	ldp	x7, x8, [x3, #24]
	stp	x7, x4, [x3, #40]
	ldrb	w9, [x3, #5]
	ldr	w10, [x1, x9, lsl #2]
	strb	w10, [x3, #7]
	str	w9, [x3, #60]
	add	x2, x2, #64
	eor	x2, x2, x9
	subs	x0, x0, #1
	b.ne	1b
	ret

	/* 16 a round, 12 of them scalar double precision. */
	.global	loop_fp
loop_fp:
	fmov	d0, #1.0
	fmov	d1, #0.5
	fmov	d2, #3.0
	fmov	d3, #1.25
	fmov	d16, #2.0
1:	fadd	d4, d0, d1
	fmul	d5, d4, d2
	fsub	d6, d5, d3
	fdiv	d7, d6, d2
	fadd	d0, d7, d3
	fmul	d17, d0, d1
	fmadd	d18, d17, d1, d3
	fcmp	d18, d16
	fcsel	d19, d18, d16, lo
	fsub	d0, d19, d1
	fabs	d0, d0
	scvtf	d20, x0
	add	x3, x3, #1
	eor	x4, x3, x0
	subs	x0, x0, #1
	b.ne	1b
	ret

	/*
	 * 5 a round: one load from one 4 KiB page after the other of the 64 MiB at x1, again and
	 * again, each at another offset, so that the host's caches are not what is timed.
	 */
	.global	loop_tlbmiss
loop_tlbmiss:
	mov	x2, #0
	mov	x5, #4160
1:	ldr	x4, [x1, x2]
	add	x2, x2, x5
	and	x2, x2, #0x3ffffff
	subs	x0, x0, #1
	b.ne	1b
	ret

	/* An exception to EL1 and back each round: SVC, the vector's ERET, and the loop. */
	.balign	2048
	.global	bench_vectors
bench_vectors:
	.skip	0x200
	eret
	.balign	2048
	.global	loop_exception
loop_exception:
1:	svc	#0
	subs	x0, x0, #1
	b.ne	1b
	ret
