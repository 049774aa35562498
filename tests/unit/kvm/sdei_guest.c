/* SPDX-License-Identifier: MIT */
#include "sdei_guest.h"

uint64_t *sdei_at(struct machine *m, uint64_t ipa)
{
	return (uint64_t *)(void *)(m->ram + (ipa - RAM));
}

void machine_create_sdei(struct machine *m, unsigned nr, bool gic)
{
	machine_create(m, nr, gic);
	reg_set(m, 0, AM_SDEI_REG(AM_SDEI_GATE), 1);
}

/* ---- Guest code ---- */

void emit_call(struct machine *m, uint32_t function, uint64_t a, uint64_t b, uint64_t c)
{
	emit_mov(m, 1, a);
	emit_mov(m, 2, b);
	emit_mov(m, 3, c);
	emit_mov(m, 4, 0);
	emit_mov(m, 5, 0);
	emit_mov(m, 0, function);
	emit(m, A64_HVC);
}

void emit_set_up(struct machine *m, uint32_t event, bool unmask)
{
	code_at(m, RAM);
	emit_call(m, REGISTER, event, HANDLER, 0x1234);
	emit(m, A64_MOV(20, 0));
	emit_call(m, ENABLE, event, 0, 0);
	emit(m, A64_MOV(21, 0));
	if (unmask) {
		emit_call(m, PE_UNMASK, 0, 0, 0);
		emit(m, A64_MOV(22, 0));
	}
	emit(m, A64_B(MAIN - here(m)));
}

void emit_log(struct machine *m)
{
	code_at(m, HANDLER);
	emit_mov(m, 4, LOG);
	emit(m, A64_STP_X(0, 1, 4));
	emit(m, A64_ADD_IMM(4, 4, 16));
	emit(m, A64_STP_X(2, 3, 4));
	emit(m, A64_ADD_IMM(4, 4, 16));
	emit(m, MRS(5, DAIF));
	emit(m, MRS(6, SP_SEL));
	emit(m, A64_STP_X(5, 6, 4));
	emit(m, A64_ADD_IMM(4, 4, 16));
	emit(m, MRS(5, EL));
	emit(m, A64_STP_X(5, 17, 4));
	emit(m, A64_ADD_IMM(4, 4, 16));
	emit(m, A64_LDR_X(5, 4));
	emit(m, A64_ADD_IMM(5, 5, 1));
	emit(m, A64_STR_X(5, 4));
}

void emit_handler(struct machine *m)
{
	emit_log(m);
	emit_call(m, COMPLETE, 0, 0, 0);
	emit(m, A64_B_SELF);
}

void emit_main(struct machine *m)
{
	code_at(m, MAIN);
	emit_mov(m, 10, PASSED);
	emit_mark(m);
	emit(m, A64_LDR_X(11, 10));
	emit(m, A64_CBZ(11, -4));
	emit_psci(m, PSCI_SYSTEM_OFF);
}

/* ---- A vCPU on a thread of its own ---- */

static void *run_thread(void *opaque)
{
	struct runner *r = opaque;

	return (void *)(intptr_t)run(r->m, r->n);
}

void start(struct runner *r, struct machine *m, unsigned n)
{
	*r = (struct runner){.m = m, .n = n};
	assert_int_equal(pthread_create(&r->thread, NULL, run_thread, r), 0);
}

void expect_off(struct runner *r)
{
	void *result;

	pthread_join(r->thread, &result);
	assert_int_equal((intptr_t)result, 0);
	assert_int_equal(r->m->run[r->n]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(r->m->run[r->n]->system_event.type, KVM_SYSTEM_EVENT_SHUTDOWN);
}
