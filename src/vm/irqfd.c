/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that raise interrupts (KVM_IRQFD; irqfd.h).
 *
 * KVM's irqfd sees a write as it happens, and ends when the eventfd does. Here a thread hears of
 * the write later, when user space may have closed its descriptor already; so we hold one of our
 * own, as long as user space's number still means the eventfd. Once it does not, and what was
 * written has arrived, ours is closed too. The epoll set does not forget an eventfd before its
 * last descriptor, anybody's, is closed: one that lives on elsewhere goes on raising the interrupt.
 *
 * What a number means is asked of a second epoll set, `known`, that nobody waits for: changing an
 * entry works for the very file that was added under that number, and for no other.
 */
#include "vm/irqfd.h"

#include <armature/gic.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/trace.h"
#include "vm/event.h"
#include "vm/route.h"
#include "vm/vm.h"

struct vm_irqfd {
	struct vm_irqfd *next;
	uint64_t token; /* in the epoll set; never used again */
	int fd;		/* user space's number, or -1 when another irqfd has it now */
	int held;	/* ours, or -1 when user space has closed its own */
	int64_t id;
	uint32_t gsi;
	int resample; /* held, or -1 */
};

#define TOKEN_STOP 0

/* ---- Raising ---- */

/* With the lock. As in KVM/arm64 the input goes up, and down only by resampling or KVM_IRQ_LINE. */
static void raise_irq(struct vm *vm, const struct vm_irqfd *f)
{
	AM_TRACE(vm_irqfd, f->fd, f->gsi);
	vm_gsi_set(vm, f->gsi, true);
}

/*
 * Does user space's number still mean this eventfd? The system call itself, because the program may
 * close the number meanwhile, and ThreadSanitizer would take that for a mistake.
 */
static bool is_current(const struct vm_irqs *q, const struct vm_irqfd *f)
{
	struct epoll_event none = {.events = 0};

	return !syscall(SYS_epoll_ctl, q->known, EPOLL_CTL_MOD, f->fd, &none);
}

static void let_go(struct vm_irqs *q, struct vm_irqfd *f)
{
	if (f->held < 0)
		return;
	event_drop(f->held);
	f->held = -1;
	q->nr_held--;
}

/*
 * Events that the thread has fetched but not looked at are about what was just taken: it will not
 * find their token. What was written since makes a new one, as changing an entry looks again. The
 * new token belongs into the same bucket.
 */
static void forget_fetched(struct vm_irqs *q, struct vm_irqfd *f)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	uint64_t next = q->last_token + 1;

	next += (f->token - next) % IRQFD_BUCKETS;
	ev.data.u64 = next;
	if (epoll_ctl(q->epoll, EPOLL_CTL_MOD, f->held, &ev))
		return;
	f->token = q->last_token = next;
}

static void event_arrived(struct vm *vm, struct vm_irqfd *f)
{
	struct vm_irqs *q = &vm->irqs;
	/* First: what is written until the number changes hands is then taken below. */
	bool current = is_current(q, f);

	if (f->held < 0 || event_take(f->held))
		raise_irq(vm, f);
	if (current || f->held < 0)
		return;
	forget_fetched(q, f);
	let_go(q, f);
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

static void close_sets(struct vm_irqs *q)
{
	event_drop(q->epoll);
	event_drop(q->known);
	event_drop(q->stop);
	q->epoll = q->known = q->stop = -1;
}

static int start_thread(struct vm *vm)
{
	struct vm_irqs *q = &vm->irqs;
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = TOKEN_STOP};
	sigset_t all, old;
	int err;

	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	q->known = epoll_create1(EPOLL_CLOEXEC);
	q->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->epoll < 0 || q->known < 0 || q->stop < 0 ||
	    epoll_ctl(q->epoll, EPOLL_CTL_ADD, q->stop, &ev)) {
		err = errno;
	} else {
		/* Signals are the program's business. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		err = pthread_create(&q->thread, NULL, poll_thread, vm);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	if (err)
		close_sets(q);
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
	epoll_ctl(q->known, EPOLL_CTL_DEL, f->fd, NULL);
	if (f->held >= 0)
		epoll_ctl(q->epoll, EPOLL_CTL_DEL, f->held, NULL);
	let_go(q, f);
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

/* With the lock: is the eventfd in use? What became of one that is gone makes room. */
static bool in_use(struct vm *vm, int fd, int64_t id)
{
	for (unsigned b = 0; b < IRQFD_BUCKETS; b++) {
		struct vm_irqfd **p = &vm->irqs.bucket[b];

		while (*p) {
			struct vm_irqfd *f = *p;

			if (same_event(f, fd, id)) {
				if (is_current(&vm->irqs, f) ||
				    (f->held >= 0 && id != EVENT_ID_UNKNOWN))
					return true;
				irqfd_remove(vm, p);
				continue;
			}
			/* Somebody else's number now. What was let go before has nothing left to
			 * take. */
			if (f->fd == fd) {
				f->fd = -1;
				if (f->held >= 0)
					event_arrived(vm, f);
			}
			p = &f->next;
		}
	}
	return false;
}

/* Eventfds that were closed without a write: looked for when there are twice as many as before. */
static void sweep(struct vm *vm)
{
	struct vm_irqs *q = &vm->irqs;

	if (q->nr_held < q->sweep_at)
		return;
	for (unsigned b = 0; b < IRQFD_BUCKETS; b++) {
		for (struct vm_irqfd *f = q->bucket[b]; f; f = f->next) {
			if (f->held >= 0 && !is_current(q, f))
				event_arrived(vm, f);
		}
	}
	q->sweep_at = 2 * q->nr_held + IRQFD_BUCKETS;
}

/* As ADD; an old entry of the same file and number, which nobody needs any more, is taken over. */
static int set_add(int set, int fd, struct epoll_event *ev)
{
	if (!epoll_ctl(set, EPOLL_CTL_ADD, fd, ev))
		return 0;
	if (errno == EEXIST && !epoll_ctl(set, EPOLL_CTL_MOD, fd, ev))
		return 0;
	return errno == EPERM ? -EINVAL : -errno;
}

static int irqfd_insert(struct vm_irqs *q, struct vm_irqfd *f)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET}, none = {.events = 0};
	struct vm_irqfd **at;
	int err;

	f->token = ev.data.u64 = ++q->last_token;
	err = set_add(q->known, f->fd, &none);
	if (!err)
		err = set_add(q->epoll, f->held, &ev);
	if (err)
		return err;
	at = &q->bucket[f->token % IRQFD_BUCKETS];
	f->next = *at;
	*at = f;
	q->nr_held++;
	atomic_fetch_add(&q->nr_resample, f->resample >= 0);
	return 0;
}

/* What it gets it keeps, unless it fails. */
static int assign_new(struct vm *vm, const struct vm_irqfd *want)
{
	struct vm_irqs *q = &vm->irqs;
	struct vm_irqfd *f = malloc(sizeof(*f));
	int err = 0;

	if (!f)
		return -ENOMEM;
	*f = *want;
	pthread_mutex_lock(&q->lock);
	if (q->epoll < 0)
		err = start_thread(vm);
	if (!err) {
		sweep(vm);
		err = in_use(vm, f->fd, f->id) ? -EBUSY : irqfd_insert(q, f);
	}
	/* What was written before is a pulse, which only an edge-triggered input notices. */
	if (!err && event_take(f->held)) {
		raise_irq(vm, f);
		if (f->resample < 0)
			vm_gsi_set(vm, f->gsi, false);
	}
	pthread_mutex_unlock(&q->lock);
	if (err)
		free(f);
	return err;
}

static int assign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct vm_irqfd f = {.fd = (int)args->fd, .gsi = args->gsi, .resample = -1};
	struct am_gic *gic = vm_gic(vm);
	int64_t unused;
	int err = 0;

	if (!gic || !am_gic_initialized(gic))
		return -EAGAIN;
	f.held = event_hold(f.fd, &f.id);
	if (f.held < 0)
		return f.held;
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		f.resample = event_hold((int)args->resamplefd, &unused);
		if (f.resample < 0)
			err = f.resample;
	}
	if (!err)
		err = assign_new(vm, &f);
	if (err) {
		event_drop(f.resample);
		event_drop(f.held);
	}
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
			/* Of one that we hold no more the counter is not emptied. */
			if ((*p)->held >= 0 && event_take(held))
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
	vm->irqs.epoll = vm->irqs.known = vm->irqs.stop = -1;
	vm->irqs.sweep_at = IRQFD_BUCKETS;
}

void vm_irqs_finish(struct vm *vm)
{
	struct vm_irqs *q = &vm->irqs;

	if (q->epoll >= 0) {
		event_signal(q->stop);
		pthread_join(q->thread, NULL);
	}
	for (unsigned b = 0; b < IRQFD_BUCKETS; b++) {
		for (struct vm_irqfd *f = q->bucket[b], *next; f; f = next) {
			next = f->next;
			event_drop(f->resample);
			event_drop(f->held);
			free(f);
		}
	}
	close_sets(q);
	free(q->routes);
	pthread_mutex_destroy(&q->lock);
}
