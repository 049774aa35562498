/* SPDX-License-Identifier: MIT */
/* A VM belongs to the process that made it; /dev/kvm itself goes wherever descriptors go. */
#include "program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* How many expectations are not met, as the child's exit status. */
static unsigned bad;
#define CHILD_EXPECT(what)                                                                       \
	do {                                                                                     \
		if (!(what)) {                                                                   \
			bad++;                                                                   \
			fprintf(stderr, "%s:%d: in the child: %s\n", __FILE__, __LINE__, #what); \
		}                                                                                \
	} while (0)

static bool is_foreign(int fd, unsigned long request)
{
	return ioctl(fd, request, 0) == -1 && errno == EIO;
}

static void in_child(struct machine *m)
{
	struct machine own;

	CHILD_EXPECT(is_foreign(m->vm, KVM_CREATE_VCPU));
	CHILD_EXPECT(is_foreign(m->vcpu, KVM_RUN));
	CHILD_EXPECT(ioctl(m->kvm, KVM_GET_API_VERSION, 0) == 12);
	CHILD_EXPECT(machine_open(&own) == 0 && stores(&own, own.vcpu, 77));
	machine_close(&own);
	machine_close(m);
	CHILD_EXPECT(ioctl(m->vm, KVM_CREATE_VCPU, 0) == -1 && errno == EBADF);
}

void test_fork(void)
{
	struct machine m;
	pid_t child;

	machine_open(&m);
	fflush(stdout);
	child = fork();
	if (!child) {
		in_child(&m);
		_exit((int)bad);
	}
	EXPECT(status_of(child) == 0);
	EXPECT(stores(&m, m.vcpu, 78));
	machine_close(&m);
}

/* A child made without the C library, which cannot tell us. Its numbers are its own as well. */
void test_clone(void)
{
	struct machine m;
	pid_t child;

	machine_open(&m);
	fflush(stdout);
	child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!child) {
		int zero, numbers[] = {m.kvm, m.vm, m.vcpu};
		char byte = 1;

		CHILD_EXPECT(is_foreign(m.vm, KVM_CREATE_VCPU));
		for (unsigned n = 0; n < 3; n++)
			close(numbers[n]);
		for (unsigned n = 0; n < 3; n++) {
			zero = (int)syscall(SYS_openat, AT_FDCWD, "/dev/zero", O_RDWR);
			CHILD_EXPECT(read(zero, &byte, 1) == 1);
			CHILD_EXPECT(write(zero, &byte, 1) == 1);
		}
		_exit((int)bad);
	}
	EXPECT(status_of(child) == 0);
	EXPECT(stores(&m, m.vcpu, 81));
	machine_close(&m);
}

/* The child of vfork() shares memory with its parent, and closes descriptors of its own. */
void test_vfork(void)
{
	struct machine m;
	pid_t child;

	machine_open(&m);
	child = vfork();
	if (!child) {
		close(m.vcpu);
		close(m.vm);
		dup2(1, m.kvm);
		_exit(0);
	}
	EXPECT(status_of(child) == 0);
	EXPECT(stores(&m, m.vcpu, 79));
	EXPECT(ioctl(m.vm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY) == 1);
	EXPECT(ioctl(m.kvm, KVM_GET_API_VERSION, 0) == 12);
	machine_close(&m);
}

int after_exec(int kvm, int vm, int closed)
{
	struct machine m;

	CHILD_EXPECT(ioctl(kvm, KVM_GET_API_VERSION, 0) == 12);
	CHILD_EXPECT(is_foreign(vm, KVM_CREATE_VCPU));
	CHILD_EXPECT(fcntl(closed, F_GETFD) == -1 && errno == EBADF);
	CHILD_EXPECT(machine_open(&m) == 0 && stores(&m, m.vcpu, 80));
	return (int)bad;
}

extern char **environ;

#define CANNOT_EXEC 98

/* LD_PRELOAD is inherited; so are descriptors without O_CLOEXEC. */
void test_exec(void)
{
	int kvm = open("/dev/kvm", O_RDWR), closed, vm;
	char numbers[3][12], mode[] = "after-exec";
	char *argv[] = {(char *)program_path, mode, numbers[0], numbers[1], numbers[2], NULL};
	pid_t child;
	int status;

	closed = fcntl(kvm, F_DUPFD_CLOEXEC, 40);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	EXPECT(fcntl(vm, F_GETFD) == FD_CLOEXEC);
	EXPECT(fcntl(vm, F_SETFD, 0) == 0);
	snprintf(numbers[0], sizeof(numbers[0]), "%d", kvm);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", vm);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", closed);

	child = vfork();
	if (!child) {
		execv(program_path, argv);
		_exit(errno == ENOEXEC ? CANNOT_EXEC : 99);
	}
	status = status_of(child);
	if (status == CANNOT_EXEC) {
		/* qemu-user leaves exec to the kernel, which takes this machine's programs only. */
		printf("# the kernel does not run this program: exec is not tested\n");
	} else {
		EXPECT(status == 0);
		EXPECT(posix_spawn(&child, program_path, NULL, NULL, argv, environ) == 0);
		EXPECT(status_of(child) == 0);
	}
	close(kvm);
	close(closed);
	close(vm);
}

static bool send_fd(int sock, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec byte = {.iov_base = "x", .iov_len = 1};
	struct msghdr msg = {.msg_iov = &byte,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1;
}

static int receive_fd(int sock)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char c;
	struct iovec byte = {.iov_base = &c, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &byte,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* A privileged helper opens /dev/kvm and hands it over. */
void test_socket(void)
{
	int sock[2], fd, vm;
	pid_t child;

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	fflush(stdout);
	child = fork();
	if (!child) {
		int kvm = open("/dev/kvm", O_RDWR);

		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		_exit(!send_fd(sock[1], kvm) || !send_fd(sock[1], vm));
	}
	fd = receive_fd(sock[0]);
	EXPECT(ioctl(fd, KVM_GET_API_VERSION, 0) == 12);
	vm = ioctl(fd, KVM_CREATE_VM, 0);
	EXPECT(vm >= 0);
	close(vm);
	vm = receive_fd(sock[0]);
	EXPECT_ERRNO(ioctl(vm, KVM_CREATE_VCPU, 0), EIO);
	close(vm);
	close(fd);
	EXPECT(status_of(child) == 0);
	close(sock[0]);
	close(sock[1]);
}
