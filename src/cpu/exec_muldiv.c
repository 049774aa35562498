/* SPDX-License-Identifier: MIT */
/* Multiplication, division and variable shifts. Nothing a guest divides or shifts by traps. */
#include "a64_rows.h"
#include "cpu/cpu.h"

#define RN c->r[i->rn]
#define RM c->r[i->rm]
#define RA c->r[i->ra]

#define OP(name, expr)              \
	CPU_OP(op_##name)           \
	{                           \
		c->r[i->rd] = expr; \
		CPU_NEXT();         \
	}

/* ---- Division: by zero gives 0; the one overflow, MIN / -1, gives MIN (C3.4.8) ---- */

static inline uint64_t sdiv64(int64_t a, int64_t b)
{
	if (b == 0)
		return 0;
	return b == -1 ? -(uint64_t)a : (uint64_t)(a / b);
}

static inline uint32_t sdiv32(int32_t a, int32_t b)
{
	if (b == 0)
		return 0;
	return b == -1 ? -(uint32_t)a : (uint32_t)(a / b);
}

OP(UDIV_64, RM ? RN / RM : 0)
OP(UDIV_32, (uint32_t)RM ? (uint32_t)RN / (uint32_t)RM : 0)
OP(SDIV_64, sdiv64(RN, RM))
OP(SDIV_32, sdiv32(RN, RM))

/* ---- Shifts by a register, modulo the width ---- */

OP(LSLV_64, RN << (RM & 63))
OP(LSLV_32, (uint32_t)RN << (RM & 31))
OP(LSRV_64, RN >> (RM & 63))
OP(LSRV_32, (uint32_t)RN >> (RM & 31))
OP(ASRV_64, (int64_t)RN >> (RM & 63))
OP(ASRV_32, (uint32_t)((int32_t)RN >> (RM & 31)))
OP(RORV_64, RN >> (RM & 63) | RN << (-RM & 63))
OP(RORV_32, (uint32_t)((uint32_t)RN >> (RM & 31) | (uint32_t)RN << (-RM & 31)))

#define EMIT_TWO(NAME)                                              \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)   \
	{                                                           \
		*o = (struct cpu_insn){                             \
		    .exec = f.sf ? op_##NAME##_64 : op_##NAME##_32, \
		    .rd = reg_dst(f.rd),                            \
		    .rn = reg_src(f.rn),                            \
		    .rm = reg_src(f.rm),                            \
		};                                                  \
		return true;                                        \
	}

EMIT_TWO(UDIV)
EMIT_TWO(SDIV)
EMIT_TWO(LSLV)
EMIT_TWO(LSRV)
EMIT_TWO(ASRV)
EMIT_TWO(RORV)

/* ---- Multiplication ---- */

static inline uint64_t umulh(uint64_t a, uint64_t b)
{
	return (unsigned __int128)a * b >> 64;
}

static inline uint64_t smulh(int64_t a, int64_t b)
{
	return (uint64_t)((__int128)a * b >> 64);
}

#define SPROD ((uint64_t)((int64_t)(int32_t)RN * (int32_t)RM))
#define UPROD ((uint64_t)(uint32_t)RN * (uint32_t)RM)

OP(mul64, RN *RM)
OP(mul32, (uint32_t)((uint32_t)RN *(uint32_t)RM))
OP(MADD_64, RA + RN * RM)
OP(MADD_32, (uint32_t)(RA + RN * RM))
OP(MSUB_64, RA - RN * RM)
OP(MSUB_32, (uint32_t)(RA - RN * RM))
OP(SMADDL, RA + SPROD)
OP(SMSUBL, RA - SPROD)
OP(UMADDL, RA + UPROD)
OP(UMSUBL, RA - UPROD)
OP(SMULH, smulh(RN, RM))
OP(UMULH, umulh(RN, RM))

static bool emit_three(struct cpu_insn *o, cpu_exec_fn *exec, unsigned rd, unsigned rn, unsigned rm,
		       unsigned ra)
{
	*o = (struct cpu_insn){
	    .exec = exec,
	    .rd = reg_dst(rd),
	    .rn = reg_src(rn),
	    .rm = reg_src(rm),
	    .ra = reg_src(ra),
	};
	return true;
}

bool emit_MADD(struct cpu_insn *o, struct a64_MADD f)
{
	cpu_exec_fn *exec = f.sf ? op_MADD_64 : op_MADD_32;

	if (f.ra == 31)
		exec = f.sf ? op_mul64 : op_mul32;
	return emit_three(o, exec, f.rd, f.rn, f.rm, f.ra);
}

bool emit_MSUB(struct cpu_insn *o, struct a64_MSUB f)
{
	return emit_three(o, f.sf ? op_MSUB_64 : op_MSUB_32, f.rd, f.rn, f.rm, f.ra);
}

#define EMIT_LONG(NAME)                                                  \
	bool emit_##NAME(struct cpu_insn *o, struct a64_##NAME f)        \
	{                                                                \
		return emit_three(o, op_##NAME, f.rd, f.rn, f.rm, f.ra); \
	}

EMIT_LONG(SMADDL)
EMIT_LONG(SMSUBL)
EMIT_LONG(UMADDL)
EMIT_LONG(UMSUBL)

bool emit_SMULH(struct cpu_insn *o, struct a64_SMULH f)
{
	return emit_three(o, op_SMULH, f.rd, f.rn, f.rm, 31);
}

bool emit_UMULH(struct cpu_insn *o, struct a64_UMULH f)
{
	return emit_three(o, op_UMULH, f.rd, f.rn, f.rm, 31);
}
