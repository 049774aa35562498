/* SPDX-License-Identifier: MIT */
/* KVM's descriptors are descriptors: duplicated, reused, polled, mapped as those of the kernel. */
#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

void test_dup(void)
{
	struct machine m;
	int vcpu[5], vm, kvm;

	machine_open(&m);
	vcpu[0] = dup(m.vcpu);
	vcpu[1] = dup2(m.vcpu, 60);
	vcpu[2] = dup3(m.vcpu, 61, O_CLOEXEC);
	vcpu[3] = fcntl(m.vcpu, F_DUPFD, 62);
	vcpu[4] = fcntl(m.vcpu, F_DUPFD_CLOEXEC, 2000 > sysconf(_SC_OPEN_MAX) ? 63 : 1500);
	vm = dup(m.vm);
	kvm = dup(m.kvm);
	EXPECT(vcpu[1] == 60 && vcpu[2] == 61 && vcpu[3] >= 62 && vcpu[4] > vcpu[3]);
	EXPECT(fcntl(vcpu[2], F_GETFD) == FD_CLOEXEC && fcntl(vcpu[1], F_GETFD) == 0);
	EXPECT(fcntl(vcpu[4], F_GETFD) == FD_CLOEXEC && fcntl(vcpu[3], F_GETFD) == 0);
	EXPECT(dup2(m.vcpu, m.vcpu) == m.vcpu);
	for (unsigned n = 0; n < 5; n++)
		EXPECT(stores(&m, vcpu[n], 0x1000 + n));
	EXPECT(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY) == 1);
	EXPECT(ioctl(kvm, KVM_GET_API_VERSION, 0) == 12);
	EXPECT_ERRNO(dup2(m.vcpu, -1), EBADF);
	EXPECT_ERRNO(dup3(m.vcpu, m.vcpu, 0), EINVAL);

	/* The files live as long as one number is left. */
	close(m.vm);
	close(m.vcpu);
	m.vm = vm;
	m.vcpu = vcpu[4];
	for (unsigned n = 0; n < 4; n++)
		EXPECT(close(vcpu[n]) == 0);
	EXPECT_ERRNO(ioctl(vcpu[0], KVM_RUN, 0), EBADF);
	EXPECT(stores(&m, m.vcpu, 0x2000));
	close(kvm);

	/* A vCPU's number may become another file, and the other way round. */
	kvm = open("/dev/null", O_RDONLY);
	vcpu[0] = dup(m.vcpu);
	EXPECT(dup2(kvm, vcpu[0]) == vcpu[0]);
	EXPECT_ERRNO(ioctl(vcpu[0], KVM_RUN, 0), ENOTTY);
	EXPECT(dup2(m.vcpu, kvm) == kvm);
	EXPECT(stores(&m, kvm, 0x3000));
	close(kvm);
	close(vcpu[0]);
	machine_close(&m);
}

/* A number that was ours and is not: the next file to get it is only itself. */
void test_closed_numbers(void)
{
	char byte = 1;
	int kvm, other, vm;

	kvm = open("/dev/kvm", O_RDWR);
	close(kvm);
	other = open("/dev/zero", O_RDWR);
	EXPECT(other == kvm);
	EXPECT(read(other, &byte, 1) == 1 && byte == 0);
	EXPECT(write(other, &byte, 1) == 1);
	EXPECT_ERRNO(ioctl(other, KVM_GET_API_VERSION, 0), ENOTTY);
	close(other);
	EXPECT_ERRNO(close(other), EBADF);
	EXPECT_ERRNO(ioctl(other, KVM_GET_API_VERSION, 0), EBADF);
	EXPECT_ERRNO(ioctl(-1, KVM_GET_API_VERSION, 0), EBADF);

	/* Closed in a way that nobody sees. */
	kvm = open("/dev/kvm", O_RDWR);
	syscall(SYS_close, kvm);
	other = open("/dev/zero", O_RDWR);
	EXPECT(other == kvm && read(other, &byte, 1) == 1);
	syscall(SYS_close, other);

	kvm = open("/dev/kvm", O_RDWR);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	EXPECT(close_range((unsigned)vm, (unsigned)vm, 0) == 0);
	EXPECT_ERRNO(ioctl(vm, KVM_CREATE_VCPU, 0), EBADF);
	EXPECT(ioctl(kvm, KVM_GET_API_VERSION, 0) == 12);
	other = open("/dev/zero", O_RDWR);
	EXPECT(other == vm && read(other, &byte, 1) == 1);
	closefrom(other < kvm ? other : kvm);
	EXPECT_ERRNO(ioctl(kvm, KVM_GET_API_VERSION, 0), EBADF);
}

/* As files without a poll method: always ready, and nothing for epoll. */
void test_poll(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct timeval now = {0, 0};
	struct machine m;
	fd_set set;
	int epoll = epoll_create1(0);

	machine_open(&m);
	int fds[] = {m.kvm, m.vm, m.vcpu};

	for (unsigned n = 0; n < 3; n++) {
		struct pollfd p = {.fd = fds[n], .events = POLLIN | POLLOUT};

		EXPECT(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
		FD_ZERO(&set);
		FD_SET(fds[n], &set);
		EXPECT(select(fds[n] + 1, &set, NULL, NULL, &now) == 1);
		EXPECT_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[n], &event), EPERM);
	}
	close(epoll);
	machine_close(&m);
}

void test_transfers(void)
{
	struct machine m;
	char bytes[16] = "";
	int files[2];

	machine_open(&m);
	int fds[] = {m.kvm, m.vm, m.vcpu};

	for (unsigned n = 0; n < 3; n++) {
		EXPECT_ERRNO(read(fds[n], bytes, sizeof(bytes)), EINVAL);
		EXPECT_ERRNO(pread(fds[n], bytes, sizeof(bytes), 0), EINVAL);
		EXPECT_ERRNO(write(fds[n], bytes, sizeof(bytes)), EINVAL);
		EXPECT_ERRNO(pwrite(fds[n], bytes, sizeof(bytes), 0), EINVAL);
	}
	EXPECT(m.run->exit_reason == 0);

	/* Only the statistics can be read, and those not be written. */
	int stats = ioctl(m.vm, KVM_GET_STATS_FD, 0);

	if (stats >= 0) {
		struct iovec part = {.iov_base = bytes, .iov_len = 8};

		EXPECT(read(stats, bytes, sizeof(bytes)) == sizeof(bytes));
		EXPECT(pread(stats, bytes, sizeof(bytes), 4) == sizeof(bytes));
		EXPECT(readv(stats, &part, 1) == 8);
		EXPECT_ERRNO(write(stats, bytes, sizeof(bytes)), EBADF);
		close(stats);
	}
	EXPECT(pipe(files) == 0 && write(files[1], "12345", 5) == 5);
	EXPECT(read(files[0], bytes, 5) == 5 && memcmp(bytes, "12345", 5) == 0);
	close(files[0]);
	close(files[1]);
	machine_close(&m);
}

void test_mmap(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct machine m;
	void *p;

	machine_open(&m);
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, m.vm, 0);
	EXPECT(p == MAP_FAILED && errno == ENODEV);
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, m.kvm, 0);
	EXPECT(p == MAP_FAILED && errno == ENODEV);
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, m.vm, 0);
	EXPECT(p != MAP_FAILED);
	munmap(p, page);

	/* Both mappings are the same pages, and outlive the descriptors. */
	p = mmap64(NULL, m.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m.vcpu, 0);
	EXPECT(p != MAP_FAILED && p != m.run);
	((struct kvm_run *)p)->immediate_exit = 1;
	EXPECT_ERRNO(ioctl(m.vcpu, KVM_RUN, 0), EINTR);
	m.run->immediate_exit = 0;
	EXPECT(stores(&m, m.vcpu, 7));
	EXPECT(((struct kvm_run *)p)->mmio.phys_addr == DEVICE);
	machine_close(&m);
	EXPECT(((struct kvm_run *)p)->mmio.phys_addr == DEVICE);
	munmap(p, m.run_size);
}

/* Those that the kernel answers for every file. */
void test_generic_ioctls(void)
{
	int kvm = open("/dev/kvm", O_RDWR), on = 1;

	EXPECT(ioctl(kvm, FIOCLEX) == 0 && fcntl(kvm, F_GETFD) == FD_CLOEXEC);
	EXPECT(ioctl(kvm, FIONCLEX) == 0 && fcntl(kvm, F_GETFD) == 0);
	EXPECT(ioctl(kvm, FIONBIO, &on) == 0 && (fcntl(kvm, F_GETFL) & O_NONBLOCK));
	EXPECT((fcntl(kvm, F_GETFL) & O_ACCMODE) == O_RDWR);
	close(kvm);
}

/* ---- Calls in a signal handler that interrupts the same calls ---- */

static volatile sig_atomic_t handled, wrong;
static int handler_kvm;

static void handler(int sig)
{
	int saved = errno, fd = dup(handler_kvm);

	if (fd < 0 || ioctl(fd, KVM_GET_API_VERSION, 0) != 12 || close(fd) != 0 ||
	    ioctl(handler_kvm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY) != 1)
		wrong++;
	handled++;
	errno = saved;
}

void test_signal_handler(void)
{
	struct itimerval often = {{0, 300}, {0, 300}}, off = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
	int turns = 0;

	handler_kvm = open("/dev/kvm", O_RDWR);
	sigaction(SIGALRM, &sa, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 300 && turns++ < 2000000 && !wrong) {
		int fd = dup(handler_kvm), vm;

		EXPECT(ioctl(fd, KVM_GET_API_VERSION, 0) == 12);
		vm = ioctl(fd, KVM_CREATE_VM, 0);
		EXPECT(vm >= 0);
		close(vm);
		close(fd);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	EXPECT(handled >= 300 && !wrong);
	close(handler_kvm);
}
