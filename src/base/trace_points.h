/* SPDX-License-Identifier: MIT */
/*
 * Every trace point of the project, one line each: name, then a printf format. The first word of
 * the name is the folder. No include guard: it is read several times with POINT() defined
 * differently (trace.h, trace.c).
 */
/* clang-format off */
POINT(cpu_exception,   "vcpu %u pc 0x%llx to EL%u vector 0x%llx esr 0x%llx far 0x%llx")
POINT(cpu_eret,        "vcpu %u pc 0x%llx to 0x%llx pstate 0x%llx")
POINT(cpu_tlbi,        "vcpu %u op 0x%x arg 0x%llx")
POINT(cpu_code_flush,  "vcpu %u pages %u")
POINT(cpu_undefined,   "vcpu %u pc 0x%llx insn 0x%08x")
POINT(cpu_sysreg,      "vcpu %u pc 0x%llx unknown system register %s insn 0x%08x")
/* clang-format on */
