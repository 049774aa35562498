/* SPDX-License-Identifier: MIT */
/* Saving and restoring a virtual machine: what is done in which order (state.h). */
#include "vmm/state.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/machine.h"
#include "vmm/report.h"

void state_destroy(struct state *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->nr_vcpus; i++)
		state_vcpu_finish(&s->vcpus[i]);
	free(s->vcpus);
	state_gic_finish(&s->gic);
	free(s);
}

/*
 * The first vCPU's registers come first: the counters in them are the time at which the guest stops
 * to see time pass.
 */
static int save_parts(struct machine *m, struct state *s)
{
	int status = 0;

	memcpy(s->lines, m->lines.told, sizeof(s->lines));
	for (unsigned i = 0; i < s->nr_vcpus && !status; i++)
		status = state_vcpu_save(&m->vcpus[i], &s->vcpus[i]);
	if (!status)
		status = state_its_save(m, &s->its);
	return status ? status : state_gic_save(m, &s->gic, s->lines);
}

int state_save(struct machine *m, struct state **out)
{
	struct state *s = calloc(1, sizeof(*s));
	int status;

	*out = NULL;
	if (s) {
		s->vcpus = calloc(m->nr_vcpus, sizeof(*s->vcpus));
		s->nr_vcpus = s->vcpus ? m->nr_vcpus : 0;
	}
	if (!s || !s->vcpus) {
		state_destroy(s);
		return vmm_fail(VMM_HOST, "not enough memory to save the machine");
	}
	status = save_parts(m, s);
	if (status) {
		state_destroy(s);
		return status;
	}
	*out = s;
	return 0;
}

int state_restore(struct machine *m, const struct state *s)
{
	int status = 0;

	if (s->nr_vcpus != m->nr_vcpus)
		return vmm_fail(VMM_HOST, "a state of %u CPUs is not one of %u", s->nr_vcpus,
				m->nr_vcpus);
	for (unsigned i = 0; i < s->nr_vcpus && !status; i++)
		status = state_vcpu_restore(&m->vcpus[i], &s->vcpus[i]);
	if (!status)
		status = state_gic_restore(m, &s->gic, s->lines);
	if (!status)
		status = state_its_restore(m, &s->its);
	return status ? status : state_counters_restore(&m->vcpus[0], &s->vcpus[0]);
}
