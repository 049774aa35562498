/* SPDX-License-Identifier: MIT */
/* The immediates of logical instructions, for the decoder and its test. */
#ifndef AM_CPU_EXEC_LOGIC_H
#define AM_CPU_EXEC_LOGIC_H

#include <stdbool.h>
#include <stdint.h>

/* DecodeBitMasks(), immediate (DDI 0487 J1.3): the 64-bit mask; false: reserved. */
bool cpu_decode_bitmask(unsigned n, unsigned immr, unsigned imms, uint64_t *mask);

#endif
