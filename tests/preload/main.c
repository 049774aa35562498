/* SPDX-License-Identifier: MIT */
/* Every test of the program, one line each; or what an argument asks for (program.h). */
#include "program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *program_path;
static unsigned failures;

void expect(bool ok, const char *file, int line, const char *what)
{
	int err = errno;

	if (ok)
		return;
	failures++;
	printf("%s:%d: not so: %s (errno %d, %s)\n", file, line, what, err, strerror(err));
	fflush(stdout);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
    {"names", test_names},
    {"wild-paths", test_wild_paths},
    {"mmio", test_mmio},
    {"dup", test_dup},
    {"closed-numbers", test_closed_numbers},
    {"poll", test_poll},
    {"transfers", test_transfers},
    {"mmap", test_mmap},
    {"generic-ioctls", test_generic_ioctls},
    {"wild-arguments", test_wild_arguments},
    {"interrupt", test_interrupt},
    {"several", test_several},
    {"threads", test_threads},
    {"signal-handler", test_signal_handler},
    {"fork", test_fork},
    {"clone", test_clone},
    {"vfork", test_vfork},
    {"exec", test_exec},
    {"socket", test_socket},
};

/* "ipa BITS": is that the limit? */
static int check_ipa_limit(int bits)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	EXPECT(ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE) == bits);
	EXPECT(ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits)) >= 0);
	EXPECT_ERRNO(ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits + 1)), EINVAL);
	/* A VM of no declared size has 40 bits. */
	if (bits < 40)
		EXPECT_ERRNO(ioctl(kvm, KVM_CREATE_VM, 0), EINVAL);
	else
		EXPECT(ioctl(kvm, KVM_CREATE_VM, 0) >= 0);
	return failures != 0;
}

int main(int argc, char **argv)
{
	program_path = argv[0];
	if (argc == 3 && strcmp(argv[1], "ipa") == 0)
		return check_ipa_limit(atoi(argv[2]));
	if (argc == 5 && strcmp(argv[1], "after-exec") == 0)
		return after_exec(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	if (argc == 3 && strcmp(argv[1], "status") == 0)
		return atoi(argv[2]);
	for (size_t n = 0; n < sizeof(tests) / sizeof(tests[0]); n++) {
		unsigned before = failures;

		if (argc == 2 && strcmp(argv[1], tests[n].name) != 0)
			continue;
		alarm(60);
		tests[n].run();
		printf("%s %s\n", failures == before ? "ok" : "FAILED", tests[n].name);
		fflush(stdout);
	}
	return failures != 0;
}
