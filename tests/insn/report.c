/* SPDX-License-Identifier: MIT */
/* Differences, register by register (report.h). */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "a64_rows.h"

const char *const insn_outcome_names[INSN_OUTCOMES] = {
    "ok", "SIGILL", "SIGTRAP", "SIGSEGV", "SIGBUS", "hang", "other",
};

/* The reader wants to see what the words are; without objdump, only the numbers. */
static void disassemble(const struct insn_case *c)
{
	char cmd[256];
	char line[256];
	size_t at = 0;
	FILE *p;

	at += snprintf(cmd, sizeof(cmd), "t=$(mktemp) && printf '");
	for (uint32_t n = 0; n < c->nr * 4; n++)
		at += snprintf(cmd + at, sizeof(cmd) - at, "\\%03o",
			       c->word[n / 4] >> n % 4 * 8 & 0xff);
	snprintf(cmd + at, sizeof(cmd) - at,
		 "' >$t; aarch64-linux-gnu-objdump -D -b binary -m aarch64 $t 2>/dev/null; rm $t");
	p = popen(cmd, "r");
	if (!p)
		return;
	while (fgets(line, sizeof(line), p)) {
		if (strchr(line, '\t') && line[0] == ' ')
			printf("    %s", strchr(line, '\t') + 1);
	}
	pclose(p);
}

static void line64(const char *name, uint64_t before, uint64_t ours, uint64_t theirs)
{
	if (ours == theirs)
		return;
	printf("    %-6s initial %016llx  ours %016llx  reference %016llx\n", name,
	       (unsigned long long)before, (unsigned long long)ours, (unsigned long long)theirs);
}

static void line128(unsigned n, const uint64_t *before, const uint64_t *ours,
		    const uint64_t *theirs)
{
	if (ours[0] == theirs[0] && ours[1] == theirs[1])
		return;
	printf("    v%-5u initial %016llx_%016llx\n", n, (unsigned long long)before[1],
	       (unsigned long long)before[0]);
	printf("           ours    %016llx_%016llx\n", (unsigned long long)ours[1],
	       (unsigned long long)ours[0]);
	printf("         reference %016llx_%016llx\n", (unsigned long long)theirs[1],
	       (unsigned long long)theirs[0]);
}

static void bytes(const char *name, uint64_t va, const uint8_t *before, const uint8_t *ours,
		  const uint8_t *theirs, size_t len)
{
	for (size_t n = 0; n < len; n++) {
		if (ours[n] != theirs[n])
			printf("    %s [%08llx] initial %02x  ours %02x  reference %02x\n", name,
			       (unsigned long long)(va + n), before[n], ours[n], theirs[n]);
	}
}

/* The registers that the words name, as they were. */
static void operands(const struct insn_case *c, const struct insn_state *s)
{
	static const uint8_t at[4] = {0, 5, 10, 16};
	uint32_t seen = 0;

	printf("    before: nzcv %x fpcr %08x fpsr %08x sp %llx\n", s->nzcv >> 28, s->fpcr, s->fpsr,
	       (unsigned long long)s->sp);
	for (uint32_t n = 0; n < c->nr; n++) {
		for (unsigned k = 0; k < 4; k++) {
			unsigned reg = insn_field(c->word[n], at[k], 5);

			if (seen >> reg & 1)
				continue;
			seen |= 1u << reg;
			printf("      x%-2u %016llx   v%-2u %016llx_%016llx\n", reg,
			       (unsigned long long)(reg == 31 ? s->sp : s->x[reg]), reg,
			       (unsigned long long)s->v[reg][1], (unsigned long long)s->v[reg][0]);
		}
	}
}

static void repeat_line(const struct insn_case *c, const char *command)
{
	printf("    repeat: %s --repeat ", command);
	for (uint32_t n = 0; n < c->nr; n++)
		printf("%s%08x", n ? "," : "", c->word[n]);
	printf(":%u:%016llx\n", c->slot, (unsigned long long)c->seed);
}

void insn_report(const struct insn_case *c, const struct insn_state *ours,
		 const struct insn_state *theirs, const char *command)
{
	struct insn_state before;
	char name[16];

	insn_state_init(&before, c, c->seed);
	before.pc = insn_slot_pc(c->slot);
	printf("DIFFERENCE in row %s\n", c->row ? a64_rows[c->row].name : "(unallocated)");
	disassemble(c);
	operands(c, &before);
	if (ours->outcome != theirs->outcome)
		printf("    outcome: ours %s, reference %s\n", insn_outcome_names[ours->outcome],
		       insn_outcome_names[theirs->outcome]);
	else if (ours->outcome != INSN_OK)
		printf("    outcome: %s\n", insn_outcome_names[ours->outcome]);
	if (ours->outcome != theirs->outcome) {
		line64("pc", before.pc, ours->pc, theirs->pc);
		repeat_line(c, command);
		return;
	}
	for (unsigned n = 0; n < 31; n++) {
		snprintf(name, sizeof(name), "x%u", n);
		line64(name, before.x[n], ours->x[n], theirs->x[n]);
	}
	line64("sp", before.sp, ours->sp, theirs->sp);
	line64("pc", before.pc, ours->pc, theirs->pc);
	line64("nzcv", before.nzcv, ours->nzcv, theirs->nzcv);
	line64("fpcr", before.fpcr, ours->fpcr, theirs->fpcr);
	line64("fpsr", before.fpsr, ours->fpsr, theirs->fpsr);
	for (unsigned n = 0; n < 32; n++)
		line128(n, before.v[n], ours->v[n], theirs->v[n]);
	bytes("mem", INSN_HOT, before.hot, ours->hot, theirs->hot, INSN_HOT_SIZE);
	bytes("mem", INSN_FAULT, before.fault, ours->fault, theirs->fault, INSN_FAULT_SIZE);
	repeat_line(c, command);
}
