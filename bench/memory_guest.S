/* SPDX-License-Identifier: MIT */
/*
 * The loops that memory.c times. A flat image, entered at one of the branches at its start with
 * arguments in x0-x4; each ends by a store to an address where nothing is.
 */
	.arch	armv8-a
	.text
	.global	_start
_start:
	b	touch
	b	fill
	b	fill_pages
	b	device_load
	b	device_store

done:	mov	x9, #0x30000000
1:	str	xzr, [x9]
	b	1b

	/*
	 * x1 loads, one per 4 KiB page of the x3 + 1 (a power of two) at x0, x2 pages further each
	 * time. Not at the same offset in each page, or the host's cache would have few places for
	 * them.
	 */
	.balign	64
touch:
	mov	x4, #0
1:	and	x5, x4, x3
	ubfiz	x6, x5, #6, #6
	add	x7, x0, x5, lsl #12
	ldr	x8, [x7, x6]
	add	x4, x4, x2
	subs	x1, x1, #1
	b.ne	1b
	b	done

	/* Stores to all of the x1 bytes at x0. */
	.balign	64
fill:
	mov	x2, #0
1:	stp	x2, x2, [x0]
	stp	x2, x2, [x0, #16]
	stp	x2, x2, [x0, #32]
	stp	x2, x2, [x0, #48]
	add	x0, x0, #64
	subs	x1, x1, #64
	b.ne	1b
	b	done

	/* A store in each 4 KiB of the x1 bytes at x0. */
	.balign	64
fill_pages:
1:	str	x1, [x0]
	add	x0, x0, #4096
	subs	x1, x1, #4096
	b.ne	1b
	b	done

	.balign	64
device_load:
1:	ldr	w2, [x0]
	subs	x1, x1, #1
	b.ne	1b
	b	done

	.balign	64
device_store:
1:	str	w1, [x0]
	subs	x1, x1, #1
	b.ne	1b
	b	done
