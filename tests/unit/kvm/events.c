/* SPDX-License-Identifier: MIT */
/* Eventfds in and out: ioeventfd, irqfd, interrupt numbers, coalesced MMIO; and messages. */
#include "machine.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t counter(int fd)
{
	uint64_t v = 0;

	return read(fd, &v, sizeof(v)) == (ssize_t)sizeof(v) ? v : 0;
}

static int new_event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void signal_event(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

/* ---- KVM_IOEVENTFD ---- */

static int ioevent(struct machine *m, int fd, uint64_t addr, uint32_t len, uint32_t flags,
		   uint64_t match)
{
	struct kvm_ioeventfd a = {
	    .datamatch = match, .addr = addr, .len = len, .fd = fd, .flags = flags};

	return kvm_ptr(m->vm, KVM_IOEVENTFD, &a);
}

#define MATCH KVM_IOEVENTFD_FLAG_DATAMATCH
#define DROP  KVM_IOEVENTFD_FLAG_DEASSIGN

static void ioeventfd_errors(void **state)
{
	struct machine m;
	int e = new_event(), f = new_event(), file = open("/dev/null", O_RDWR);

	machine_create(&m, 1, false);
	assert_int_equal(kvm(m.vm, KVM_IOEVENTFD, 8), -EFAULT);
	assert_int_equal(ioevent(&m, e, DEVICE, 3, 0, 0), -EINVAL);
	assert_int_equal(ioevent(&m, e, DEVICE, 16, 0, 0), -EINVAL);
	assert_int_equal(ioevent(&m, e, UINT64_MAX - 2, 4, 0, 0), -EINVAL);
	assert_int_equal(ioevent(&m, e, DEVICE, 4, 1 << 5, 0), -EINVAL);
	assert_int_equal(ioevent(&m, e, DEVICE, 0, MATCH, 0), -EINVAL);
	assert_int_equal(ioevent(&m, -1, DEVICE, 4, 0, 0), -EBADF);
	assert_int_equal(ioevent(&m, file, DEVICE, 4, 0, 0), -EINVAL);
	assert_int_equal(ioevent(&m, -1, DEVICE, 4, DROP, 0), -EBADF);
	assert_int_equal(ioevent(&m, e, DEVICE, 4, DROP, 0), -ENOENT);

	assert_int_equal(ioevent(&m, e, DEVICE, 4, MATCH, 1), 0);
	assert_int_equal(ioevent(&m, f, DEVICE, 4, MATCH, 1), -EEXIST);
	assert_int_equal(ioevent(&m, f, DEVICE, 4, 0, 0), -EEXIST);
	assert_int_equal(ioevent(&m, f, DEVICE, 0, 0, 0), -EEXIST);
	assert_int_equal(ioevent(&m, f, DEVICE, 4, MATCH, 2), 0);
	assert_int_equal(ioevent(&m, f, DEVICE, 8, 0, 0), 0);
	/* Ports are other addresses. */
	assert_int_equal(ioevent(&m, f, DEVICE, 4, KVM_IOEVENTFD_FLAG_PIO, 0), 0);
	/* All of it must be as it was assigned. */
	assert_int_equal(ioevent(&m, f, DEVICE, 4, DROP | MATCH, 1), -ENOENT);
	assert_int_equal(ioevent(&m, e, DEVICE, 4, DROP, 1), -ENOENT);
	assert_int_equal(ioevent(&m, e, DEVICE, 8, DROP | MATCH, 1), -ENOENT);
	assert_int_equal(ioevent(&m, e, DEVICE, 4, DROP | MATCH, 1), 0);
	assert_int_equal(ioevent(&m, e, DEVICE, 4, DROP | MATCH, 1), -ENOENT);
	machine_destroy(&m);
	close(e);
	close(f);
	close(file);
}

/* Which stores signal and which are exits: by address, size, value and direction. */
static void ioeventfd_matches(void **state)
{
	int any = new_event(), four = new_event(), five = new_event();
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(ioevent(&m, any, DEVICE, 0, 0, 0), 0);
	assert_int_equal(ioevent(&m, four, DEVICE + 8, 4, MATCH, 4), 0);
	assert_int_equal(ioevent(&m, five, DEVICE + 8, 4, MATCH, 5), 0);
	emit_mov(&m, 0, DEVICE);
	emit_mov(&m, 1, DEVICE + 8);
	emit_mov(&m, 5, 5);
	emit(&m, A64_STR_W(5, 0)); /* any */
	emit(&m, A64_STRH(5, 0));  /* any */
	emit(&m, A64_STR_W(5, 1)); /* five */
	emit(&m, A64_STR_X(5, 1)); /* exit: another size */
	emit_mov(&m, 6, 6);
	emit(&m, A64_STR_W(6, 1)); /* exit: another value */
	emit(&m, A64_LDR_W(7, 0)); /* exit: a load */
	emit_psci(&m, PSCI_SYSTEM_OFF);

	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(m.run[0]->mmio.len, 8);
	assert_int_equal(counter(any), 2);
	assert_int_equal(counter(four), 0);
	assert_int_equal(counter(five), 1);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->mmio.data[0], 6);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->mmio.is_write, 0);
	run_to_off(&m, 0);
	assert_int_equal(counter(any) + counter(four) + counter(five), 0);
	machine_destroy(&m);
	close(any);
	close(four);
	close(five);
}

/* The VM keeps the eventfd; another descriptor of it takes it off; then the store is an exit. */
static void ioeventfd_lives(void **state)
{
	int e = new_event(), again = fcntl(e, F_DUPFD_CLOEXEC, 0);
	uint64_t full = UINT64_MAX - 1;
	struct kvm_mp_state on = {KVM_MP_STATE_RUNNABLE};
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(ioevent(&m, e, DEVICE, 4, 0, 0), 0);
	close(e);
	emit_mov(&m, 0, DEVICE);
	emit(&m, A64_STR_W(0, 0));
	emit(&m, A64_STR_W(0, 0));
	emit(&m, A64_STR_W(0, 0));
	emit_psci(&m, PSCI_SYSTEM_OFF);
	/* A counter that is full loses what comes, and nobody waits. */
	assert_int_equal(write(again, &full, sizeof(full)), sizeof(full));
	fcntl(again, F_SETFL, 0);
	run_to_off(&m, 0);
	assert_int_equal(counter(again), full);

	assert_int_equal(kvm_ptr(m.vcpu[0], KVM_SET_MP_STATE, &on), 0);
	pc_set(&m, 0, RAM);
	assert_int_equal(ioevent(&m, again, DEVICE, 4, DROP, 0), 0);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	machine_destroy(&m);
	close(again);
}

/* ---- KVM_IRQFD ---- */

static int irqfd(struct machine *m, int fd, uint32_t gsi, uint32_t flags, int resample)
{
	struct kvm_irqfd a = {
	    .fd = (uint32_t)fd, .gsi = gsi, .flags = flags, .resamplefd = (uint32_t)resample};

	return kvm_ptr(m->vm, KVM_IRQFD, &a);
}

#define OFF	 KVM_IRQFD_FLAG_DEASSIGN
#define RESAMPLE KVM_IRQFD_FLAG_RESAMPLE

static uint32_t gic_get(struct machine *m, uint32_t group, uint64_t attr)
{
	uint32_t v = 0;
	struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (uintptr_t)&v};

	assert_int_equal(kvm_ptr(m->gic, KVM_GET_DEVICE_ATTR, &a), 0);
	return v;
}

static void gic_set(struct machine *m, uint32_t group, uint64_t attr, uint32_t v)
{
	struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (uintptr_t)&v};

	assert_int_equal(kvm_ptr(m->gic, KVM_SET_DEVICE_ATTR, &a), 0);
}

/* Latches of SPIs 32-63; lines of the same. */
static uint32_t latches(struct machine *m)
{
	return gic_get(m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x204);
}

static uint32_t lines(struct machine *m)
{
	return gic_get(m, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 32);
}

static void make_level(struct machine *m)
{
	gic_set(m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0xc08, 0);
	gic_set(m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0xc0c, 0);
}

static bool becomes(struct machine *m, uint32_t (*what)(struct machine *m), uint32_t want)
{
	for (int n = 0; n < 5000; n++) {
		if (what(m) == want)
			return true;
		usleep(1000);
	}
	return false;
}

static void irqfd_errors(void **state)
{
	int e = new_event(), f = new_event(), file = open("/dev/null", O_RDWR);
	struct machine m, none;

	machine_create(&none, 1, false);
	assert_int_equal(irqfd(&none, e, 3, 0, 0), -EAGAIN);
	assert_int_equal(irqfd(&none, e, 3, 4, 0), -EINVAL);
	assert_int_equal(irqfd(&none, e, 3, OFF, 0), 0);
	machine_destroy(&none);

	machine_create(&m, 1, true);
	assert_int_equal(kvm(m.vm, KVM_IRQFD, 8), -EFAULT);
	assert_int_equal(irqfd(&m, -1, 3, 0, 0), -EBADF);
	assert_int_equal(irqfd(&m, file, 3, 0, 0), -EINVAL);
	assert_int_equal(irqfd(&m, e, 3, RESAMPLE, -1), -EBADF);
	assert_int_equal(irqfd(&m, e, 3, RESAMPLE, file), -EINVAL);
	assert_int_equal(irqfd(&m, e, 3, 0, 0), 0);
	assert_int_equal(irqfd(&m, e, 4, 0, 0), -EBUSY);
	assert_int_equal(irqfd(&m, f, 3, RESAMPLE, f), 0);
	assert_int_equal(irqfd(&m, e, 4, OFF, 0), 0); /* not that one: nothing happens */
	assert_int_equal(irqfd(&m, e, 3, 0, 0), -EBUSY);
	assert_int_equal(irqfd(&m, e, 3, OFF, 0), 0);
	assert_int_equal(irqfd(&m, e, 4, 0, 0), 0);
	assert_int_equal(irqfd(&m, -1, 3, OFF, 0), -EBADF);
	machine_destroy(&m);
	close(e);
	close(f);
	close(file);
}

/* A write raises the input, and nothing lowers it; one that came before is a pulse. */
static void irqfd_raises(void **state)
{
	int e = new_event(), f = new_event(), early = new_event();
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(irqfd(&m, e, 3, 0, 0), 0);
	assert_int_equal(irqfd(&m, f, 5, 0, 0), 0);
	signal_event(e);
	assert_true(becomes(&m, latches, 1u << 3));
	assert_int_equal(counter(e), 0); /* it was taken */
	signal_event(f);
	assert_true(becomes(&m, latches, 1u << 3 | 1u << 5));
	signal_event(early); /* before it is assigned */
	assert_int_equal(irqfd(&m, early, 6, 0, 0), 0);
	assert_true(becomes(&m, latches, 1u << 3 | 1u << 5 | 1u << 6));

	gic_set(&m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x204, 0);
	make_level(&m);
	signal_event(e);
	assert_int_equal(irqfd(&m, e, 3, OFF, 0), 0); /* it has arrived by then */
	assert_int_equal(counter(e), 0);
	assert_int_equal(lines(&m), 1u << 3);
	assert_int_equal(latches(&m), 0);
	assert_int_equal(irqfd(&m, f, 5, OFF, 0), 0);
	signal_event(f);
	assert_int_equal(irqfd(&m, f, 5, 0, 0), 0);
	assert_int_equal(lines(&m), 1u << 3);
	machine_destroy(&m);
	close(e);
	close(f);
	close(early);
}

static void irqfd_deassigned(void **state)
{
	int e = new_event(), other = fcntl(e, F_DUPFD_CLOEXEC, 0);
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(irqfd(&m, e, 3, 0, 0), 0);
	assert_int_equal(irqfd(&m, other, 3, 0, 0), -EBUSY); /* the same eventfd */
	assert_int_equal(irqfd(&m, other, 3, OFF, 0), 0);
	signal_event(e);
	usleep(20000);
	assert_int_equal(latches(&m), 0);
	assert_int_equal(counter(e), 1); /* nobody took it */
	machine_destroy(&m);
	close(e);
	close(other);
}

/*
 * What was written before the eventfd was closed arrives; and closed ones are gone by themselves,
 * so that descriptors and eventfds can come round again and again.
 */
static void irqfd_closed(void **state)
{
	struct machine m;
	int next = open("/dev/null", O_RDWR);

	close(next);
	machine_create(&m, 1, true);
	for (int n = 0; n < 3000; n++) {
		int e = new_event(), silent = new_event();
		uint32_t bit = 1u << n % 32;

		assert_int_equal(irqfd(&m, e, (uint32_t)n % 32, 0, 0), 0);
		assert_int_equal(irqfd(&m, silent, 40, 0, 0), 0);
		signal_event(e);
		close(e);
		close(silent);
		if (n % 30)
			continue;
		assert_true(becomes(&m, latches, latches(&m) | bit));
		gic_set(&m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x204, 0);
	}
	machine_destroy(&m);
	/* Nothing of it is left. */
	int after = open("/dev/null", O_RDWR);

	assert_int_equal(after, next);
	close(after);
}

/* The number of one that was closed and has raised its interrupt: nothing is raised twice. */
static void irqfd_number_again(void **state)
{
	struct machine m;

	machine_create(&m, 1, true);
	for (int n = 0; n < 100; n++) {
		int e = new_event(), other = fcntl(e, F_DUPFD_CLOEXEC, 0), again;

		assert_int_equal(irqfd(&m, e, 0, 0, 0), 0);
		close(e);
		signal_event(other);
		assert_true(becomes(&m, latches, 1));
		gic_set(&m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x204, 0);
		again = new_event();
		assert_int_equal(again, e);
		assert_int_equal(irqfd(&m, again, 1, 0, 0), 0);
		assert_int_equal(latches(&m), 0);
		assert_int_equal(irqfd(&m, again, 1, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
		close(again);
		close(other);
	}
	machine_destroy(&m);
}

/* Closed here and alive elsewhere: it goes on. */
static void irqfd_elsewhere(void **state)
{
	int e = new_event(), other = fcntl(e, F_DUPFD_CLOEXEC, 0);
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(irqfd(&m, e, 3, 0, 0), 0);
	close(e);
	for (int n = 0; n < 3; n++) {
		signal_event(other);
		assert_true(becomes(&m, latches, 1u << 3));
		gic_set(&m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x204, 0);
	}
	assert_int_equal(irqfd(&m, other, 3, OFF, 0), 0);
	signal_event(other);
	usleep(5000);
	assert_int_equal(latches(&m), 0);
	machine_destroy(&m);
	close(other);
}

/* Guest code: take whatever comes, finish it, go on; stop after @count interrupts. */
static void emit_handler(struct machine *m, unsigned count)
{
	emit(m, A64_MRS(1, 3, 0, 12, 12, 0)); /* IAR1 */
	emit(m, A64_MSR(1, 3, 0, 12, 12, 1)); /* EOIR1 */
	emit(m, A64_SUBS_IMM(1, 1, 1023));
	emit(m, A64_CBZ(1, -12));
	emit(m, A64_ADD_IMM(20, 20, 1));
	emit(m, A64_SUBS_IMM(2, 20, count));
	emit(m, A64_CBNZ(2, -24));
	emit_psci(m, PSCI_SYSTEM_OFF);
}

static void enable_gic(struct machine *m)
{
	gic_set(m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0, 2);	    /* CTLR */
	gic_set(m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x104, 1u << 3); /* ISENABLER */
	emit_mov(m, 3, 0xf8);
	emit(m, A64_MSR(3, 3, 0, 4, 6, 0)); /* PMR */
	emit_mov(m, 3, 1);
	emit(m, A64_MSR(3, 3, 0, 12, 12, 7)); /* IGRPEN1 */
	emit_mov(m, 20, 0);
}

static void *running(void *opaque)
{
	run_to_off(opaque, 0);
	return NULL;
}

/* The line stays up until the guest is done; then whoever resamples is told and may raise it. */
static void irqfd_resamples(void **state)
{
	int e = new_event(), r = new_event(), r2 = new_event(), e2 = new_event();
	struct pollfd p = {.fd = r, .events = POLLIN};
	struct machine m;
	pthread_t t;

	machine_create(&m, 1, true);
	make_level(&m);
	assert_int_equal(irqfd(&m, e, 3, RESAMPLE, r), 0);
	assert_int_equal(irqfd(&m, e2, 3, RESAMPLE, r2), 0);
	signal_event(e);
	assert_true(becomes(&m, lines, 1u << 3));
	enable_gic(&m);
	emit_handler(&m, 2);
	assert_int_equal(pthread_create(&t, NULL, running, &m), 0);
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(counter(r), 1);
	signal_event(e); /* the device still wants attention */
	pthread_join(t, NULL);
	assert_int_equal(x_get(&m, 0, 20), 2);
	assert_int_equal(counter(r), 1);
	assert_int_equal(counter(r2), 2); /* all of the interrupt's are told */
	assert_int_equal(lines(&m), 0);

	/* The last one takes its line with it. */
	signal_event(e);
	assert_true(becomes(&m, lines, 1u << 3));
	assert_int_equal(irqfd(&m, e, 3, OFF, 0), 0);
	assert_int_equal(lines(&m), 1u << 3);
	assert_int_equal(irqfd(&m, e2, 3, OFF, 0), 0);
	assert_int_equal(lines(&m), 0);
	machine_destroy(&m);
	close(e);
	close(e2);
	close(r);
	close(r2);
}

/* ---- KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI ---- */

/* struct kvm_irq_routing with room for some entries. */
struct routing {
	struct {
		uint32_t nr, flags;
	} head;
	struct kvm_irq_routing_entry e[4];
};

static int route(struct machine *m, struct routing *r, uint32_t nr)
{
	r->head.nr = nr;
	return kvm_ptr(m->vm, KVM_SET_GSI_ROUTING, r);
}

static void routing_errors(void **state)
{
	struct routing r = {.head.nr = 0};
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(kvm(m.vm, KVM_SET_GSI_ROUTING, 8), -EFAULT);
	assert_int_equal(route(&m, &r, 4097), -EINVAL);
	r.head.flags = 1;
	assert_int_equal(route(&m, &r, 0), -EINVAL);
	r.head.flags = 0;
	assert_int_equal(route(&m, &r, 0), 0);
	assert_int_equal(route(&m, &r, 1), -EINVAL); /* type 0 */
	r.e[0] = (struct kvm_irq_routing_entry){.gsi = 4095, .type = KVM_IRQ_ROUTING_IRQCHIP};
	assert_int_equal(route(&m, &r, 1), 0);
	r.e[0].gsi = 4096;
	assert_int_equal(route(&m, &r, 1), -EINVAL);
	r.e[0].gsi = 1;
	r.e[0].flags = 1;
	assert_int_equal(route(&m, &r, 1), -EINVAL);
	r.e[0].type = KVM_IRQ_ROUTING_MSI;
	assert_int_equal(route(&m, &r, 1), 0);
	r.e[0].flags = 2;
	assert_int_equal(route(&m, &r, 1), -EINVAL);
	r.e[0] = (struct kvm_irq_routing_entry){.gsi = 1, .type = KVM_IRQ_ROUTING_IRQCHIP};
	r.e[0].u.irqchip.pin = 987;
	assert_int_equal(route(&m, &r, 1), 0);
	r.e[0].u.irqchip.pin = 988;
	assert_int_equal(route(&m, &r, 1), -EINVAL);
	r.e[0].u.irqchip.pin = 0;
	r.e[0].u.irqchip.irqchip = 1;
	assert_int_equal(route(&m, &r, 1), -EINVAL);
	r.e[0].u.irqchip.irqchip = 0;
	r.e[1] = r.e[0];
	assert_int_equal(route(&m, &r, 2), -EINVAL); /* twice the same number */
	r.e[1].gsi = 2;
	assert_int_equal(route(&m, &r, 2), 0); /* twice the same input is fine */
	machine_destroy(&m);
}

/* Numbers mean what the table says at the moment of the write. */
static void routing_routes(void **state)
{
	struct routing r = {.head.nr = 0};
	int e = new_event();
	struct machine m;

	machine_create(&m, 1, true);
	assert_int_equal(irqfd(&m, e, 100, 0, 0), 0);
	r.e[0] = (struct kvm_irq_routing_entry){.gsi = 100, .type = KVM_IRQ_ROUTING_IRQCHIP};
	r.e[0].u.irqchip.pin = 7;
	assert_int_equal(route(&m, &r, 1), 0);
	signal_event(e);
	assert_true(becomes(&m, latches, 1u << 7));
	/* An input that this GIC has not, a message, no entry: nothing happens. */
	gic_set(&m, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x204, 0);
	r.e[0].u.irqchip.pin = 900;
	assert_int_equal(route(&m, &r, 1), 0);
	signal_event(e);
	usleep(5000);
	r.e[0].type = KVM_IRQ_ROUTING_MSI;
	assert_int_equal(route(&m, &r, 1), 0);
	signal_event(e);
	usleep(5000);
	assert_int_equal(route(&m, &r, 0), 0);
	signal_event(e);
	usleep(5000);
	assert_int_equal(counter(e), 0);
	assert_int_equal(latches(&m), 0);
	machine_destroy(&m);
	close(e);
}

static void messages_need_an_its(void **state)
{
	struct kvm_msi msi = {.address_lo = 0x08090040};
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(kvm_ptr(m.vm, KVM_SIGNAL_MSI, &msi), -EINVAL);
	machine_destroy(&m);
	machine_create(&m, 1, true);
	assert_int_equal(kvm(m.vm, KVM_SIGNAL_MSI, 8), -EFAULT);
	assert_int_equal(kvm_ptr(m.vm, KVM_SIGNAL_MSI, &msi), -ENODEV);
	msi.flags = KVM_MSI_VALID_DEVID;
	assert_int_equal(kvm_ptr(m.vm, KVM_SIGNAL_MSI, &msi), -ENODEV);
	msi.flags = 2;
	assert_int_equal(kvm_ptr(m.vm, KVM_SIGNAL_MSI, &msi), -EINVAL);
	machine_destroy(&m);
}

/* ---- Coalesced MMIO ---- */

static int zone(struct machine *m, unsigned long request, uint64_t addr, uint32_t size,
		uint32_t pio)
{
	struct kvm_coalesced_mmio_zone z = {.addr = addr, .size = size, .pio = pio};

	return kvm_ptr(m->vm, request, &z);
}

static struct kvm_coalesced_mmio_ring *ring_of(struct machine *m, unsigned n)
{
	int page = kvm(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

	return (void *)((uint8_t *)m->run[n] + (long)page * sysconf(_SC_PAGESIZE));
}

static void coalesced_collects(void **state)
{
	struct kvm_coalesced_mmio_ring *ring;
	struct machine m;

	machine_create(&m, 2, false);
	assert_int_equal(zone(&m, KVM_REGISTER_COALESCED_MMIO, DEVICE, 16, 2), -EINVAL);
	assert_int_equal(zone(&m, KVM_UNREGISTER_COALESCED_MMIO, DEVICE, 16, 2), -EINVAL);
	assert_int_equal(kvm(m.vm, KVM_REGISTER_COALESCED_MMIO, 8), -EFAULT);
	assert_int_equal(zone(&m, KVM_REGISTER_COALESCED_MMIO, DEVICE, 12, 0), 0);
	assert_int_equal(zone(&m, KVM_REGISTER_COALESCED_MMIO, DEVICE + 16, 16, 1), 0);
	emit_mov(&m, 0, DEVICE);
	emit_mov(&m, 5, 0x1122334455667788);
	emit(&m, A64_STR_X(5, 0));
	emit(&m, A64_ADD_IMM(0, 0, 8));
	emit(&m, A64_STRH(5, 0));
	emit(&m, A64_STR_X(5, 0)); /* exit: leaves the zone */
	emit(&m, A64_LDR_W(7, 0)); /* exit: a load */
	emit(&m, A64_ADD_IMM(0, 0, 8));
	emit(&m, A64_STR_W(7, 0)); /* exit: ports only */
	emit_psci(&m, PSCI_SYSTEM_OFF);

	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(m.run[0]->mmio.phys_addr, DEVICE + 8);
	assert_int_equal(m.run[0]->mmio.len, 8);
	ring = ring_of(&m, 1); /* the ring is the VM's, whichever vCPU wrote */
	assert_int_equal(ring->first, 0);
	assert_int_equal(ring->last, 2);
	assert_int_equal(ring->coalesced_mmio[0].phys_addr, DEVICE);
	assert_int_equal(ring->coalesced_mmio[0].len, 8);
	assert_int_equal(ring->coalesced_mmio[0].pio, 0);
	assert_memory_equal(ring->coalesced_mmio[0].data, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	assert_int_equal(ring->coalesced_mmio[1].phys_addr, DEVICE + 8);
	assert_int_equal(ring->coalesced_mmio[1].len, 2);
	assert_memory_equal(ring->coalesced_mmio[1].data, "\x88\x77", 2);
	assert_int_equal(run(&m, 0), 0);
	assert_false(m.run[0]->mmio.is_write);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(m.run[0]->mmio.phys_addr, DEVICE + 16);
	run_to_off(&m, 0);
	assert_int_equal(ring->last, 2);
	machine_destroy(&m);
}

/* A full ring makes exits; so does one whose words are nonsense; so does a zone that is gone. */
static void coalesced_fills(void **state)
{
	uint32_t max = (uint32_t)((size_t)sysconf(_SC_PAGESIZE) - 8) / 24;
	struct kvm_coalesced_mmio_ring *ring;
	struct machine m;

	machine_create(&m, 1, false);
	assert_int_equal(zone(&m, KVM_REGISTER_COALESCED_MMIO, DEVICE, 4, 0), 0);
	ring = ring_of(&m, 0);
	emit_mov(&m, 0, DEVICE);
	emit(&m, A64_STR_W(0, 0));
	emit(&m, A64_ADD_IMM(2, 2, 1));
	emit(&m, A64_B(-8));
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(x_get(&m, 0, 2), max - 1);
	assert_int_equal(ring->last, max - 1);
	ring->first = 5;
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(ring->last, 4);
	assert_int_equal(x_get(&m, 0, 2), max - 1 + 1 + 5); /* the exit's own store, and five */
	ring->last = max;
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(x_get(&m, 0, 2), max + 6);
	ring->last = UINT32_MAX;
	assert_int_equal(run(&m, 0), 0);
	ring->last = ring->first = 0;
	assert_int_equal(zone(&m, KVM_UNREGISTER_COALESCED_MMIO, DEVICE, 8, 0), 0); /* larger */
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(ring->last, max - 1);
	ring->first = max - 1;
	assert_int_equal(zone(&m, KVM_UNREGISTER_COALESCED_MMIO, DEVICE, 2, 0), 0);
	assert_int_equal(run(&m, 0), 0);
	assert_int_equal(ring->last, max - 1);
	machine_destroy(&m);
}

static void coalesced_zones_end(void **state)
{
	struct machine m;
	unsigned n = 0;

	machine_create(&m, 1, false);
	while (!zone(&m, KVM_REGISTER_COALESCED_MMIO, DEVICE + n * 8, 8, 0) && n < 5000)
		n++;
	assert_int_equal(n, 1000);
	assert_int_equal(zone(&m, KVM_REGISTER_COALESCED_MMIO, DEVICE, 8, 0), -ENOSPC);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ioeventfd_errors),	    cmocka_unit_test(ioeventfd_matches),
	    cmocka_unit_test(ioeventfd_lives),	    cmocka_unit_test(irqfd_errors),
	    cmocka_unit_test(irqfd_raises),	    cmocka_unit_test(irqfd_deassigned),
	    cmocka_unit_test(irqfd_closed),	    cmocka_unit_test(irqfd_number_again),
	    cmocka_unit_test(irqfd_elsewhere),	    cmocka_unit_test(irqfd_resamples),
	    cmocka_unit_test(routing_errors),	    cmocka_unit_test(routing_routes),
	    cmocka_unit_test(messages_need_an_its), cmocka_unit_test(coalesced_collects),
	    cmocka_unit_test(coalesced_fills),	    cmocka_unit_test(coalesced_zones_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
