/* SPDX-License-Identifier: MIT */
/* Runs the README's first example with a guest of two instructions. */
#include "example_vm.h"

#include <string.h>

int main(void)
{
	static const uint32_t guest[] = {
	    0xd2a12000, /* mov x0, #0x09000000 */
	    0xb9000000, /* str w0, [x0] */
	};
	char said[64] = "";
	FILE *out = tmpfile();

	if (!out)
		return 1;
	stdout = out;
	if (run_until_mmio(guest, sizeof(guest)) != 0) {
		perror("KVM_RUN");
		return 1;
	}
	rewind(out);
	if (!fgets(said, sizeof(said), out) || strcmp(said, "MMIO at 0x9000000\n") != 0) {
		fprintf(stderr, "the example said \"%s\"\n", said);
		return 1;
	}
	return 0;
}
