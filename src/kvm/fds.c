/* SPDX-License-Identifier: MIT */
/*
 * The table of descriptors, and the public entry points (armature.h).
 *
 * Looking up takes no lock, so it may happen in a signal handler that interrupted another look-up,
 * and in a forked child whatever the parent's other threads were at. It counts on two things: the
 * pieces of the table stay for ever, and so do the files: one that nobody uses any more becomes
 * another one later. Whoever takes a reference of a file that has some therefore looks again
 * whether it is still the descriptor's.
 */
#include <armature/armature.h>
#include <armature/kvm.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/trace.h"
#include "kvm/file.h"
#include "vm/vm.h"

/* As many descriptors as Linux allows a process, unless told otherwise (fs.nr_open). */
#define PIECES	   1024
#define PIECE_SIZE 1024

struct piece {
	_Atomic(struct kvm_file *) file[PIECE_SIZE];
};

static _Atomic(struct piece *) table[PIECES];

/* ---- Files ---- */

/* Unused ones: those that were used before, and what the lock's holder took of them. */
static _Atomic(struct kvm_file *) returned;
static struct kvm_file *unused;
static struct am_lock unused_lock = AM_LOCK_INIT;

static void lock_unused(sigset_t *old)
{
	sigset_t all;

	/* A handler may want it too, and would wait for ever. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, old);
	am_lock(&unused_lock);
}

static void unlock_unused(const sigset_t *old)
{
	am_unlock(&unused_lock);
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* The lock's holder may be a thread that a forked child has not. */
static void free_in_child(void)
{
	am_lock_init(&unused_lock);
}

__attribute__((constructor)) static void watch_fork(void)
{
	pthread_atfork(NULL, NULL, free_in_child);
}

struct kvm_file *kvm_file_create(const struct kvm_file_ops *ops, struct vm *vm)
{
	struct kvm_file *f;
	sigset_t old;

	lock_unused(&old);
	if (!unused)
		unused = atomic_exchange(&returned, NULL);
	f = unused;
	if (f)
		unused = f->next;
	unlock_unused(&old);
	if (!f)
		f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->ops = ops;
	f->vm = vm;
	f->vcpu = NULL;
	if (vm)
		vm_get(vm);
	/* From here on look-ups that are late may take a reference, and let go of it. */
	atomic_store_explicit(&f->refs, 1, memory_order_release);
	return f;
}

/* A forked child has a copy of the VM that nobody can use; what it holds is not the child's. */
static bool of_this_process(const struct kvm_file *f)
{
	return !f->vm || f->vm->pid == getpid();
}

void kvm_file_put(struct kvm_file *f)
{
	if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (f->ops->release && of_this_process(f))
		f->ops->release(f);
	if (f->vm && of_this_process(f))
		vm_put(f->vm);
	f->next = atomic_load_explicit(&returned, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&returned, &f->next, f))
		;
}

void kvm_file_discard(struct kvm_file *f)
{
	static const struct kvm_file_ops nothing;

	f->ops = &nothing;
	kvm_file_put(f); /* a late look-up may have a reference too */
}

/* The place of a descriptor, or NULL if there is none yet. */
static _Atomic(struct kvm_file *) *place(int fd)
{
	struct piece *p;

	if (fd < 0 || fd >= PIECES * PIECE_SIZE)
		return NULL;
	p = atomic_load_explicit(&table[fd / PIECE_SIZE], memory_order_acquire);
	return p ? &p->file[fd % PIECE_SIZE] : NULL;
}

struct kvm_file *kvm_file_get(int fd)
{
	_Atomic(struct kvm_file *) *at = place(fd);
	struct kvm_file *f;

	while (at && (f = atomic_load_explicit(at, memory_order_acquire))) {
		unsigned refs = atomic_load_explicit(&f->refs, memory_order_relaxed);

		while (refs && !atomic_compare_exchange_weak_explicit(&f->refs, &refs, refs + 1,
								      memory_order_acquire,
								      memory_order_relaxed))
			;
		if (!refs)
			continue; /* it left the table meanwhile */
		if (atomic_load_explicit(at, memory_order_acquire) == f)
			return f;
		kvm_file_put(f);
	}
	return NULL;
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

int kvm_fd_install(int fd, struct kvm_file *f)
{
	struct piece *none = NULL, *p;

	if (fd >= PIECES * PIECE_SIZE)
		return -EMFILE;
	if (!place(fd)) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		/* Somebody else's is as good. */
		if (!atomic_compare_exchange_strong(&table[fd / PIECE_SIZE], &none, p))
			free(p);
	}
	/* A program that used close(2) left its file here. */
	kvm_file_put(atomic_exchange(place(fd), f));
	return 0;
}

long kvm_fd_publish(int fd, const struct kvm_file_ops *ops, struct vm *vm)
{
	struct kvm_file *f = kvm_file_create(ops, vm);
	int err = f ? kvm_fd_install(fd, f) : -ENOMEM;

	if (!err)
		return fd;
	if (f)
		kvm_file_discard(f);
	kvm_fd_discard(fd);
	return err;
}

int am_kvm_adopt(int oldfd, int newfd)
{
	_Atomic(struct kvm_file *) *at = place(newfd);
	struct kvm_file *f = kvm_file_get(oldfd);
	int err = 0;

	if (newfd < 0 || newfd == oldfd)
		kvm_file_put(f);
	else if (f)
		err = kvm_fd_install(newfd, f);
	else if (at && atomic_load_explicit(at, memory_order_relaxed))
		kvm_file_put(atomic_exchange(at, NULL));
	if (err)
		kvm_file_put(f);
	return err;
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

	return result(fd < 0 ? fd : kvm_fd_publish(fd, &kvm_system_ops, NULL));
}

bool kvm_file_usable(const struct kvm_file *f)
{
	return of_this_process(f) && !(f->vm && atomic_load(&f->vm->dead));
}

static long file_ioctl(struct kvm_file *f, uint32_t request, uint64_t arg)
{
	return kvm_file_usable(f) ? f->ops->ioctl(f, request, arg) : -EIO;
}

int am_kvm_ioctl(int fd, unsigned long request, unsigned long arg)
{
	struct kvm_file *f = kvm_file_get(fd);
	long r;

	if (!f)
		return ioctl(fd, request, arg);
	/* The kernel's ioctl numbers have 32 bits; callers may sign-extend them. */
	r = file_ioctl(f, (uint32_t)request, arg);
	AM_TRACE(kvm_ioctl, fd, request & 0xffffffff, arg, r);
	kvm_file_put(f);
	return result(r);
}

/* A part of a vCPU's pages that is another file's. */
struct overlay {
	off_t start, end;
	int fd;
};

static bool touches(const struct overlay *o, off_t off, size_t len)
{
	return off < o->end && off + (off_t)len > o->start;
}

static bool map_overlay(const struct overlay *o, uint8_t *p, size_t len, int prot, int flags,
			off_t off)
{
	off_t lo = off > o->start ? off : o->start;
	off_t hi = off + (off_t)len < o->end ? off + (off_t)len : o->end;

	if (!touches(o, off, len))
		return true;
	return mmap(p + (lo - off), (size_t)(hi - lo), prot, (flags & MAP_TYPE) | MAP_FIXED, o->fd,
		    lo - o->start) != MAP_FAILED;
}

/* The ring of coalesced MMIO belongs to the VM: it takes the place of one page of each vCPU's. */
static bool coalesced_ring(struct vm *vm, struct overlay *o, off_t off, size_t len)
{
	off_t page = (off_t)sysconf(_SC_PAGESIZE);

	o->start = KVM_COALESCED_MMIO_PAGE_OFFSET * page;
	o->end = o->start + page;
	o->fd = touches(o, off, len) ? vm_io_ring_fd(&vm->io) : -1;
	if (o->fd < 0 && touches(o, off, len)) {
		errno = -o->fd;
		return false;
	}
	return true;
}

static struct overlay dirty_ring(const struct vcpu *v)
{
	struct overlay o = {.start = KVM_DIRTY_LOG_PAGE_OFFSET * (off_t)sysconf(_SC_PAGESIZE),
			    .fd = v->ring_fd};

	o.end = o.start;
	if (v->view.ring)
		o.end += (off_t)(v->ring.nr * sizeof(v->ring.entry[0]));
	return o;
}

static void *map_vcpu(struct kvm_file *f, void *addr, size_t len, int prot, int flags, int fd,
		      off_t off)
{
	struct overlay coalesced, dirty = dirty_ring(f->vcpu);
	void *p;

	if (off < 0 || len > (size_t)(INT64_MAX - off)) {
		errno = EOVERFLOW;
		return MAP_FAILED;
	}
	/* A dirty ring is shared, and no code. */
	if (touches(&dirty, off, len) &&
	    ((prot & PROT_EXEC) || (flags & MAP_TYPE) == MAP_PRIVATE)) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	if (!coalesced_ring(f->vm, &coalesced, off, len))
		return MAP_FAILED;
	p = mmap(addr, len, prot, flags, fd, off);
	if (p == MAP_FAILED || (map_overlay(&coalesced, p, len, prot, flags, off) &&
				map_overlay(&dirty, p, len, prot, flags, off)))
		return p;
	int err = errno;

	munmap(p, len);
	errno = err;
	return MAP_FAILED;
}

void *am_kvm_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	struct kvm_file *f = flags & MAP_ANONYMOUS ? NULL : kvm_file_get(fd);
	void *p = MAP_FAILED;

	if (!f)
		return mmap(addr, len, prot, flags, fd, off);
	if (f->ops->can_map)
		p = map_vcpu(f, addr, len, prot, flags, fd, off);
	else
		errno = ENODEV;
	kvm_file_put(f);
	return p;
}

int am_kvm_munmap(void *addr, size_t len)
{
	return munmap(addr, len);
}

int am_kvm_close(int fd)
{
	_Atomic(struct kvm_file *) *at = place(fd);
	struct kvm_file *f = NULL;
	int r, err;

	/* First, as the number may be given out again at once. */
	if (at)
		f = atomic_exchange(at, NULL);
	r = close(fd);
	err = errno;
	kvm_file_put(f);
	errno = err;
	return r;
}

bool am_kvm_owns(int fd)
{
	_Atomic(struct kvm_file *) *at = place(fd);

	return at && atomic_load_explicit(at, memory_order_acquire);
}

ssize_t am_kvm_read(int fd, void *to, size_t len, off_t off)
{
	struct kvm_file *f = kvm_file_get(fd);
	bool allowed = !f || f->ops->can_read;

	kvm_file_put(f);
	if (!allowed) {
		errno = EINVAL;
		return -1;
	}
	return off < 0 ? read(fd, to, len) : pread(fd, to, len, off);
}
