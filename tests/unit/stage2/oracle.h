/* SPDX-License-Identifier: MIT */
/*
 * Stage 2 as the processor does it: given VTCR_EL2, VTTBR_EL2, memory and nothing else, what
 * becomes of an access. Written from the pseudo-code of DDI 0487 (AArch64.S2Translate, S2Walk and
 * what they call, J1.1.5); shares nothing with the library, and checks what the library is trusted
 * to get right, as the processor would.
 */
#ifndef STAGE2_ORACLE_H
#define STAGE2_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct oracle {
	uint64_t vtcr, vttbr;
	unsigned pamax; /* bits: 32..52 */
	bool fwb, xnx;	/* HCR_EL2.FWB; FEAT_XNX */
	void *opaque;
	bool (*read)(void *opaque, uint64_t pa, uint64_t *value); /* false: no memory there */
};

struct oracle_result {
	/* ESR_ELx.xFSC of a read, or -1. -2: a read where there is no memory. */
	int fault;
	uint64_t desc, desc_pa;
	int level;
	unsigned log2; /* of what the descriptor of that level maps */
	/* Unless a translation or address size fault stopped it: */
	bool leaf;
	uint64_t oa;
	bool af, r, w, x1, x0;
	unsigned memattr, sh;
};

void oracle_walk(const struct oracle *o, uint64_t ipa, struct oracle_result *res);

#endif
