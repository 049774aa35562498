/* SPDX-License-Identifier: MIT */
/* Finding the C library's functions, and what happens when the library is loaded (real.h). */
#include "preload/real.h"

#include <armature/armature.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct real_functions functions;
static atomic_bool found;
static atomic_int process;
/* In a page that a copy of this memory starts without: the child of fork() finds 0. */
static atomic_int *original;
static bool always_copied; /* nobody borrows memory here */

/* Twice at once does no harm: both store the same. */
static void find(void)
{
	void *p;

#define X(result, name, parameters)  \
	p = dlsym(RTLD_NEXT, #name); \
	__atomic_store(&functions.name, (__typeof__(functions.name) *)&p, __ATOMIC_RELAXED);
	REAL_FUNCTIONS(X)
#undef X
	atomic_store_explicit(&found, true, memory_order_release);
}

const struct real_functions *real(void)
{
	/* Other libraries' constructors may come before ours. */
	if (__builtin_expect(!atomic_load_explicit(&found, memory_order_acquire), 0))
		find();
	return &functions;
}

static void remember_process(void)
{
	if (original)
		atomic_store_explicit(original, 1, memory_order_relaxed);
	atomic_store_explicit(&process, getpid(), memory_order_relaxed);
}

/*
 * Which kind of child this is cannot be known from the call that made it: programs use the system
 * call, too.
 */
bool preload_in_borrowed_memory(void)
{
	if (atomic_load_explicit(&process, memory_order_relaxed) == getpid())
		return false;
	if (!always_copied && (!original || atomic_load_explicit(original, memory_order_relaxed)))
		return true;
	remember_process();
	return false;
}

#define NO_ADVICE 0x7fff /* that Linux knows */

static void mark_memory(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p =
	    functions.mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	/* qemu-user says yes to any advice; and its vfork() is a fork(). */
	always_copied = madvise(p, page, NO_ADVICE) == 0;
	if (madvise(p, page, MADV_WIPEONFORK) == 0)
		original = p;
	else
		munmap(p, page);
}

/* ---- Start ---- */

/* `armature exec` has checked both; a program started otherwise is told and goes on. */
static void take_environment(void)
{
	const char *bits = getenv("ARMATURE_IPA_LIMIT");
	const char *keep = getenv("ARMATURE_KEEP_FAILED_VM");
	const char *trace = getenv("ARMATURE_TRACE");

	if (bits && *bits && am_kvm_set_ipa_limit((unsigned)strtoul(bits, NULL, 10)))
		fprintf(stderr, "armature: ARMATURE_IPA_LIMIT=%s is not possible\n", bits);
	am_kvm_keep_failed_vms(keep && *keep);
	if (trace && *trace && am_trace_to_stderr(trace))
		fprintf(stderr, "armature: ARMATURE_TRACE=%s names no event\n", trace);
}

__attribute__((constructor)) static void start(void)
{
	find();
	mark_memory();
	remember_process();
	pthread_atfork(NULL, NULL, remember_process);
	take_environment();
}

/* ---- What the library itself calls ---- */

int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...) __attribute__((alias("__wrap_open")));
int __wrap_close(int fd);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
    __attribute__((alias("__wrap_mmap")));
int __wrap_fcntl64(int fd, int command, ...) __attribute__((alias("__wrap_fcntl")));
ssize_t __wrap_read(int fd, void *to, size_t len);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t off);
ssize_t __wrap_pread64(int fd, void *to, size_t len, off_t off)
    __attribute__((alias("__wrap_pread")));
ssize_t __wrap_write(int fd, const void *from, size_t len);

int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return real()->open(path, flags, mode);
}

int __wrap_close(int fd)
{
	return real()->close(fd);
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return real()->fcntl(fd, command, arg);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return real()->ioctl(fd, request, arg);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return real()->mmap(addr, len, prot, flags, fd, off);
}

ssize_t __wrap_read(int fd, void *to, size_t len)
{
	return real()->read(fd, to, len);
}

ssize_t __wrap_pread(int fd, void *to, size_t len, off_t off)
{
	return real()->pread(fd, to, len, off);
}

ssize_t __wrap_write(int fd, const void *from, size_t len)
{
	return real()->write(fd, from, len);
}
