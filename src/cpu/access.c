/* SPDX-License-Identifier: MIT */
/*
 * Guest memory accesses that miss the fast path of access.h: TLB misses, page crossings,
 * alignment checks, devices, faults.
 */
#include "cpu/access.h"

#include <string.h>

#include "cpu/debug.h"
#include "cpu/run.h"
#include "cpu/sysreg.h"
#include "cpu/tlb.h"

#define FSC_ALIGNMENT 0x21
#define FSC_EXTERNAL  0x10

#define ISS_CM (1u << 8)

/* The run ends; the instruction has not been executed. */
static bool stop(struct cpu *c, const struct cpu_insn *i, enum cpu_exit exit)
{
	c->pc = cpu_pc(c, i);
	c->step_ran = false;
	c->exit = exit;
	c->next = NULL;
	return false;
}

static bool data_abort(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t iss)
{
	c->sr[SR_FAR_EL1] = va;
	cpu_raise(c, i, ESR(c->el ? EC_DABT_SAME : EC_DABT_LOW, iss));
	return false;
}

bool cpu_xlat_fault(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t iss,
		    const struct cpu_xlat *x)
{
	if (x->err) {
		c->exit_errno = -x->err;
		return stop(c, i, CPU_EXIT_ERROR);
	}
	if (x->stage2)
		iss = 0;
	return data_abort(c, i, cpu_fault_address(x, va), x->fsc | iss);
}

static uint32_t wnr(bool write)
{
	return write ? ISS_WNR : 0;
}

static unsigned acc_bytes(uint32_t acc)
{
	return 1u << (acc & ACC_SIZE);
}

/* Translate, and check what the memory type and SCTLR_EL1.A say about alignment. */
static bool resolve(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc, bool write,
		    struct cpu_xlat *x)
{
	bool unaligned = va & ((acc_bytes(acc) >> !!(acc & ACC_PAIR)) - 1);

	if (unaligned && ((acc & ACC_ALIGNED) || (c->sr[SR_SCTLR_EL1] & SCTLR_A)))
		return data_abort(c, i, va, FSC_ALIGNMENT | wnr(write));
	bool fine = cpu_translate(c, va, write ? CPU_WRITE : CPU_READ, acc & ACC_UNPRIV, x);

	/* The memory type is known if stage 1 was fine, and alignment comes before stage 2. */
	if (x->device && (unaligned || (acc & ACC_ZVA)))
		return data_abort(c, i, va, FSC_ALIGNMENT | wnr(write));
	if (!fine)
		return cpu_xlat_fault(c, i, va, wnr(write), x);
	return am_likely(!c->debug) ||
	       !cpu_debug_watch(c, i, va, acc_bytes(acc), write, acc & ACC_UNPRIV);
}

/* The syndrome that ESR_EL2 would hold for a device access (DDI 0487 D17.2.37, data abort). */
static uint64_t device_syndrome(uint32_t acc, bool write)
{
	uint64_t esr = ESR(EC_DABT_LOW, 0x07 | wnr(write)); /* translation, level 3 */

	if (!(acc & ACC_ISV))
		return esr;
	esr |= 1u << 24 | (uint64_t)(acc & ACC_SIZE) << 22;
	esr |= acc & ACC_SEXT ? 1u << 21 : 0;
	esr |= (uint64_t)(acc >> ACC_RT_SHIFT & 31) << 16;
	esr |= acc & ACC_SF ? 1u << 15 : 0;
	esr |= acc & ACC_ORDERED ? 1u << 14 : 0;
	return esr;
}

static bool device_access(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint64_t ipa,
			  uint32_t acc, bool write, uint64_t *value)
{
	if (acc & ACC_ISV) {
		switch (c->ops->mmio(c->opaque, ipa, acc_bytes(acc), write, value)) {
		case CPU_MMIO_DONE:
			return true;
		case CPU_MMIO_ABORT:
			return data_abort(c, i, va, FSC_EXTERNAL);
		case CPU_MMIO_EXIT:
			break;
		}
	}
	c->mmio = (struct cpu_mmio){
	    .ipa = ipa,
	    .va = va,
	    .value = *value,
	    .esr = device_syndrome(acc, write),
	    .size = acc_bytes(acc),
	    .write = write,
	    .isv = acc & ACC_ISV,
	};
	c->mmio_acc = acc;
	return stop(c, i, CPU_EXIT_MMIO);
}

void cpu_complete_mmio(struct cpu *c, uint64_t value)
{
	uint32_t acc = c->mmio_acc;

	if (!c->mmio.write) {
		unsigned bits = 8 * acc_bytes(acc);

		if (acc & ACC_SEXT)
			value = am_sext(value, bits);
		else if (bits < 64)
			value &= AM_BIT(bits) - 1;
		if (!(acc & ACC_SF))
			value = (uint32_t)value;
		c->r[reg_dst(acc >> ACC_RT_SHIFT & 31)] = value;
	}
	c->pc += 4;
	c->ss = false;
	c->host_pending = c->host_debug.enabled && c->host_debug.step;
}

GUEST_ACCESS void load_host(const uint8_t *p, unsigned size, uint64_t *lo, uint64_t *hi)
{
	*hi = 0;
	switch (size) {
	case 1:
		*lo = guest_ld8(p);
		break;
	case 2:
		*lo = guest_ld16(p);
		break;
	case 4:
		*lo = guest_ld32(p);
		break;
	case 16:
		*hi = guest_ld64(p + 8);
		/* fall through */
	default:
		*lo = guest_ld64(p);
	}
}

GUEST_ACCESS void store_host(uint8_t *p, unsigned size, uint64_t lo, uint64_t hi)
{
	switch (size) {
	case 1:
		guest_st8(p, lo);
		break;
	case 2:
		guest_st16(p, lo);
		break;
	case 4:
		guest_st32(p, lo);
		break;
	case 16:
		guest_st64(p + 8, hi);
		/* fall through */
	default:
		guest_st64(p, lo);
	}
}

/* An access to two pages: both must be fine before anything happens. */
static bool resolve_split(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc,
			  bool write, unsigned first, struct cpu_xlat x[2])
{
	uint64_t va2 = va + first;

	if (!resolve(c, i, va, acc, write, &x[0]))
		return false;
	if (!cpu_translate(c, va2, write ? CPU_WRITE : CPU_READ, acc & ACC_UNPRIV, &x[1]))
		return cpu_xlat_fault(c, i, va2, wnr(write), &x[1]);
	for (int n = 0; n < 2; n++) {
		if (x[n].device)
			return data_abort(c, i, va, FSC_ALIGNMENT | wnr(write));
		if (!x[n].host || (write && !x[n].host_writable)) {
			uint64_t none = 0;

			return device_access(c, i, va, x[n].ipa, acc & ~(uint32_t)ACC_ISV, write,
					     &none);
		}
	}
	return true;
}

static unsigned bytes_in_page(uint64_t va)
{
	return 4096 - (va & 4095);
}

bool cpu_ld_slow(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc)
{
	unsigned size = acc_bytes(acc);
	unsigned first = bytes_in_page(va);
	struct cpu_xlat x[2];

	if (first >= size) {
		if (!resolve(c, i, va, acc, false, &x[0]))
			return false;
		c->mem.hi = 0;
		if (!x[0].host) {
			uint64_t v = 0;

			if (!device_access(c, i, va, x[0].ipa, acc, false, &v))
				return false;
			c->mem.lo = v;
			return true;
		}
		load_host(x[0].host, size, &c->mem.lo, &c->mem.hi);
		return true;
	}
	if (!resolve_split(c, i, va, acc, false, first, x))
		return false;

	uint8_t bytes[16] = {0};

	for (unsigned n = 0; n < size; n++)
		bytes[n] = n < first ? guest_ld8(x[0].host + n) : guest_ld8(x[1].host + n - first);
	memcpy(&c->mem.lo, bytes, 8);
	memcpy(&c->mem.hi, bytes + 8, 8);
	return true;
}

bool cpu_st_slow(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc, uint64_t lo,
		 uint64_t hi)
{
	unsigned size = acc_bytes(acc);
	unsigned first = bytes_in_page(va);
	struct cpu_xlat x[2];

	if (first >= size) {
		if (!resolve(c, i, va, acc, true, &x[0]))
			return false;
		if (!x[0].host || !x[0].host_writable) {
			uint64_t v = size < 8 ? lo & (AM_BIT(8 * size) - 1) : lo;

			return device_access(c, i, va, x[0].ipa, acc, true, &v);
		}
		store_host(x[0].host, size, lo, hi);
		return true;
	}
	if (!resolve_split(c, i, va, acc, true, first, x))
		return false;

	uint8_t bytes[16];

	memcpy(bytes, &lo, 8);
	memcpy(bytes + 8, &hi, 8);
	for (unsigned n = 0; n < size; n++) {
		if (n < first)
			guest_st8(x[0].host + n, bytes[n]);
		else
			guest_st8(x[1].host + n - first, bytes[n]);
	}
	return true;
}

void *cpu_atomic_ptr(struct cpu *c, const struct cpu_insn *i, uint64_t va, uint32_t acc, bool write)
{
	unsigned size = acc_bytes(acc);
	struct cpu_xlat x;
	uint64_t none = 0;

	if (am_likely(!(va & (size - 1)))) {
		const struct cpu_tlb *tlb = acc & ACC_UNPRIV ? c->tlb_user : c->tlb;
		const void *p = write ? cpu_tlb_write(tlb, va, size) : cpu_tlb_read(tlb, va, size);

		if (am_likely(p))
			return (void *)(uintptr_t)p;
	}
	if (!resolve(c, i, va, acc | ACC_ALIGNED, write, &x))
		return NULL;
	/* A watchpoint of loads alone wants what reads, too. */
	if ((acc & ACC_RMW) && am_unlikely(c->debug) &&
	    cpu_debug_watch(c, i, va, size, false, acc & ACC_UNPRIV))
		return NULL;
	if (x.host && (!write || x.host_writable))
		return x.host;
	device_access(c, i, va, x.ipa, acc & ~(uint32_t)ACC_ISV, write, &none);
	return NULL;
}

bool cpu_probe(struct cpu *c, const struct cpu_insn *i, uint64_t va, unsigned len, uint32_t acc,
	       bool write)
{
	struct cpu_xlat x;

	if (!resolve(c, i, va, acc, write, &x))
		return false;
	if (bytes_in_page(va) < len) {
		uint64_t va2 = va + bytes_in_page(va);

		if (!cpu_translate(c, va2, write ? CPU_WRITE : CPU_READ, acc & ACC_UNPRIV, &x))
			return cpu_xlat_fault(c, i, va2, wnr(write), &x);
	}
	return am_likely(!c->debug) || !cpu_debug_watch(c, i, va, len, write, acc & ACC_UNPRIV);
}

bool cpu_maintain(struct cpu *c, const struct cpu_insn *i, uint64_t va, bool write,
		  struct cpu_xlat *x)
{
	if (cpu_translate(c, va, write ? CPU_WRITE : CPU_READ, false, x))
		return true;
	/* WnR is 1 for cache maintenance whatever was checked (D17.2.37). */
	return cpu_xlat_fault(c, i, va, ISS_CM | ISS_WNR, x);
}
