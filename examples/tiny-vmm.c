/* SPDX-License-Identifier: MIT */
/*
 * The smallest VMM: one vCPU, a page of code, a console that is one address. It knows nothing but
 * <linux/kvm.h>, so it runs on an arm64 machine's /dev/kvm and, unchanged, anywhere:
 *
 *     aarch64-linux-gnu-gcc -o tiny-vmm examples/tiny-vmm.c
 *     armature exec -- ./tiny-vmm
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define RAM	 0x40000000ul
#define RAM_SIZE 0x10000ul
#define CONSOLE	 0x09000000ul

/* Prints the text that follows it, a byte at a time, then asks PSCI to switch off. */
static const uint32_t code[] = {
    0x10000121, /*     adr  x1, text */
    0xd2a12002, /*     mov  x2, #CONSOLE */
    0x38401420, /* 1:  ldrb w0, [x1], #1 */
    0x34000060, /*     cbz  w0, 2f */
    0x39000040, /*     strb w0, [x2] */
    0x17fffffd, /*     b    1b */
    0x52800100, /* 2:  mov  w0, #8 */
    0x72b08000, /*     movk w0, #0x8400, lsl #16    SYSTEM_OFF */
    0xd4000002, /*     hvc  #0 */
};
static const char text[] = "hello from an arm64 guest\n";

static int check(int r, const char *what)
{
	if (r < 0)
		err(1, "%s", what);
	return r;
}

static void set_pc(int vcpu, uint64_t pc)
{
	struct kvm_one_reg reg = {
	    .id =
		KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc),
	    .addr = (uintptr_t)&pc,
	};

	check(ioctl(vcpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

int main(void)
{
	int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		errx(1, "not the KVM that this program knows");
	int vm = check(ioctl(kvm, KVM_CREATE_VM, 0ul), "KVM_CREATE_VM");

	char *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED)
		err(1, "guest memory");
	memcpy(ram, code, sizeof(code));
	memcpy(ram + sizeof(code), text, sizeof(text));
	struct kvm_userspace_memory_region slot = {
	    .guest_phys_addr = RAM, .memory_size = RAM_SIZE, .userspace_addr = (uintptr_t)ram};
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");

	int vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0ul), "KVM_CREATE_VCPU");
	struct kvm_vcpu_init init;
	check(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	check(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
	set_pc(vcpu, RAM);

	int size = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "kvm_run");
	for (;;) {
		check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		switch (run->exit_reason) {
		case KVM_EXIT_MMIO:
			if (run->mmio.is_write && run->mmio.phys_addr == CONSOLE)
				putchar(run->mmio.data[0]);
			break;
		case KVM_EXIT_SYSTEM_EVENT:
			return run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN ? 0 : 1;
		default:
			errx(1, "exit reason %u", run->exit_reason);
		}
	}
}
