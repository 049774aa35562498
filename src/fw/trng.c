/* SPDX-License-Identifier: MIT */
/* TRNG 1.0 (DEN0098): random numbers for the guest, from the host's getrandom(). */
#include <string.h>
#include <sys/random.h>

#include "base/bits.h"
#include "fw/fw.h"

enum {
	TRNG_VERSION = 0x84000050,
	TRNG_FEATURES = 0x84000051,
	TRNG_GET_UUID = 0x84000052,
	TRNG_RND32 = 0x84000053,
};

#define TRNG_RND64  0xc4000053u
#define TRNG_1_0    0x10000
#define NO_ENTROPY  (-3)
#define WORDS	    3 /* of an answer: x3 holds the lowest bits */
#define MAX_BITS_32 (32 * WORDS)
#define MAX_BITS_64 (64 * WORDS)

static bool implemented(uint32_t id)
{
	return (id >= TRNG_VERSION && id <= TRNG_RND32) || id == TRNG_RND64;
}

static int64_t features(uint32_t id)
{
	return implemented(id) ? FW_SUCCESS : FW_NOT_SUPPORTED;
}

/* 0d21e000-4384-11eb-8070-5244554e5a4c, which tells what stands behind it: KVM's. */
static void uuid(uint64_t x[4])
{
	x[0] = 0x00e0210d;
	x[1] = 0xeb118443;
	x[2] = 0x44527080;
	x[3] = 0x4c5a4e55;
}

static void random_bits(uint64_t x[4], uint64_t bits, unsigned width)
{
	uint64_t words[WORDS] = {0};

	x[1] = x[2] = x[3] = 0;
	if (bits > (uint64_t)width * WORDS) {
		x[0] = (uint64_t)(int64_t)FW_INVALID_PARAMS;
		return;
	}
	if (getrandom(words, sizeof(words), 0) != (ssize_t)sizeof(words)) {
		x[0] = (uint64_t)(int64_t)NO_ENTROPY;
		return;
	}
	x[0] = FW_SUCCESS;
	for (unsigned n = 0; n < WORDS; n++) {
		unsigned left = bits > (uint64_t)n * width ? (unsigned)bits - n * width : 0;

		if (left > width)
			left = width;
		x[WORDS - n] = left < 64 ? words[n] & (AM_BIT(left) - 1) : words[n];
	}
}

bool fw_trng_call(const struct fw_caller *c, uint64_t x[4])
{
	uint32_t id = (uint32_t)x[0];

	if (!implemented(id) || !(fw_bitmap_get(c->fw, FW_STD) & FW_STD_TRNG))
		return false;
	switch (id) {
	case TRNG_RND32:
		random_bits(x, (uint32_t)x[1], 32);
		return true;
	case TRNG_RND64:
		random_bits(x, (uint32_t)x[1], 64);
		return true;
	case TRNG_GET_UUID:
		uuid(x);
		return true;
	case TRNG_VERSION:
		x[0] = TRNG_1_0;
		break;
	default:
		x[0] = (uint64_t)features((uint32_t)x[1]);
	}
	x[1] = x[2] = x[3] = 0;
	return true;
}
