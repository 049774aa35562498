/* SPDX-License-Identifier: MIT */
/* Guests that handle software delegated exceptions, on the machine of machine.h. */
#ifndef UNIT_KVM_SDEI_GUEST_H
#define UNIT_KVM_SDEI_GUEST_H

#include "machine.h"

#include <armature/sdei.h>

#define FN(n)	  (0xc4000020u + (n))
#define REGISTER  FN(1)
#define ENABLE	  FN(2)
#define CONTEXT	  FN(4)
#define COMPLETE  FN(5)
#define RESUME	  FN(6)
#define PE_MASK	  FN(0xb)
#define PE_UNMASK FN(0xc)
#define BIND	  FN(0xd)
#define SIGNAL	  FN(0xf)

#define HANDLER (RAM + 0x2000)
#define MAIN	(RAM + 0x3000)
#define LOG	(RAM + 0x5000)
#define PASSED	(LOG + 0x40) /* how often the handler ran */

#define NZCV 0xf0000000u
#define PAN  (1u << 22)
#define EL1H 0x3c5u

#define ELR_EL1	 3, 0, 4, 0, 1
#define SPSR_EL1 3, 0, 4, 0, 0
#define DAIF	 3, 3, 4, 2, 1
#define SP_SEL	 3, 0, 4, 2, 0
#define EL	 3, 0, 4, 2, 2
#define MRS(...) A64_MRS(__VA_ARGS__)
#define MSR(...) A64_MSR(__VA_ARGS__)
#define SYS(...) ARM64_SYS_REG(__VA_ARGS__)

/* Where guest memory is in ours. */
uint64_t *sdei_at(struct machine *m, uint64_t ipa);

/* A machine whose gate is open. */
void machine_create_sdei(struct machine *m, unsigned nr, bool gic);

/* A call with three arguments; x4 and x5 are zero. */
void emit_call(struct machine *m, uint32_t function, uint64_t a, uint64_t b, uint64_t c);
/* At RAM: registers @event with HANDLER and argument 0x1234 and unmasks, if it shall; goes to MAIN.
 */
void emit_set_up(struct machine *m, uint32_t event, bool unmask);
/*
 * At HANDLER: x0-x3, DAIF, SPSel, CurrentEL, x17 go to LOG, and one more has PASSED. x4-x6 are
 * used. With emit_handler() EVENT_COMPLETE follows.
 */
void emit_log(struct machine *m);
void emit_handler(struct machine *m);
/* At MAIN: marks, spins until the handler has run, SYSTEM_OFF. x10, x11, x16 and x17 are used. */
void emit_main(struct machine *m);

/* A vCPU on a thread of its own. */
struct runner {
	struct machine *m;
	unsigned n;
	pthread_t thread;
};

void start(struct runner *r, struct machine *m, unsigned n);
/* It ends by SYSTEM_OFF. */
void expect_off(struct runner *r);

#endif
