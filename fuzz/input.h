/* SPDX-License-Identifier: MIT */
/*
 * Reading an input: each choice of a fuzz target takes the next bytes, and zeroes when there are no
 * more. One input at a time; each thread has one of its own.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

static _Thread_local struct {
	const uint8_t *data;
	size_t left;
} in;

static inline void input_start(const uint8_t *data, size_t size)
{
	in.data = data;
	in.left = size;
}

static inline uint8_t byte(void)
{
	if (!in.left)
		return 0;
	in.left--;
	return *in.data++;
}

static inline uint32_t word(void)
{
	uint32_t v = 0;

	for (int n = 0; n < 4; n++)
		v = v << 8 | byte();
	return v;
}

/* 64 bits of a kind that finds mistakes: few bits, many bits, small, any. */
static inline uint64_t number(void)
{
	unsigned shift;

	switch (byte() % 8) {
	case 0:
		return (uint64_t)word() << 32 | word();
	case 1:
		return UINT64_MAX - byte();
	case 2:
		return UINT64_C(1) << (byte() & 63);
	case 3:
		shift = byte() & 63;
		return (uint64_t)byte() << shift;
	case 4:
		return word();
	default:
		return byte();
	}
}

#endif
