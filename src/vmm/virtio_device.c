/* SPDX-License-Identifier: MIT */
/*
 * The life of a virtio device: its thread, its status (VIRTIO 1.2, 2.1), its interrupts.
 *
 * The thread sleeps until a queue is kicked, and works only between DRIVER_OK and a reset, and only
 * while the guest lets the function be a bus master. A reset waits until the thread has left its
 * work, which it does after the request in hand at the latest.
 */
#include "vmm/virtio_device.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/report.h"

/* How often a thread tries again what did not go. */
#define LATER_NS 10000000

#define STACK_SIZE (256u << 10)

/* ---- The thread ---- */

void virtio_kick(struct virtio_device *d, unsigned index)
{
	/* If there was something already, the thread has been woken, and has not looked yet. */
	if (atomic_fetch_or(&d->kicked, 1u << index))
		return;
	pthread_mutex_lock(&d->lock);
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
}

void virtio_again(struct virtio_device *d, unsigned index)
{
	/* The thread is awake, and looks before it sleeps. */
	atomic_fetch_or(&d->kicked, 1u << index);
}

void virtio_later(struct virtio_device *d, unsigned index)
{
	atomic_fetch_or(&d->later, 1u << index);
}

bool virtio_may_run(struct virtio_device *d, unsigned index)
{
	if (virtio_resetting(d) || atomic_load(&d->broken))
		return false;
	if (pci_bus_master(&d->pci))
		return true;
	virtio_later(d, index);
	return false;
}

static bool running(const struct virtio_device *d)
{
	return (d->status & (VIRTIO_S_DRIVER_OK | VIRTIO_S_NEEDS_RESET)) == VIRTIO_S_DRIVER_OK;
}

bool virtio_running(struct virtio_device *d)
{
	bool yes;

	pthread_mutex_lock(&d->lock);
	yes = running(d);
	pthread_mutex_unlock(&d->lock);
	return yes;
}

/* Kicked queues that can be worked on. With the lock held. */
static unsigned ready_queues(struct virtio_device *d)
{
	unsigned kicked, ready = 0;

	if (!running(d) || virtio_resetting(d))
		return 0;
	kicked = atomic_exchange(&d->kicked, 0);
	if (kicked)
		kicked |= atomic_exchange(&d->later, 0);
	for (unsigned i = 0; i < d->nr_queues; i++)
		if (((kicked >> i) & 1) && d->queue[i].enabled)
			ready |= 1u << i;
	return ready;
}

/* Lets some time pass before queues are tried again. With the lock held. */
static void wait_a_moment(struct virtio_device *d)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += LATER_NS;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	if (pthread_cond_timedwait(&d->work, &d->lock, &t) == ETIMEDOUT)
		atomic_fetch_or(&d->kicked, atomic_exchange(&d->later, 0));
}

/* Sleeps until there is something to do. Queues, or 0: the thread is to end. */
static unsigned wait_for_work(struct virtio_device *d)
{
	unsigned ready = 0;

	pthread_mutex_lock(&d->lock);
	d->busy = false;
	pthread_cond_broadcast(&d->idle);
	while (!d->stop) {
		ready = ready_queues(d);
		if (ready)
			break;
		if (running(d) && atomic_load(&d->later))
			wait_a_moment(d);
		else
			pthread_cond_wait(&d->work, &d->lock);
	}
	d->busy = !d->stop;
	ready = d->stop ? 0 : ready;
	pthread_mutex_unlock(&d->lock);
	return ready;
}

static void *thread_main(void *arg)
{
	struct virtio_device *d = arg;
	unsigned ready;

	while ((ready = wait_for_work(d)) != 0)
		for (unsigned i = 0; i < d->nr_queues; i++)
			/* Not even the rings are touched by one that may not. */
			if ((ready >> i) & 1 && virtio_may_run(d, i))
				d->ops->process(d, i);
	return NULL;
}

/* ---- Status ---- */

void virtio_interrupt(struct virtio_device *d, uint16_t vector, enum virtio_isr why)
{
	bool msix = pci_msix_enabled(&d->pci);

	/* 4.1.4.5.1: the one bit always, the other without MSI-X. */
	if (why == VIRTIO_ISR_CONFIG || !msix)
		d->isr |= (uint8_t)why;
	if (vector != VIRTIO_NO_VECTOR)
		pci_msix_send(&d->pci, vector);
	if (!msix)
		pci_set_intx(&d->pci, true);
}

void virtio_config_changed(struct virtio_device *d)
{
	pthread_mutex_lock(&d->lock);
	d->generation++;
	virtio_interrupt(d, d->config_vector, VIRTIO_ISR_CONFIG);
	pthread_mutex_unlock(&d->lock);
}

void virtio_break_locked(struct virtio_device *d, const char *why)
{
	if (d->status & VIRTIO_S_NEEDS_RESET)
		return;
	VMM_TRACE(VIRTIO, "%s broken: %s", d->name, why);
	if (!d->reported)
		vmm_say("%s: the guest's driver broke the rules: %s: the device waits to be reset",
			d->name, why);
	d->reported = true;
	d->status |= VIRTIO_S_NEEDS_RESET;
	atomic_store(&d->broken, true);
	if (d->status & VIRTIO_S_DRIVER_OK)
		virtio_interrupt(d, d->config_vector, VIRTIO_ISR_CONFIG);
}

void virtio_break(struct virtio_device *d, const char *why)
{
	pthread_mutex_lock(&d->lock);
	virtio_break_locked(d, why);
	pthread_mutex_unlock(&d->lock);
}

/* With the lock held. Feature negotiation is over, 3.1.1 step 5 and 2.2.2. */
static bool features_fit(const struct virtio_device *d)
{
	return !(d->accepted & ~d->offered) && (d->accepted & VIRTIO_F_VERSION_1);
}

void virtio_set_status(struct virtio_device *d, uint8_t status)
{
	uint8_t set = status & (uint8_t)~d->status & (uint8_t)~VIRTIO_S_NEEDS_RESET;

	if (!status) {
		virtio_reset_locked(d);
		return;
	}
	/* Bits are only added. */
	if ((set & VIRTIO_S_FEATURES_OK) && !features_fit(d))
		set &= (uint8_t)~VIRTIO_S_FEATURES_OK;
	if (!((d->status | set) & VIRTIO_S_FEATURES_OK))
		set &= (uint8_t)~VIRTIO_S_DRIVER_OK;
	d->status |= set;
	VMM_TRACE(VIRTIO, "%s status 0x%x features 0x%llx", d->name, d->status,
		  (unsigned long long)d->accepted);
	if ((set & VIRTIO_S_FEATURES_OK) && d->ops->negotiated)
		d->ops->negotiated(d);
	if (set & VIRTIO_S_DRIVER_OK) {
		atomic_fetch_or(&d->kicked, (1u << d->nr_queues) - 1);
		pthread_cond_signal(&d->work);
	}
}

/* With the lock held, and the thread idle. */
static void set_power_on_state(struct virtio_device *d)
{
	d->device_feature_select = d->driver_feature_select = 0;
	d->accepted = 0;
	d->config_vector = VIRTIO_NO_VECTOR;
	d->queue_select = 0;
	d->status = 0;
	d->isr = 0;
	for (unsigned i = 0; i < d->nr_queues; i++)
		virtq_reset(&d->queue[i]);
	atomic_store(&d->kicked, 0);
	atomic_store(&d->later, 0);
	atomic_store(&d->broken, false);
	if (d->ops->reset)
		d->ops->reset(d);
}

void virtio_reset_locked(struct virtio_device *d)
{
	atomic_fetch_add(&d->resetting, 1);
	while (d->busy)
		pthread_cond_wait(&d->idle, &d->lock);
	set_power_on_state(d);
	pci_set_intx(&d->pci, false);
	atomic_fetch_sub(&d->resetting, 1);
	VMM_TRACE(VIRTIO, "%s reset", d->name);
}

void virtio_reset(struct virtio_device *d)
{
	pthread_mutex_lock(&d->lock);
	virtio_reset_locked(d);
	pthread_mutex_unlock(&d->lock);
}

/* ---- Life ---- */

static int start_thread(struct virtio_device *d)
{
	pthread_attr_t attr;
	/* These are the thread's own; see terminal.c. */
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	sigset_t all, old;
	char name[16];
	int error;

	/* The process's signals are the main thread's. */
	sigfillset(&all);
	for (unsigned i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigdelset(&all, fatal[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	error = pthread_create(&d->thread, &attr, thread_main, d);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return vmm_fail(VMM_HOST, "cannot start a thread for %s: %s", d->name,
				strerror(error));
	strncpy(name, d->name, sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	pthread_setname_np(d->thread, name);
	return 0;
}

static void init_locks(struct virtio_device *d)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->idle, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->work, &attr);
	pthread_condattr_destroy(&attr);
}

static void end_thread(struct virtio_device *d)
{
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
}

static void finish_locks(struct virtio_device *d)
{
	pthread_cond_destroy(&d->work);
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->lock);
}

int virtio_init(struct virtio_device *d, struct pci_bus *bus, const struct dma *dma,
		const struct virtio_setup *setup)
{
	int status;

	d->ops = setup->ops;
	d->name = setup->name;
	d->dma = dma;
	d->nr_queues = setup->nr_queues;
	d->offered =
	    setup->features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
	d->config_len = setup->config_len;
	for (unsigned i = 0; i < d->nr_queues; i++) {
		d->queue[i].d = d;
		d->queue[i].index = i;
	}
	init_locks(d);
	set_power_on_state(d);
	status = start_thread(d);
	if (!status) {
		status = virtio_pci_init(d, bus, setup);
		if (status)
			end_thread(d);
	}
	if (status)
		finish_locks(d);
	return status;
}

void virtio_destroy(struct virtio_device *d)
{
	if (!d)
		return;
	virtio_reset(d);
	end_thread(d);
	finish_locks(d);
	d->ops->destroy(d);
}
