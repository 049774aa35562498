/* SPDX-License-Identifier: MIT */
/*
 * The control socket, with clients that are polite and that are not; and what its commands ask of
 * the accelerator, which here only notes it.
 */
#include "cm.h"

#include <armature/kvm.h>
#include <armature/sdei.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/commands.h"
#include "vmm/control.h"
#include "vmm/machine.h"
#include "vmm/report.h"

static char folder[] = "/tmp/armature-control-XXXXXX", path[64];
static unsigned commands;

/* ---- The socket ---- */

static void echo(void *opaque, const char *line, char *answer, size_t size)
{
	commands++;
	snprintf(answer, size, "got %s", line);
}

static const struct control_host host = {.command = echo};

static struct control *create(void)
{
	struct control *c;

	commands = 0;
	assert_int_equal(control_create(path, &host, &c), 0);
	return c;
}

static int client(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* As long as there is something to do. It must come to an end. */
static void serve(struct control *c)
{
	struct pollfd p = {.fd = control_fd(c), .events = POLLIN};

	for (unsigned i = 0; poll(&p, 1, 0) > 0; i++) {
		assert_true(i < 100000);
		control_serve(c);
	}
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that is there to be read; "" also when the other side has hung up. */
static const char *get(int fd)
{
	static char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return text;
}

static bool hung_up(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) == 0;
}

static void a_line_an_answer(void **state)
{
	struct control *c = create();
	int a = client(), b = client();

	put(a, "one\ntwo\r\n\nthr");
	put(b, "x y\n");
	serve(c);
	assert_string_equal(get(a), "got one\ngot two\ngot \n");
	assert_string_equal(get(b), "got x y\n");
	put(a, "ee\nfour");
	serve(c);
	assert_string_equal(get(a), "got three\n");
	/* The last needs no end; then it is hung up. */
	shutdown(a, SHUT_WR);
	serve(c);
	assert_string_equal(get(a), "got four\n");
	assert_true(hung_up(a));
	assert_false(hung_up(b));
	close(a);
	close(b);
	serve(c);
	control_destroy(c);
}

static void long_lines(void **state)
{
	struct control *c = create();
	char line[CONTROL_LINE + 1], wanted[2 * CONTROL_LINE];
	int a = client();

	memset(line, 'x', sizeof(line));
	strcpy(line + CONTROL_LINE - 1, "\n");
	put(a, line);
	serve(c);
	/* What an answer has no room for is left out. */
	line[CONTROL_LINE - 6] = 0;
	snprintf(wanted, sizeof(wanted), "got %s\n", line);
	assert_string_equal(get(a), wanted);
	memset(line, 'x', CONTROL_LINE);
	line[CONTROL_LINE] = 0;
	put(a, line);
	serve(c);
	assert_string_equal(get(a), "error: the line is too long\n");
	for (unsigned i = 0; i < 10; i++)
		put(a, line);
	serve(c);
	assert_string_equal(get(a), "");
	put(a, "\nnext\n");
	serve(c);
	assert_string_equal(get(a), "got next\n");
	assert_int_equal(commands, 2);
	assert_int_equal(send(a, "a\0b\nc\n", 6, 0), 6);
	serve(c);
	assert_string_equal(get(a), "error: not text\ngot c\n");
	put(a, line);
	shutdown(a, SHUT_WR);
	serve(c);
	assert_string_equal(get(a), "error: the line is too long\n");
	assert_true(hung_up(a));
	close(a);
	control_destroy(c);
}

/* Who does not read its answers is not served; others are; and no answer is lost in the end. */
static void client_that_does_not_read(void **state)
{
	struct control *c = create();
	int a = client(), b = client(), small = 4096;
	unsigned sent = 0, answers = 0, before;
	size_t at = 0;

	setsockopt(a, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (unsigned i = 0; i < 1000000; i++) {
		static const char line[] = "012345678\n";
		ssize_t n = send(a, line + at, sizeof(line) - 1 - at, MSG_NOSIGNAL);

		if (n < 0) {
			before = commands;
			serve(c);
			if (commands == before)
				break;
			continue;
		}
		at += (size_t)n;
		sent += at == sizeof(line) - 1;
		at %= sizeof(line) - 1;
	}
	assert_true(sent > commands);
	put(b, "b\n");
	serve(c);
	assert_string_equal(get(b), "got b\n");
	for (unsigned idle = 0; idle < 3;) {
		const char *text = get(a);

		idle = *text ? 0 : idle + 1;
		for (; *text; text++)
			answers += *text == '\n';
		serve(c);
	}
	assert_int_equal(answers, sent);
	/* One that goes away with answers on their way. */
	for (unsigned i = 0; i < 100000 && send(b, "0\n", 2, MSG_NOSIGNAL) > 0; i++)
		control_serve(c);
	close(b);
	close(a);
	serve(c);
	control_destroy(c);
}

static void many_clients(void **state)
{
	struct control *c = create();
	int fd[CONTROL_MAX_CLIENTS + 3];
	char line[2 * CONTROL_LINE] = "";

	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		fd[i] = client();
	serve(c);
	for (unsigned i = CONTROL_MAX_CLIENTS; i < CONTROL_MAX_CLIENTS + 2; i++) {
		fd[i] = client();
		serve(c);
		assert_string_equal(get(fd[i]), "error: too many clients\n");
		assert_true(hung_up(fd[i]));
		close(fd[i]);
	}
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		put(fd[i], "here\n");
		serve(c);
		assert_string_equal(get(fd[i]), "got here\n");
	}
	/* The place of one who left in the middle of a line that is too long is clean. */
	memset(line, 'x', sizeof(line) - 1);
	put(fd[3], line);
	close(fd[3]);
	serve(c);
	commands = 0;
	fd[3] = client();
	put(fd[3], "new\n");
	serve(c);
	assert_string_equal(get(fd[3]), "got new\n");
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		close(fd[i]);
	control_destroy(c);
}

/* Whatever comes: for each line one answer, and an end. */
static void noise(void **state)
{
	struct control *c = create();
	unsigned lines = 0, answers = 0;
	int a = client();

	srand(1);
	for (unsigned i = 0; i < 3000; i++) {
		char bytes[200];
		size_t n = 1 + (unsigned)rand() % sizeof(bytes);
		ssize_t sent;
		const char *text;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (char)(rand() % 8 ? 'a' + rand() % 26 : rand() % 16);
		sent = send(a, bytes, n, MSG_NOSIGNAL);
		assert_int_equal(sent, n);
		for (size_t k = 0; k < n; k++)
			lines += bytes[k] == '\n';
		control_serve(c);
		if (i % 7 == 0)
			continue;
		serve(c);
		for (text = get(a); *text; text++)
			answers += *text == '\n';
	}
	serve(c);
	for (const char *text = get(a); *text; text++)
		answers += *text == '\n';
	/* No line of these is too long to be one. */
	assert_int_equal(answers, lines);
	close(a);
	control_destroy(c);
}

/* ---- Its file ---- */

static int try_create(const char *name)
{
	struct control *c = (void *)1;
	int status = control_create(name, &host, &c);

	assert_true(status ? !c : !!c);
	control_destroy(c);
	return status;
}

static void the_file(void **state)
{
	char name[200], other[80];
	struct control *c, *d;
	struct stat st;
	mode_t mask = umask(0);
	int fd;

	c = create();
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Somebody is there. */
	assert_int_equal(try_create(path), VMM_FILE);
	serve(c);
	fd = client();
	put(fd, "x\n");
	serve(c);
	assert_string_equal(get(fd), "got x\n");
	control_destroy(c);
	assert_true(hung_up(fd));
	close(fd);
	assert_int_equal(stat(path, &st), -1);

	/* One that is left over, as by a program that was killed. */
	snprintf(other, sizeof(other), "%s.other", path);
	c = create();
	assert_int_equal(rename(path, other), 0);
	control_destroy(c);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(rename(other, path), 0);
	c = create();
	fd = client();
	put(fd, "y\n");
	serve(c);
	assert_string_equal(get(fd), "got y\n");
	close(fd);

	/* Another's, in our place, stays. */
	assert_int_equal(unlink(path), 0);
	d = create();
	control_destroy(c);
	assert_int_equal(stat(path, &st), 0);
	control_destroy(d);
	assert_int_equal(stat(path, &st), -1);

	/* What is no socket stays as it is. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, "data", 4), 4);
	close(fd);
	assert_int_equal(try_create(path), VMM_FILE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	unlink(path);

	snprintf(name, sizeof(name), "%s/missing/socket", folder);
	assert_int_equal(try_create(name), VMM_FILE);
	memset(name, 'x', sizeof(name));
	name[108] = 0;
	assert_int_equal(try_create(name), VMM_USAGE);
	assert_int_equal(try_create(""), VMM_USAGE);
	control_destroy(NULL);
	control_serve(NULL);
	assert_int_equal(control_fd(NULL), -1);
}

/* ---- Commands ---- */

static struct {
	unsigned raised, gates, others;
	struct am_sdei_injection in;
	int error; /* 0, or what the ioctl fails with */
} seen;

static int note(int fd, unsigned long request, unsigned long arg)
{
	const struct kvm_device_attr *a = (void *)arg;
	const struct kvm_one_reg *r = (void *)arg;
	uint64_t one = 1;

	if (fd == 7 && request == KVM_SET_DEVICE_ATTR && !a->flags && a->group == AM_SDEI_VM_CTRL &&
	    a->attr == AM_SDEI_VM_INJECT) {
		memcpy(&seen.in, (void *)(uintptr_t)a->addr, sizeof(seen.in));
		seen.raised++;
	} else if (fd == 8 && request == KVM_SET_ONE_REG && r->id == 0x6030000000148000 &&
		   memcmp((void *)(uintptr_t)r->addr, &one, 8) == 0) {
		seen.gates++;
	} else {
		seen.others++;
	}
	errno = seen.error;
	return seen.error ? -1 : 0;
}

static const struct vmm_backend backend = {.name = "noter", .ioctl = note};
static uint64_t mpidr[3] = {0x80000000, 0x80000001, 0x4580000200};
static struct options opt;
static struct machine machine;
static struct vcpu vcpus[3];

static void set_up(bool sdei)
{
	memset(&seen, 0, sizeof(seen));
	memset(&machine, 0, sizeof(machine));
	opt.sdei = sdei;
	machine.opt = &opt;
	machine.be = &backend;
	machine.vm_fd = 7;
	machine.mpidr = mpidr;
	machine.nr_vcpus = 3;
	machine.vcpus = vcpus;
	for (int i = 0; i < 3; i++)
		vcpus[i] = (struct vcpu){.m = &machine, .fd = 8 + i};
	machine.event_fd = eventfd(0, EFD_NONBLOCK);
}

static void expect(const char *line, const char *wanted)
{
	char answer[CONTROL_LINE - 1];

	memset(answer, 'x', sizeof(answer));
	commands_run(&machine, line, answer, sizeof(answer));
	assert_string_equal(answer, wanted);
}

static void expect_raised(const char *line, uint32_t event, uint64_t target)
{
	unsigned before = seen.raised;

	memset(&seen.in, 0xff, sizeof(seen.in));
	expect(line, "ok");
	assert_int_equal(seen.raised, before + 1);
	assert_int_equal(seen.others, 0);
	assert_int_equal(seen.in.event, event);
	assert_int_equal(seen.in.flags, 0);
	assert_true(seen.in.target == target);
	assert_true(seen.in.pad == 0);
}

static void events_are_raised(void **state)
{
	set_up(true);
	expect_raised("nmi", 0, 0);
	expect_raised("sdei 0x10", 0x10, AM_SDEI_ANY);
	expect_raised("  sdei\t18 ", 0x12, AM_SDEI_ANY);
	expect_raised("sdei 0 cpu 1", 0, 1);
	expect_raised("sdei 0xffffffff CPU 2", 0xffffffff, 0x4500000200);
	expect_raised("sdei 0 0x80000001", 0, 1);
	expect_raised("sdei 0 0x4580000200", 0, 0x4500000200);
	assert_int_equal(machine_raise(&machine, 0x11, AM_SDEI_ANY), 0);
	close(machine.event_fd);
}

static void wrong_commands(void **state)
{
	static const char *const lines[] = {"sdei x",
					    "sdei -1",
					    "sdei 0x100000000",
					    "sdei 0 cpu",
					    "sdei 0 1x",
					    "sdei 0 cpu 3",
					    "sdei 0 cpu 1 1",
					    "sdei 0 foo 1",
					    "sdei 0 cpu -1",
					    "sdei",
					    "nmi 1",
					    "quit now",
					    "sdei 0 99999999999999999999",
					    "NMI",
					    "",
					    "\t",
					    "sdei 0 0xffffffffffffffff"};

	set_up(true);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char answer[CONTROL_LINE - 1] = "";

		commands_run(&machine, lines[i], answer, sizeof(answer));
		if (strncmp(answer, "error: ", 7) != 0)
			fail_msg("%s: %s", lines[i], answer);
	}
	assert_int_equal(seen.raised + seen.others, 0);
	assert_int_equal(atomic_load(&machine.end), END_NONE);
	close(machine.event_fd);
}

static void answers_say_why(void **state)
{
	set_up(true);
	seen.error = EAGAIN;
	expect("nmi", "error: the guest has not registered this event there: it is dropped");
	seen.error = ENXIO;
	expect("sdei 0 5", "error: no CPU has this affinity");
	seen.error = EINVAL;
	expect("sdei 5",
	       "error: no such event, or a shared one, which goes where the guest wants it");
	seen.error = EIO;
	expect("nmi", "error: Input/output error");
	assert_int_equal(seen.raised, 4);
	close(machine.event_fd);

	/* Without --sdei nobody is asked. */
	set_up(false);
	expect("nmi", "error: the guest has no SDEI: start it with --sdei");
	assert_int_equal(seen.raised, 0);
	close(machine.event_fd);
}

static void status_and_quit(void **state)
{
	uint64_t count = 0;

	set_up(true);
	machine.recreated = 5;
	expect("help", "ok: help; nmi; quit; sdei EVENT [MPIDR | cpu N]; status");
	expect("status", "ok: state=running accel=noter cpus=3 sdei=on restored=5");
	expect("quit", "ok");
	assert_int_equal(atomic_load(&machine.end), END_QUIT);
	assert_int_equal(read(machine.event_fd, &count, 8), 8);
	expect("status", "ok: state=quit accel=noter cpus=3 sdei=on restored=5");
	close(machine.event_fd);
}

/* The gate, on one vCPU: it is the VM's. */
static void the_gate(void **state)
{
	set_up(true);
	assert_int_equal(machine_open_sdei(&machine), 0);
	assert_int_equal(seen.gates, 1);
	assert_int_equal(seen.others, 0);
	seen.error = ENOENT;
	assert_int_equal(machine_open_sdei(&machine), VMM_HOST);
	close(machine.event_fd);
	set_up(false);
	assert_int_equal(machine_open_sdei(&machine), 0);
	assert_int_equal(seen.gates + seen.others, 0);
	close(machine.event_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_an_answer),
	    cmocka_unit_test(long_lines),
	    cmocka_unit_test(client_that_does_not_read),
	    cmocka_unit_test(many_clients),
	    cmocka_unit_test(noise),
	    cmocka_unit_test(the_file),
	    cmocka_unit_test(events_are_raised),
	    cmocka_unit_test(wrong_commands),
	    cmocka_unit_test(answers_say_why),
	    cmocka_unit_test(status_and_quit),
	    cmocka_unit_test(the_gate),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/control", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	return failed;
}
