/* SPDX-License-Identifier: MIT */
/* Runs the README's third example, and walks the tables that it made. Linked with stage 2 alone. */
#include "example_stage2.h"

#include <stdio.h>

#define HOST UINT64_C(0x7f0040000000)

int main(void)
{
	struct am_s2 s2;
	struct am_s2_result r;
	uint64_t vtcr, vttbr;

	if (guest_memory(&s2, HOST, &vtcr, &vttbr)) {
		fprintf(stderr, "guest_memory failed\n");
		return 1;
	}
	if ((vtcr & 0x3f) != 64 - 40 || vttbr >> 48 != 1) {
		fprintf(stderr, "VTCR_EL2 %llx VTTBR_EL2 %llx\n", (unsigned long long)vtcr,
			(unsigned long long)vttbr);
		return 1;
	}
	if (!am_s2_walk(&s2, 0x40123456, &r) || r.oa != HOST + 0x123456 ||
	    r.prot != (AM_S2_R | AM_S2_X)) {
		fprintf(stderr, "the protected page is not what it should be\n");
		return 1;
	}
	if (am_s2_check(&s2, 0x40124000, AM_S2_W, &r) != AM_S2_FAULT_NONE || r.log2_size != 12 ||
	    am_s2_check(&s2, 0x60000000, AM_S2_W, &r) != AM_S2_FAULT_NONE || r.log2_size != 21) {
		fprintf(stderr, "what is around it is not what it should be\n");
		return 1;
	}
	am_s2_finish(&s2);
	return 0;
}
