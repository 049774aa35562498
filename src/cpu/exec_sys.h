/* SPDX-License-Identifier: MIT */
/* Shared by the operations of the system group. */
#ifndef AM_CPU_EXEC_SYS_H
#define AM_CPU_EXEC_SYS_H

#include "cpu/cpu.h"

/* An access of EL0 that a control register traps: EC 0x18. @reg is a register index or >= 31. */
const struct cpu_insn *cpu_sysreg_trap(struct cpu *c, const struct cpu_insn *i, uint32_t id,
				       unsigned reg, bool read);

#endif
