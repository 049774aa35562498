/* SPDX-License-Identifier: MIT */
/* Instruction words for the rows of the decode table (words.h). */
#include "words.h"

#include <string.h>

#include "a64_rows.h"
#include "cpu/insn.h"

#define TRIES 400

/* ---- The system rows (a64_system.dec) ---- */

struct system_row {
	const char *name;
	enum insn_plan plan;
};

/* Rows that are not simply run; all others are. Bare-metal guests test what is excluded here. */
static const struct system_row system_rows[] = {
    {"SVC", PLAN_EXCLUDED},	 /* would be a system call of the oracle */
    {"SYSL", PLAN_EXCLUDED},	 /* implementation defined instructions */
    {"HVC", PLAN_UNDEFINED},	 /* UNDEFINED at EL0 */
    {"SMC", PLAN_UNDEFINED},	 /* UNDEFINED at EL0 */
    {"HLT", PLAN_UNDEFINED},	 /* halting debug is off */
    {"DCPS", PLAN_UNDEFINED},	 /* UNDEFINED outside Debug state */
    {"DRPS", PLAN_UNDEFINED},	 /* UNDEFINED outside Debug state */
    {"ERET", PLAN_UNDEFINED},	 /* UNDEFINED at EL0 */
    {"MSR_imm", PLAN_UNDEFINED}, /* PAN, SPSel: UNDEFINED; DAIF: trapped, SCTLR_EL1.UMA is 0 */
};

enum insn_plan insn_plan(uint32_t row)
{
	for (size_t n = 0; n < sizeof(system_rows) / sizeof(system_rows[0]); n++) {
		if (!strcmp(a64_rows[row].name, system_rows[n].name))
			return system_rows[n].plan;
	}
	return PLAN_RUN;
}

static bool is_row(uint32_t row, const char *name)
{
	return !strcmp(a64_rows[row].name, name);
}

/* op1:CRn:CRm:op2 of what EL0 may use and what does not depend on the implementation. */
#define ENC(op1, crn, crm, op2) ((op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)

static uint32_t system_word(uint32_t row, uint32_t w, struct insn_rng *r)
{
	static const uint32_t regs[] = {ENC(3, 4, 2, 0), ENC(3, 4, 4, 0), ENC(3, 4, 4, 1),
					ENC(3, 13, 0, 2)}; /* NZCV, FPCR, FPSR, TPIDR_EL0 */
	static const uint32_t ops[] = {ENC(3, 7, 4, 1), ENC(3, 7, 10, 1), ENC(3, 7, 11, 1),
				       ENC(3, 7, 14, 1), ENC(3, 7, 5, 1)};

	if (is_row(row, "MRS") || is_row(row, "MSR_reg"))
		return (w & 0xfff0001f) | 3u << 19 | regs[insn_below(r, 4)];
	if (is_row(row, "SYS")) /* DC ZVA, CVAC, CVAU, CIVAC, IC IVAU */
		return (w & 0xfff8001f) | ops[insn_below(r, 5)];
	if (is_row(row, "HLT") && insn_field(w, 5, 16) == 0xf000)
		return w ^ 1u << 5; /* the semihosting call */
	return w;
}

/* ---- Free bits ---- */

static uint32_t random_register(uint32_t w, const struct a64_row_info *row,
				const struct a64_field *f, struct insn_rng *r)
{
	if (insn_chance(r, 10))
		return 31;
	if (insn_chance(r, 12)) { /* the same as another */
		const struct a64_field *g = &row->fields[insn_below(r, row->nr_fields)];

		if (g != f && g->width == 5 && g->name[0] == 'r')
			return insn_field(w, g->lo, 5);
	}
	return insn_below(r, 31);
}

static uint32_t random_field(uint32_t w, const struct a64_row_info *row, const struct a64_field *f,
			     struct insn_rng *r)
{
	uint32_t all = (uint32_t)((UINT64_C(1) << f->width) - 1);
	uint32_t v;

	if (f->name[0] == 'r' && f->width == 5) {
		v = random_register(w, row, f, r);
	} else {
		v = (uint32_t)insn_next(r);
		if (f->width > 3) {
			switch (insn_below(r, 12)) {
			case 4:
			case 5: /* shifts and widths */
				v = insn_below(r, 9) * 8 - insn_below(r, 2);
				break;
			case 0:
				v = 0;
				break;
			case 1:
				v = all;
				break;
			case 2:
				v = 1u << insn_below(r, f->width);
				break;
			case 3:
				v &= 7;
				break;
			}
		}
	}
	return (w & ~(all << f->lo)) | (v & all) << f->lo;
}

static uint32_t random_word(const struct a64_row_info *row, struct insn_rng *r)
{
	uint32_t w = (row->value & row->mask);

	/* Bits that the row does not look at: "should be" ones mostly. */
	if (insn_chance(r, 50))
		w |= ~row->mask;
	else
		w |= ~row->mask & (uint32_t)insn_next(r);
	for (unsigned n = 0; n < row->nr_fields; n++)
		w = random_field(w, row, &row->fields[n], r);
	return w;
}

/* ---- Direct branches and literals: aim ---- */

static bool aim_literal(uint32_t *w, const struct insn_shape *sh, uint64_t pc, struct insn_rng *r)
{
	uint64_t at = INSN_HOT + insn_below(r, INSN_HOT_SIZE / 4 - 4) * 4;
	int64_t d = (int64_t)(at - pc) >> 2;
	uint32_t all = (1u << sh->width) - 1;

	if (insn_chance(r, 4))
		d += 0x800; /* beyond the window */
	*w = (*w & ~(all << sh->lo)) | ((uint32_t)d & all) << sh->lo;
	return true;
}

static bool target_is_safe(uint64_t pc, uint64_t to)
{
	if (to == pc + 4)
		return true;
	if (to - insn_slot_va(0) < INSN_SLOT_PAGES * 4096u)
		return false;
	return (to & ~UINT64_C(4095)) != INSN_TRAMP;
}

static bool aim_branch(uint32_t *w, const struct insn_shape *sh, uint64_t pc, struct insn_rng *r)
{
	uint32_t all = (1u << sh->width) - 1, field = *w >> sh->lo & all;
	int64_t d = (int32_t)(field << (32 - sh->width)) >> (32 - sh->width);
	unsigned how = insn_below(r, 10);

	if (how < 7) /* into the pages of BRK, if the branch reaches so far */
		d = ((int64_t)insn_below(r, INSN_CODE_PAGES * 1024u) * 4 + INSN_BASE -
		     (int64_t)pc) >>
		    2;
	else if (how == 7)
		d = 1;
	if (d < -(int64_t)(all / 2) - 1 || d > all / 2)
		return false;
	*w = (*w & ~(all << sh->lo)) | ((uint32_t)d & all) << sh->lo;
	return target_is_safe(pc, pc + (uint64_t)d * 4);
}

/* ---- Exclusive pairs ---- */

/* The other half for @w: a load for a store and the other way round. False: does not fit. */
static bool make_partner(uint32_t w, const struct insn_shape *sh, struct insn_rng *r, uint32_t *out)
{
	uint32_t p = (w & 0xff3003e0) | (uint32_t)insn_below(r, 2) << 15; /* size, o1, Rn */
	struct insn_shape other;

	p |= insn_below(r, 31) | insn_below(r, 31) << 16;
	p |= (w & 1u << 21 ? insn_below(r, 31) : 31u) << 10;
	if (!sh->load)
		p |= 1u << 22 | 31u << 16;
	insn_shape(&other, p);
	/* The load must leave the base alone, and the status must not be what is stored. */
	const struct insn_shape *load = sh->load ? sh : &other;

	*out = p;
	return !other.unpredictable && load->rt != sh->rn && (load->rt2 != sh->rn || sh->rn == 31);
}

static bool surround_exclusive(struct insn_case *c, const struct insn_shape *sh, struct insn_rng *r)
{
	uint32_t w = c->word[0], partner;

	if (insn_chance(r, 25))
		return true; /* alone */
	if (!make_partner(w, sh, r, &partner))
		return false;
	c->nr = 0;
	c->word[c->nr++] = sh->load ? w : partner;
	if (insn_chance(r, 10))
		c->word[c->nr++] = 0xd503305f; /* CLREX */
	c->word[c->nr++] = sh->load ? partner : w;
	return true;
}

/* ---- One case ---- */

static bool try_word(struct insn_case *c, uint32_t row, struct insn_rng *r)
{
	uint32_t w = random_word(&a64_rows[row], r);
	struct insn_shape sh;
	bool ok = true;

	w = system_word(row, w, r);
	insn_shape(&sh, w);
	if (sh.kind == INSN_LITERAL)
		ok = aim_literal(&w, &sh, insn_slot_pc(c->slot), r);
	else if (sh.kind == INSN_BRANCH)
		ok = aim_branch(&w, &sh, insn_slot_pc(c->slot), r);
	if (!ok || sh.unpredictable || a64_match(w) != (enum a64_row)row || insn_extension(w))
		return false;
	/* Cache maintenance of address zero faults; the reference does nothing. */
	if (is_row(row, "SYS") && sh.rn == 31)
		return false;
	c->nr = 1;
	c->word[0] = w;
	if (sh.sync == INSN_EXCLUSIVE)
		return surround_exclusive(c, &sh, r);
	if ((w & 0xffffffe0) == 0xd51bd040) /* MSR TPIDR_EL0: read it back */
		c->word[c->nr++] = 0xd53bd040 | insn_below(r, 31);
	return true;
}

bool insn_choose(struct insn_case *c, uint32_t row, struct insn_rng *r)
{
	for (unsigned n = 0; n < TRIES; n++) {
		if (try_word(c, row, r))
			return true;
	}
	return false;
}

bool insn_is_unallocated(uint32_t w)
{
	struct cpu_insn o;
	enum a64_row row = a64_match(w);

	memset(&o, 0, sizeof(o));
	return row == A64_UNALLOCATED || !a64_emit(row, w, &o);
}

uint32_t insn_choose_unallocated(struct insn_rng *r)
{
	for (;;) {
		uint32_t w = (uint32_t)insn_next(r);
		const struct a64_row_info *row = &a64_rows[1 + insn_below(r, A64_ROW_COUNT - 1)];

		if (insn_chance(r, 80)) { /* a known word with a few of its fixed bits wrong */
			w = random_word(row, r);
			for (unsigned n = 1 + insn_below(r, 2); n; n--)
				w ^= 1u << insn_below(r, 32);
		}
		if (insn_is_unallocated(w))
			return w;
	}
}
