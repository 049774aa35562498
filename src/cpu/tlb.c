/* SPDX-License-Identifier: MIT */
/* Filling and flushing the software TLB (tlb.h). */
#include "cpu/tlb.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/code.h"
#include "cpu/sysreg.h"

#define NO_TAG	     (~UINT64_C(0))
#define FSC_EXTERNAL 0x10

/* struct cpu_tlb_entry.ipa: page address, then log2 of the block in bits 6:1, nG in bit 0. */
static unsigned entry_log2(const struct cpu_tlb_entry *e)
{
	return e->ipa >> 1 & 63;
}

static void bank_flush(struct cpu_bank *b)
{
	if (!b->used)
		return;
	memset(&b->data, 0xff, sizeof(b->data));
	memset(&b->fetch.e, 0xff, sizeof(b->fetch.e));
	b->used = b->not_global = false;
	b->blocks_first = UINT64_MAX;
	b->blocks_last = 0;
}

static void entry_drop(struct cpu_tlb_entry *e)
{
	e->rtag = e->wtag = NO_TAG;
}

/* Does the block of 2^@log2 bytes around @tag touch [first, last]? */
static bool touches(uint64_t tag, unsigned log2, uint64_t first, uint64_t last)
{
	return (tag >> log2) >= first >> log2 && (tag >> log2) <= last >> log2;
}

static void bank_scan_va(struct cpu_bank *b, uint64_t first, uint64_t last)
{
	for (unsigned n = 0; n < CPU_TLB_SIZE; n++) {
		struct cpu_tlb_entry *e = &b->data.e[n];

		if (e->rtag != NO_TAG && touches(e->rtag, entry_log2(e), first, last))
			entry_drop(e);
	}
	for (unsigned n = 0; n < CPU_FETCH_SIZE; n++) {
		uint64_t tag = b->fetch.e[n].tag;

		if (tag != NO_TAG && touches(tag, b->fetch.log2[n], first, last))
			b->fetch.e[n].tag = NO_TAG;
	}
}

static void bank_flush_va(struct cpu_bank *b, uint64_t first, uint64_t last)
{
	if (!b->used)
		return;
	if ((last >= b->blocks_first && first <= b->blocks_last) ||
	    (last - first) >> 12 >= CPU_TLB_SIZE / 4) {
		bank_scan_va(b, first, last);
		return;
	}
	for (uint64_t n = 0; n <= (last - first) >> 12; n++) {
		uint64_t page = (first & CPU_PAGE_MASK) + (n << 12);
		struct cpu_tlb_entry *e = &b->data.e[page >> 12 & (CPU_TLB_SIZE - 1)];
		struct cpu_fetch_entry *f = &b->fetch.e[page >> 12 & (CPU_FETCH_SIZE - 1)];

		if (e->rtag == page)
			entry_drop(e);
		if (f->tag == page)
			f->tag = NO_TAG;
	}
}

struct cpu_mmu *cpu_mmu_create(void)
{
	struct cpu_mmu *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	for (unsigned n = 0; n < CPU_USER_BANKS; n++) {
		m->user[n].used = true;
		bank_flush(&m->user[n]);
	}
	for (unsigned n = 0; n < 2; n++) {
		m->kernel[n].used = true;
		bank_flush(&m->kernel[n]);
	}
	memset(m->tables, 0xff, sizeof(m->tables));
	m->regime[0].tcr = m->regime[1].tcr = UINT64_MAX; /* no such value */
	m->user_now = &m->user[0];
	return m;
}

void cpu_mmu_destroy(struct cpu_mmu *m)
{
	free(m);
}

uint16_t cpu_current_asid(const struct cpu *c)
{
	uint64_t tcr = c->sr[SR_TCR_EL1];
	uint64_t ttbr = c->sr[am_bit(tcr, 22) ? SR_TTBR1_EL1 : SR_TTBR0_EL1];

	return am_bit(tcr, 36) ? ttbr >> 48 : ttbr >> 48 & 0xff;
}

static struct cpu_bank *bank_of_asid(struct cpu_mmu *m, uint16_t asid)
{
	for (unsigned n = 0; n < CPU_USER_BANKS; n++) {
		if (m->user[n].valid && m->user[n].asid == asid)
			return &m->user[n];
	}
	struct cpu_bank *b = &m->user[m->next_victim++ % CPU_USER_BANKS];

	bank_flush(b);
	b->valid = true;
	b->asid = asid;
	return b;
}

void cpu_mmu_select(struct cpu *c)
{
	struct cpu_mmu *m = c->mmu;
	uint16_t asid = cpu_current_asid(c);

	if (!m->user_now->valid || m->user_now->asid != asid) {
		m->user_now = bank_of_asid(m, asid);
		/* The EL1 banks do not know ASIDs: what is not global goes. */
		for (unsigned n = 0; n < 2; n++) {
			if (m->kernel[n].not_global)
				bank_flush(&m->kernel[n]);
		}
	}
	c->tlb_user = &m->user_now->data;
	c->tlb = c->el ? &m->kernel[c->pan].data : c->tlb_user;
}

static struct cpu_bank *bank_nth(struct cpu *c, unsigned n)
{
	return n < CPU_USER_BANKS ? &c->mmu->user[n] : &c->mmu->kernel[n - CPU_USER_BANKS];
}

#define BANKS (CPU_USER_BANKS + 2u)

void cpu_mmu_flush_all(struct cpu *c)
{
	for (unsigned n = 0; n < BANKS; n++)
		bank_flush(bank_nth(c, n));
}

/* By address only: dropping more than the ASID asks for is allowed (DDI 0487 D8.14). */
void cpu_mmu_flush_va(struct cpu *c, uint64_t first, uint64_t last)
{
	for (unsigned n = 0; n < BANKS; n++)
		bank_flush_va(bank_nth(c, n), first, last);
}

static bool entry_in(const struct cpu_tlb_entry *e, uint64_t first, uint64_t last)
{
	uint64_t ipa = e->ipa & CPU_PAGE_MASK;

	return e->rtag != NO_TAG && ipa >= first && ipa <= last;
}

/* Fetch entries go with their pre-decoded pages (cpu_code_drop). */
void cpu_mmu_unmap(struct cpu *c, uint64_t first, uint64_t last)
{
	for (unsigned n = 0; n < BANKS; n++) {
		struct cpu_bank *b = bank_nth(c, n);

		for (unsigned k = 0; b->used && k < CPU_TLB_SIZE; k++) {
			if (entry_in(&b->data.e[k], first, last))
				entry_drop(&b->data.e[k]);
		}
	}
	for (unsigned n = 0; n < CPU_TABLE_PAGES; n++) {
		struct cpu_table_page *t = &c->mmu->tables[n];

		if (t->ipa >= first && t->ipa <= last)
			t->ipa = NO_TAG;
	}
}

void cpu_mmu_protect(struct cpu *c, uint64_t first, uint64_t last)
{
	for (unsigned n = 0; n < BANKS; n++) {
		struct cpu_bank *b = bank_nth(c, n);

		for (unsigned k = 0; b->used && k < CPU_TLB_SIZE; k++) {
			if (entry_in(&b->data.e[k], first, last))
				b->data.e[k].wtag = NO_TAG;
		}
	}
}

void cpu_mmu_flush_asid(struct cpu *c, uint16_t asid)
{
	for (unsigned n = 0; n < CPU_USER_BANKS; n++) {
		if (c->mmu->user[n].valid && c->mmu->user[n].asid == asid)
			bank_flush(&c->mmu->user[n]);
	}
	for (unsigned n = 0; n < 2; n++) {
		if (c->mmu->kernel[n].not_global)
			bank_flush(&c->mmu->kernel[n]);
	}
}

void cpu_mmu_flush_fetch(struct cpu *c)
{
	for (unsigned n = 0; n < BANKS; n++)
		memset(&bank_nth(c, n)->fetch.e, 0xff, sizeof(c->mmu->user[n].fetch.e));
}

static void bank_note(struct cpu_bank *b, uint64_t va, const struct cpu_xlat *x)
{
	b->used = true;
	b->not_global |= x->not_global;
	if (x->log2_size > 12) {
		uint64_t low = AM_BIT(x->log2_size) - 1;

		if ((va & ~low) < b->blocks_first)
			b->blocks_first = va & ~low;
		if ((va | low) > b->blocks_last)
			b->blocks_last = va | low;
	}
}

bool cpu_stage2(struct cpu *c, uint64_t va, uint64_t ipa, struct cpu_page *page, struct cpu_xlat *x)
{
	x->err = c->ops->map(c->opaque, ipa & CPU_PAGE_MASK, page);
	if (x->err)
		return false;
	if (am_unlikely(page->refused)) {
		x->stage2 = x->far_ipa = true;
		x->fsc = page->refused_fsc;
		x->ipa = (ipa & CPU_PAGE_MASK) | (va & ~CPU_PAGE_MASK);
		return false;
	}
	return true;
}

static bool host_page(struct cpu *c, uint64_t va, enum cpu_access_kind kind, struct cpu_xlat *x)
{
	struct cpu_page page = {.for_write = kind == CPU_WRITE};

	if (!cpu_stage2(c, va, x->ipa, &page, x))
		return false;
	x->host = page.host ? page.host + (x->ipa & ~CPU_PAGE_MASK) : NULL;
	x->host_writable = page.writable;
	return true;
}

bool cpu_translate(struct cpu *c, uint64_t va, enum cpu_access_kind kind, bool unpriv,
		   struct cpu_xlat *x)
{
	unsigned el = unpriv ? 0 : c->el;
	struct cpu_bank *b = el ? &c->mmu->kernel[c->pan] : c->mmu->user_now;

	va = cpu_untag(c, va);
	if (!cpu_walk(c, va, kind, el, x) || !host_page(c, va, kind, x))
		return false;

	/* Device memory and SCTLR_EL1.A want every access checked for alignment. */
	if (!x->host || x->device || am_bit(c->sr[SR_SCTLR_EL1], 1))
		return true;

	uint64_t page = va & CPU_PAGE_MASK;
	struct cpu_tlb_entry *e = &b->data.e[va >> 12 & (CPU_TLB_SIZE - 1)];

	e->rtag = page;
	e->wtag = x->may_write && x->host_writable ? page : NO_TAG;
	e->addend = (uintptr_t)x->host - va;
	e->ipa = (x->ipa & CPU_PAGE_MASK) | (uint64_t)x->log2_size << 1 | x->not_global;
	bank_note(b, va, x);
	return true;
}

struct cpu_code *cpu_fetch_page(struct cpu *c, uint64_t pc, struct cpu_xlat *x)
{
	struct cpu_bank *b = c->el ? &c->mmu->kernel[0] : c->mmu->user_now;
	struct cpu_fetch_entry *e = &b->fetch.e[pc >> 12 & (CPU_FETCH_SIZE - 1)];
	uint64_t page = pc & CPU_PAGE_MASK;

	if (am_likely(e->tag == page)) {
		cpu_code_revalidate(c, e->code);
		return e->code;
	}
	if (!cpu_walk(c, pc, CPU_FETCH, c->el, x) || !host_page(c, pc, CPU_FETCH, x))
		return NULL;
	if (!x->host) {
		/* KVM: no memory to execute from is a synchronous external abort. */
		x->stage2 = true;
		x->fsc = FSC_EXTERNAL;
		return NULL;
	}
	struct cpu_code *code =
	    cpu_code_get(c, x->ipa & CPU_PAGE_MASK, x->host - (x->ipa & ~CPU_PAGE_MASK));

	if (!code) {
		x->err = -12; /* ENOMEM */
		return NULL;
	}
	e->tag = page;
	e->code = code;
	b->fetch.log2[pc >> 12 & (CPU_FETCH_SIZE - 1)] = x->log2_size;
	bank_note(b, pc, x);
	return code;
}
