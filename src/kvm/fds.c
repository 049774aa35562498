/* SPDX-License-Identifier: MIT */
/* The table of descriptors, and the public entry points (armature.h). */
#include <armature/armature.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/trace.h"
#include "kvm/file.h"
#include "vm/vm.h"

static struct {
	pthread_mutex_t lock;
	struct kvm_file **file; /* by descriptor */
	size_t size;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- Files ---- */

struct kvm_file *kvm_file_create(const struct kvm_file_ops *ops, struct vm *vm)
{
	struct kvm_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	atomic_init(&f->refs, 1);
	f->ops = ops;
	f->vm = vm;
	if (vm)
		vm_get(vm);
	return f;
}

void kvm_file_discard(struct kvm_file *f)
{
	if (f->vm)
		vm_put(f->vm);
	free(f);
}

static void file_put(struct kvm_file *f)
{
	if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (f->ops->release)
		f->ops->release(f);
	kvm_file_discard(f);
}

static struct kvm_file *file_get(int fd)
{
	struct kvm_file *f = NULL;

	pthread_mutex_lock(&table.lock);
	if (fd >= 0 && (size_t)fd < table.size)
		f = table.file[fd];
	if (f)
		atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&table.lock);
	return f;
}

/* ---- Descriptors ---- */

int kvm_fd_create(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (size && ftruncate(fd, (off_t)size)) {
		err = -errno;
		close(fd);
		return err;
	}
	/* Nobody may pull the pages from under us. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

void kvm_fd_discard(int fd)
{
	close(fd);
}

/* Room for @fd; under the lock. */
static bool table_grow(int fd)
{
	size_t want = table.size ? table.size : 64;
	struct kvm_file **n;

	while (want <= (size_t)fd)
		want *= 2;
	if (want == table.size)
		return true;
	n = realloc(table.file, want * sizeof(*n));
	if (!n)
		return false;
	memset(n + table.size, 0, (want - table.size) * sizeof(*n));
	table.file = n;
	table.size = want;
	return true;
}

int kvm_fd_install(int fd, struct kvm_file *f)
{
	struct kvm_file *old = NULL;
	bool ok;

	pthread_mutex_lock(&table.lock);
	ok = table_grow(fd);
	if (ok) {
		/* A program that used close(2) left its file here. */
		old = table.file[fd];
		table.file[fd] = f;
	}
	pthread_mutex_unlock(&table.lock);
	file_put(old);
	return ok ? 0 : -ENOMEM;
}

/* ---- Entry points ---- */

static int result(long r)
{
	if (r >= 0)
		return (int)r;
	errno = (int)-r;
	return -1;
}

int am_kvm_open(void)
{
	int fd = kvm_fd_create("kvm", 0);
	struct kvm_file *f;
	int err;

	if (fd < 0)
		return result(fd);
	f = kvm_file_create(&kvm_system_ops, NULL);
	err = f ? kvm_fd_install(fd, f) : -ENOMEM;
	if (err) {
		if (f)
			kvm_file_discard(f);
		kvm_fd_discard(fd);
		return result(err);
	}
	return fd;
}

static long file_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	/* As in KVM: a VM belongs to one process, and does nothing more once set-up failed. */
	if (f->vm && (f->vm->pid != getpid() || atomic_load(&f->vm->dead)))
		return -EIO;
	return f->ops->ioctl(f, request, arg);
}

int am_kvm_ioctl(int fd, unsigned long request, unsigned long arg)
{
	struct kvm_file *f = file_get(fd);
	long r;

	if (!f)
		return ioctl(fd, request, arg);
	/* The kernel's ioctl numbers have 32 bits; callers may sign-extend them. */
	r = file_ioctl(f, (uint32_t)request, arg);
	AM_TRACE(kvm_ioctl, fd, request & 0xffffffff, arg, r);
	file_put(f);
	return result(r);
}

void *am_kvm_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	struct kvm_file *f = flags & MAP_ANONYMOUS ? NULL : file_get(fd);
	bool allowed = !f || f->ops->can_map;

	file_put(f);
	if (!allowed) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	return mmap(addr, len, prot, flags, fd, off);
}

int am_kvm_munmap(void *addr, size_t len)
{
	return munmap(addr, len);
}

int am_kvm_close(int fd)
{
	struct kvm_file *f = NULL;
	int r;

	pthread_mutex_lock(&table.lock);
	if (fd >= 0 && (size_t)fd < table.size) {
		f = table.file[fd];
		table.file[fd] = NULL;
	}
	/* Under the lock: the number may be given out again at once. */
	r = close(fd);
	pthread_mutex_unlock(&table.lock);
	int err = errno;

	file_put(f);
	errno = err;
	return r;
}

bool am_kvm_owns(int fd)
{
	struct kvm_file *f = file_get(fd);

	file_put(f);
	return f;
}
