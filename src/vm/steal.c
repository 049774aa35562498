/* SPDX-License-Identifier: MIT */
/*
 * Stolen time (DEN0057): how long the vCPU's thread was ready to run while the host ran something
 * else. The kernel counts that per thread; the vCPU adds what is new to the guest's structure
 * whenever it enters the guest, and now and then while it executes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/access.h"
#include "vm/vm.h"

/* Guests look at it in their own tick. */
#define STEAL_PERIOD_NS 4000000

/* struct pvclock_vcpu_stolen_time: revision and attributes are zero. */
enum { OFFSET_STOLEN = 8, STRUCTURE_SIZE = 64, STRUCTURE_ALIGN = 64 };

/* The calling thread's time on a run queue, in ns; false: this kernel does not say. */
static bool run_delay(uint64_t *ns)
{
	char text[64], *end;
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = 0;
	/* Time on the CPU, time on a run queue, number of turns. */
	end = strchr(text, ' ');
	if (!end)
		return false;
	*ns = strtoull(end, NULL, 10);
	return true;
}

bool vm_steal_supported(void)
{
	uint64_t ns;

	return run_delay(&ns);
}

int vcpu_set_steal(struct vcpu *v, uint64_t ipa)
{
	uint32_t flags;

	if (ipa % STRUCTURE_ALIGN)
		return -EINVAL;
	if (v->steal.ipa != FW_NO_ADDRESS)
		return -EEXIST;
	if (ipa >> v->vm->ipa_bits || !mem_slot_flags(v->vm->mem, ipa, &flags) ||
	    (flags & MEM_READONLY))
		return -EINVAL;
	v->steal.ipa = ipa;
	return 0;
}

uint64_t vm_steal_address(void *vcpu)
{
	struct vcpu *v = vcpu;

	return v->steal.ipa;
}

void vm_steal_begin(void *vcpu)
{
	struct vcpu *v = vcpu;

	v->steal.begin = true;
	v->steal.next = 0;
	/* Before the guest's next instruction. */
	cpu_kick(v->cpu);
}

/* The guest's structure, if there is memory where user space said. */
static uint8_t *structure(struct vcpu *v)
{
	struct mem_page page;

	if (mem_page(v->vm->mem, v->steal.ipa & ~UINT64_C(0xfff), true, &v->view, &page) ||
	    !page.writable)
		return NULL;
	return page.host + (v->steal.ipa & 0xfff);
}

void vcpu_steal_update(struct vcpu *v, uint64_t now)
{
	uint64_t delay;
	uint8_t *p;

	v->steal.next = now + STEAL_PERIOD_NS;
	if (!run_delay(&delay))
		return;
	p = structure(v);
	if (!p)
		return;
	if (v->steal.begin) {
		v->steal.begin = false;
		for (unsigned at = 0; at < STRUCTURE_SIZE; at += 8)
			guest_st64(p + at, 0);
		v->steal.seen = delay;
		return;
	}
	/* A thread that ran the vCPU for the first time may have waited less than the last one. */
	if (delay > v->steal.seen)
		guest_st64(p + OFFSET_STOLEN,
			   guest_ld64(p + OFFSET_STOLEN) + (delay - v->steal.seen));
	v->steal.seen = delay;
}
