/* SPDX-License-Identifier: MIT */
/*
 * Encodings of extensions that the reference CPUs (Cortex-A76 for the rows, Cortex-A72 for
 * unallocated words) implement and ours does not offer in its ID registers. For us they are
 * UNDEFINED (or, where only another register selects them, nothing). Each pattern is that of the
 * encoding table named.
 */
#include <stddef.h>

#include "words.h"

struct pattern {
	uint32_t mask, value;
	const char *name;
};

static const struct pattern patterns[] = {
    /* C4.1, Cryptographic AES: AESE, AESD, AESMC, AESIMC */
    {0xff3e0c00, 0x4e280800, "FEAT_AES"},
    /* Cryptographic three-register SHA and two-register SHA */
    {0xffe08c00, 0x5e000000, "FEAT_SHA1/SHA256"},
    {0xff3e0c00, 0x5e280800, "FEAT_SHA1/SHA256"},
    /* MSR (immediate): SSBS */
    {0xfffff0ff, 0xd503403f, "FEAT_SSBS"},
    /* PMULL of doublewords: size 11 */
    {0xbfe0fc00, 0x0ee0e000, "FEAT_PMULL"},
};

const char *insn_extension(uint32_t w)
{
	for (size_t n = 0; n < sizeof(patterns) / sizeof(patterns[0]); n++) {
		if ((w & patterns[n].mask) == patterns[n].value)
			return patterns[n].name;
	}
	return NULL;
}
