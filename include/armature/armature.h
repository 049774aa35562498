/* SPDX-License-Identifier: MIT */
/*
 * KVM's ABI without KVM: the entry points of libarmature.
 *
 * The functions are shaped as the system calls that a program uses on /dev/kvm, so a VMM written
 * for Linux needs no other change than calling these: numbers, structures and errno values are
 * those of <armature/kvm.h>, and so of <linux/kvm.h>. Descriptors are real ones of the process:
 * they can be polled, sit in the same table as files, and are never confused with others.
 *
 * All functions may be called from any thread. A vCPU runs on the thread that calls KVM_RUN; a
 * signal ends KVM_RUN with EINTR as it does on Linux.
 */
#ifndef ARMATURE_ARMATURE_H
#define ARMATURE_ARMATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As open("/dev/kvm", O_RDWR | O_CLOEXEC): a descriptor, or -1 and errno. */
int am_kvm_open(void);

/*
 * As ioctl(2): -1 and errno on failure. @arg is the number or the pointer that the request takes.
 * A descriptor that is not ours goes to the kernel.
 */
int am_kvm_ioctl(int fd, unsigned long request, unsigned long arg);

/*
 * As mmap(2). A vCPU's descriptor gives its struct kvm_run, KVM_GET_VCPU_MMAP_SIZE bytes long. The
 * mapping keeps the pages, not the vCPU. MAP_FAILED and errno on failure.
 */
void *am_kvm_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int am_kvm_munmap(void *addr, size_t len);

/*
 * As close(2). A VM lives as long as its own descriptor or one of its vCPUs' or devices' is open.
 * Descriptors made by am_kvm_open() and am_kvm_ioctl() are closed here and not with close(2).
 */
int am_kvm_close(int fd);

/* True if the descriptor is one of ours. */
bool am_kvm_owns(int fd);

/*
 * As pread(2), or as read(2) if @off is negative. Only the descriptor of KVM_GET_STATS_FD has
 * something to read.
 */
ssize_t am_kvm_read(int fd, void *to, size_t len, off_t off);

/*
 * Tell that @newfd was made a duplicate of @oldfd with dup(2) or the like: both are the same file
 * then, and each is to be closed. With a negative @oldfd, or one that is not ours, @newfd ceases to
 * be one of ours without being closed. 0 or -errno.
 */
int am_kvm_adopt(int oldfd, int newfd);

/*
 * Pretend a host with fewer physical address bits, 32 to 52: the greatest IPA size that a VM can
 * ask for (KVM_CAP_ARM_VM_IPA_SIZE). VMs that exist keep theirs. -EINVAL for any other number.
 */
int am_kvm_set_ipa_limit(unsigned bits);

/*
 * A VM whose first KVM_RUN fails because its interrupt controller is not laid out right is dead:
 * every ioctl of it is -EIO from then on. That is Linux since 6.3; @keep is the older behaviour, in
 * which it can be set right and run again. For VMs of this process, from now on.
 */
void am_kvm_keep_failed_vms(bool keep);

/*
 * Write what the trace points say to standard error, one line "name: text" each. The pattern is a
 * list separated by commas of names, prefixes ended by '*', or "all". -EINVAL if nothing matches.
 */
int am_trace_to_stderr(const char *pattern);

/* The name of the nth trace point, counted from 0, or NULL after the last. */
const char *am_trace_point(unsigned n);

#ifdef __cplusplus
}
#endif

#endif
