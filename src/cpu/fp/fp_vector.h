/* SPDX-License-Identifier: MIT */
/*
 * The fast path of fp_host.h for a whole 128-bit vector: what holds for each lane's result there
 * holds here if it does for all. Vectors are those of the compiler; x86-64 and arm64 have them.
 */
#ifndef AM_CPU_FP_FP_VECTOR_H
#define AM_CPU_FP_FP_VECTOR_H

#include "cpu/cpu.h"
#include "cpu/fp/fp.h"

typedef float fp32_vec __attribute__((vector_size(16)));
typedef double fp64_vec __attribute__((vector_size(16)));
typedef int32_t fp32_mask __attribute__((vector_size(16)));
typedef int64_t fp64_mask __attribute__((vector_size(16)));

/* As fp_host_ok(), and no lane can need flushing. */
static inline bool fp_vector_ok(const struct cpu *c)
{
	return fp_host_ok(c->fpcr, c->fpsr) && !(c->fpcr & FP_CR_FZ);
}

#define FP_VECTOR_HELPERS(n)                                               \
	static inline fp##n##_vec fp##n##_load(const union cpu_vreg *v)    \
	{                                                                  \
		fp##n##_vec r;                                             \
                                                                           \
		memcpy(&r, v, sizeof(r));                                  \
		return r;                                                  \
	}                                                                  \
	static inline void fp##n##_store(union cpu_vreg *v, fp##n##_vec r) \
	{                                                                  \
		memcpy(v, &r, sizeof(r));                                  \
	}

FP_VECTOR_HELPERS(32)
FP_VECTOR_HELPERS(64)

static inline fp32_vec fp32_splat(uint32_t a)
{
	float f = fp32_host(a);

	return (fp32_vec){f, f, f, f};
}

static inline fp64_vec fp64_splat(uint64_t a)
{
	double f = fp64_host(a);

	return (fp64_vec){f, f};
}

/* fp<n>_is_safe() of all lanes, or with @zero_ok zero. */
static inline bool fp32_all_safe(fp32_vec r, bool zero_ok)
{
	const uint32_t one = 1u << 23;
	uint32_t bits __attribute__((vector_size(16)));
	fp32_mask ok;
	fp64_mask all;

	memcpy(&bits, &r, sizeof(bits));
	ok = (fp32_mask)((bits + one) & INT32_MAX) > (int32_t)(2 * one);
	if (zero_ok)
		ok |= (fp32_mask)(bits & INT32_MAX) == 0;
	memcpy(&all, &ok, sizeof(all));
	return (all[0] & all[1]) == -1;
}

/* Comparison of 64-bit integers is not in SSE2. */
static inline bool fp64_all_safe(fp64_vec r, bool zero_ok)
{
	uint64_t lo = fp64_raw(r[0]), hi = fp64_raw(r[1]);

	if (zero_ok)
		return (fp64_is_safe(lo) || fp64_is_zero(lo)) &&
		       (fp64_is_safe(hi) || fp64_is_zero(hi));
	return fp64_is_safe(lo) && fp64_is_safe(hi);
}

/* Only with fp_host_has_fma(). */
static inline fp32_vec fp32_vec_fma(fp32_vec addend, fp32_vec a, fp32_vec b)
{
#if defined(__x86_64__)
	__asm__("vfmadd231ps %2, %1, %0" : "+x"(addend) : "x"(a), "x"(b));
#elif defined(__aarch64__)
	__asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(addend) : "w"(a), "w"(b));
#endif
	return addend;
}

static inline fp64_vec fp64_vec_fma(fp64_vec addend, fp64_vec a, fp64_vec b)
{
#if defined(__x86_64__)
	__asm__("vfmadd231pd %2, %1, %0" : "+x"(addend) : "x"(a), "x"(b));
#elif defined(__aarch64__)
	__asm__("fmla %0.2d, %1.2d, %2.2d" : "+w"(addend) : "w"(a), "w"(b));
#endif
	return addend;
}

#endif
