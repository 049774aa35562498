/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that raise interrupts (KVM_IRQFD; irqfd.h).
 *
 * The epoll set knows an eventfd by the descriptor number that user space gave, edge-triggered, so
 * that every write counts whether or not the counter was emptied. It is emptied, as KVM does,
 * through a descriptor of our own that lives only that long, and only after the epoll set has
 * confirmed that the number still means that eventfd.
 */
#include "vm/irqfd.h"

#include <armature/gic.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/trace.h"
#include "vm/event.h"
#include "vm/route.h"
#include "vm/vm.h"

struct vm_irqfd {
	struct vm_irqfd *next;
	uint64_t token; /* in the epoll set; never used again */
	int fd;		/* user space's number */
	int64_t id;
	uint32_t gsi;
	int resample; /* held, or -1 */
};

#define TOKEN_STOP 0

/* ---- Raising ---- */

/* With the lock. Without resampling it is a pulse, which only an edge-triggered input notices. */
static void raise_irq(struct vm *vm, const struct vm_irqfd *f)
{
	AM_TRACE(vm_irqfd, f->fd, f->gsi);
	vm_gsi_set(vm, f->gsi, true);
	if (f->resample < 0)
		vm_gsi_set(vm, f->gsi, false);
}

/* Does its number still mean this eventfd? Asking also arms the epoll set anew. */
static bool is_current(struct vm_irqs *q, const struct vm_irqfd *f)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = f->token};

	return !epoll_ctl(q->epoll, EPOLL_CTL_MOD, f->fd, &ev);
}

static void event_arrived(struct vm *vm, const struct vm_irqfd *f)
{
	int held = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	bool signalled = true;

	if (held >= 0) {
		if (is_current(&vm->irqs, f))
			signalled = event_take(held);
		close(held);
	}
	if (signalled)
		raise_irq(vm, f);
}

static struct vm_irqfd **find_token(struct vm_irqs *q, uint64_t token)
{
	struct vm_irqfd **p = &q->bucket[token % IRQFD_BUCKETS];

	while (*p && (*p)->token != token)
		p = &(*p)->next;
	return p;
}

static void *poll_thread(void *opaque)
{
	struct vm *vm = opaque;
	struct vm_irqs *q = &vm->irqs;
	struct epoll_event ev[16];

	for (;;) {
		int n = epoll_wait(q->epoll, ev, 16, -1);

		for (int k = 0; k < n; k++) {
			if (ev[k].data.u64 == TOKEN_STOP)
				return NULL;
			pthread_mutex_lock(&q->lock);
			struct vm_irqfd *f = *find_token(q, ev[k].data.u64);

			if (f)
				event_arrived(vm, f);
			pthread_mutex_unlock(&q->lock);
		}
	}
}

/* ---- The thread ---- */

static int start_thread(struct vm *vm)
{
	struct vm_irqs *q = &vm->irqs;
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = TOKEN_STOP};
	sigset_t all, old;
	int err;

	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	q->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->epoll < 0 || q->stop < 0 || epoll_ctl(q->epoll, EPOLL_CTL_ADD, q->stop, &ev)) {
		err = errno;
	} else {
		/* Signals are the program's business. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		err = pthread_create(&q->thread, NULL, poll_thread, vm);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	if (!err)
		return 0;
	event_drop(q->epoll);
	event_drop(q->stop);
	q->epoll = q->stop = -1;
	return -err;
}

/* ---- Assigning ---- */

/* With the lock. */
static void irqfd_remove(struct vm *vm, struct vm_irqfd **at)
{
	struct vm_irqfd *f = *at;
	struct vm_irqs *q = &vm->irqs;
	bool last = true;

	*at = f->next;
	epoll_ctl(q->epoll, EPOLL_CTL_DEL, f->fd, NULL);
	if (f->resample >= 0) {
		event_drop(f->resample);
		atomic_fetch_sub(&q->nr_resample, 1);
		for (unsigned b = 0; b < IRQFD_BUCKETS; b++) {
			for (struct vm_irqfd *o = q->bucket[b]; o; o = o->next)
				last &= o->resample < 0 || o->gsi != f->gsi;
		}
		if (last)
			vm_gsi_set(vm, f->gsi, false);
	}
	free(f);
}

static bool same_event(const struct vm_irqfd *f, int fd, int64_t id)
{
	return id != EVENT_ID_UNKNOWN && f->id != EVENT_ID_UNKNOWN ? f->id == id : f->fd == fd;
}

/* With the lock: is the eventfd in use? What became of one that was closed makes room. */
static bool in_use(struct vm *vm, int fd, int64_t id)
{
	for (unsigned b = 0; b < IRQFD_BUCKETS; b++) {
		struct vm_irqfd **p = &vm->irqs.bucket[b];

		while (*p) {
			if (!same_event(*p, fd, id))
				p = &(*p)->next;
			else if (is_current(&vm->irqs, *p))
				return true;
			else
				irqfd_remove(vm, p);
		}
	}
	return false;
}

static int irqfd_insert(struct vm_irqs *q, struct vm_irqfd *f)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	struct vm_irqfd **at;

	f->token = ev.data.u64 = ++q->last_token;
	if (epoll_ctl(q->epoll, EPOLL_CTL_ADD, f->fd, &ev)) {
		/* One that was removed while its number meant something else is still there. */
		if (errno != EEXIST || epoll_ctl(q->epoll, EPOLL_CTL_MOD, f->fd, &ev))
			return errno == EPERM ? -EINVAL : -errno;
	}
	at = &q->bucket[f->token % IRQFD_BUCKETS];
	f->next = *at;
	*at = f;
	atomic_fetch_add(&q->nr_resample, f->resample >= 0);
	return 0;
}

static int assign_new(struct vm *vm, const struct kvm_irqfd *args, int64_t id, int resample)
{
	struct vm_irqs *q = &vm->irqs;
	struct vm_irqfd *f = malloc(sizeof(*f));
	int err = 0;

	if (!f)
		return -ENOMEM;
	*f = (struct vm_irqfd){
	    .fd = (int)args->fd, .id = id, .gsi = args->gsi, .resample = resample};
	pthread_mutex_lock(&q->lock);
	if (q->epoll < 0)
		err = start_thread(vm);
	if (!err)
		err = in_use(vm, f->fd, id) ? -EBUSY : irqfd_insert(q, f);
	pthread_mutex_unlock(&q->lock);
	if (err)
		free(f);
	return err;
}

static int assign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct am_gic *gic = vm_gic(vm);
	int64_t id, unused;
	int held, err, resample = -1;

	if (!gic || !am_gic_initialized(gic))
		return -EAGAIN;
	held = event_hold((int)args->fd, &id);
	if (held < 0)
		return held;
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		resample = event_hold((int)args->resamplefd, &unused);
		if (resample < 0) {
			event_drop(held);
			return resample;
		}
	}
	err = assign_new(vm, args, id, resample);
	if (err)
		event_drop(resample);
	event_drop(held);
	return err;
}

/* What was signalled before still arrives; nothing does afterwards. */
static int deassign(struct vm *vm, const struct kvm_irqfd *args)
{
	int64_t id;
	int held = event_hold((int)args->fd, &id);

	if (held < 0)
		return held;
	pthread_mutex_lock(&vm->irqs.lock);
	for (unsigned b = 0; b < IRQFD_BUCKETS; b++) {
		struct vm_irqfd **p = &vm->irqs.bucket[b];

		while (*p) {
			if ((*p)->gsi != args->gsi || !same_event(*p, (int)args->fd, id)) {
				p = &(*p)->next;
				continue;
			}
			if (event_take(held))
				raise_irq(vm, *p);
			irqfd_remove(vm, p);
		}
	}
	pthread_mutex_unlock(&vm->irqs.lock);
	event_drop(held);
	return 0;
}

int vm_irqfd(struct vm *vm, const struct kvm_irqfd *args)
{
	if (args->flags & ~(uint32_t)(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	return args->flags & KVM_IRQFD_FLAG_DEASSIGN ? deassign(vm, args) : assign(vm, args);
}

/* ---- Resampling ---- */

void vm_spi_done(void *opaque, unsigned intid)
{
	struct vm *vm = opaque;
	struct vm_irqs *q = &vm->irqs;
	unsigned pin = intid - 32, gsi = VM_NO_GSI;
	bool lowered = false;

	if (!atomic_load_explicit(&q->nr_resample, memory_order_relaxed) || pin >= VM_NR_PINS)
		return;
	pthread_mutex_lock(&q->lock);
	if (q->routes)
		gsi = q->routes->gsi_of_pin[pin];
	for (unsigned b = 0; gsi != VM_NO_GSI && b < IRQFD_BUCKETS; b++) {
		for (struct vm_irqfd *f = q->bucket[b]; f; f = f->next) {
			if (f->resample < 0 || f->gsi != gsi)
				continue;
			/* The line first: who is told may raise it again. */
			if (!lowered)
				vm_gsi_set(vm, gsi, false);
			lowered = true;
			event_signal(f->resample);
		}
	}
	pthread_mutex_unlock(&q->lock);
}

/* ---- Life ---- */

void vm_irqs_init(struct vm *vm)
{
	pthread_mutex_init(&vm->irqs.lock, NULL);
	vm->irqs.epoll = vm->irqs.stop = -1;
}

void vm_irqs_finish(struct vm *vm)
{
	struct vm_irqs *q = &vm->irqs;

	/* A child process has no copy of the thread, and no use for the rest. */
	if (vm->pid == getpid() && q->epoll >= 0) {
		event_signal(q->stop);
		pthread_join(q->thread, NULL);
	}
	for (unsigned b = 0; b < IRQFD_BUCKETS; b++) {
		for (struct vm_irqfd *f = q->bucket[b], *next; f; f = next) {
			next = f->next;
			event_drop(f->resample);
			free(f);
		}
	}
	event_drop(q->epoll);
	event_drop(q->stop);
	free(q->routes);
	if (vm->pid == getpid())
		pthread_mutex_destroy(&q->lock);
}
