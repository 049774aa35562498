/* SPDX-License-Identifier: MIT */
/*
 * Entry, vectors, and the accesses that may go wrong.
 *
 * Each access is a function that touches nothing but caller-saved registers, so that an exception
 * in it can be answered by returning to the caller with a code in x0, whether it happened here or
 * in the page that was branched to. The syndrome is left in TPIDR_EL1.
 */
	.arch	armv8.1-a
	.section .head, "ax"
	.global	_start
	/* x0: number of the vCPU */
_start:
	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x2, x0, #1
	add	x1, x1, x2, lsl #12
	mov	sp, x1
	adr	x2, vectors
	msr	vbar_el1, x2
	isb
	bl	guest_main
1:	b	1b

	.balign	2048
vectors:
	.skip	0x200			/* SP_EL0: not used */
	mrs	x9, esr_el1
	msr	tpidr_el1, x9
	msr	elr_el1, x30
	lsr	x9, x9, #26
	mov	x0, #0xab01		/* TOOK_DATA_ABORT */
	cmp	x9, #0x25
	b.eq	1f
	mov	x0, #0xab02		/* TOOK_FETCH_ABORT */
	cmp	x9, #0x21
	b.eq	1f
	mov	x0, #0xab03		/* TOOK_BREAKPOINT */
	cmp	x9, #0x3c
	b.eq	1f
	mov	x0, #0xab04		/* TOOK_OTHER */
1:	movk	x0, #0xab00, lsl #16
	movk	x0, #0xab00, lsl #32
	movk	x0, #0xab00, lsl #48
	eret
	.balign	2048

	.text
	.global	try_load, try_store, try_late, try_add, try_exclusive, try_zero, try_call
try_load:
	ldr	x0, [x0]
	ret

try_store:
	mov	x2, x0
	mov	x0, #0
	str	x1, [x2]
	ret

	/*
	 * Stores, and stores again a good while later with no branch taken in between: whoever did
	 * not wait for this vCPU has gone on by then.
	 */
	.balign	4096
try_late:
	mov	x2, x0
	mov	x0, #0
	str	x1, [x2]
	add	x1, x1, #1
	.rept	900
	nop
	.endr
	str	x1, [x2]
	ret

try_add:
	mov	x2, x0
	mov	x1, #1
	ldadd	x1, x0, [x2]
	ret

	/* With branches in between, where a vCPU looks at what others ask of it. */
try_exclusive:
	mov	x2, x0
	mov	w4, #100
1:	ldxr	x0, [x2]
	add	x3, x0, #1
	mov	w5, #4
2:	subs	w5, w5, #1
	b.ne	2b
	stxr	w6, x3, [x2]
	cbz	w6, 3f
	subs	w4, w4, #1
	b.ne	1b
	mov	x0, #0
3:	ret

try_zero:
	mov	x2, x0
	mov	x0, #0
	dc	zva, x2
	ret

	/* x0: function, x1: where to put the second result */
try_call:
	stp	x30, x1, [sp, #-16]!
	mov	x9, x0
	mov	x1, #0
	blr	x9
	ldp	x30, x2, [sp], #16
	str	x1, [x2]
	ret

	.bss
	.balign	4096
stacks:	.skip	3 * 4096
