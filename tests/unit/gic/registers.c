/* SPDX-License-Identifier: MIT */
/*
 * The register reference, docs/gic-registers.md, printed from the tables that the controller runs
 * on. With the name of that file as argument: says whether it is what would be printed, so that it
 * cannot fall behind.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "gic/its.h"
#include "gic/state.h"

static char *text;
static size_t text_len, text_max;

static void out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void out(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		exit(2);
	if (text_len + (size_t)n + 1 > text_max) {
		text_max = 2 * text_max + sizeof(line);
		text = realloc(text, text_max);
		if (!text)
			exit(2);
	}
	memcpy(text + text_len, line, (size_t)n + 1);
	text_len += (size_t)n;
}

static uint64_t unit_mask(const struct am_reg_row *r)
{
	unsigned bits = r->bits ? r->bits : r->widths & AM_REG_64 ? 64 : 32;

	return AM_MASK(bits - 1, 0);
}

static const char *access(const struct am_reg_row *r)
{
	if (r->constant)
		return r->reset ? "constant" : "RAZ/WI";
	if (r->flags & AM_REG_WO)
		return "WO";
	if (r->flags & AM_REG_W1)
		return r->flags & AM_REG_ALIAS ? "R/W1C" : "R/W1S";
	return r->ro == unit_mask(r) ? "RO" : "RW";
}

static void print_offset(const struct am_reg_row *r)
{
	unsigned size = r->widths & AM_REG_64 ? 8 : 4;

	if (r->length <= size)
		out("| 0x%04x ", r->offset);
	else
		out("| 0x%04x-0x%04x ", r->offset, r->offset + r->length - size);
}

static void print_widths(const struct am_reg_row *r)
{
	const char *comma = "";

	out("| ");
	for (unsigned w = 1; w <= 8; w *= 2) {
		if (!(r->widths & w))
			continue;
		out("%s%u", comma, 8 * w);
		comma = ", ";
	}
	out(" ");
}

/* What a reader needs besides: why nothing is there, what user space sees otherwise. */
static void print_remarks(const struct am_reg_row *r)
{
	const char *sep = "";

	if (r->constant) {
		out("%s", r->constant);
		sep = "; ";
	}
	if (r->bits) {
		out("%s%u bit%s for each interrupt from %u", sep, r->bits, r->bits > 1 ? "s" : "",
		    r->first);
		sep = "; ";
	}
	if (r->ro && r->ro != unit_mask(r)) {
		out("%sfixed bits 0x%llx", sep, (unsigned long long)r->ro);
		sep = "; ";
	}
	if (r->flags & AM_REG_GUEST) {
		out("%sthe guest's alone", sep);
		sep = "; ";
	}
	if (r->user_get || r->user_set) {
		out("%suser space %s", sep,
		    r->user_get && r->user_set ? "has its own view"
		    : r->user_get	       ? "reads its own view"
					       : "writes by its own rules");
		sep = "; ";
	}
	if (r->flags & AM_REG_RESTORE1)
		out("%srestored by writing ones", sep);
}

static void print_table(const struct am_reg_table *t, const char *title, const char *about)
{
	out("\n## %s\n\n%s\n\n", title, about);
	out("| offset | name | widths | access | reset | save order | section | remarks |\n");
	out("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (unsigned i = 0; i < t->nr_rows; i++) {
		const struct am_reg_row *r = &t->rows[i];

		print_offset(r);
		if (r->flags & AM_REG_RESERVED) {
			out("| reserved | | RAZ/WI | | | | %s |\n", r->constant);
			continue;
		}
		out("| %s ", r->name);
		print_widths(r);
		out("| %s ", access(r));
		if (r->flags & (AM_REG_COMPUTED | AM_REG_WO))
			out("| | ");
		else
			out("| 0x%llx | ", (unsigned long long)r->reset);
		if (r->order)
			out("%u", r->order);
		out(" | %s | ", r->section);
		print_remarks(r);
		out(" |\n");
	}
}

static void print_icc(void)
{
	out("\n## GICv3: system registers of the CPU interface\n\n"
	    "The number is KVM's: op0[15:14] op1[13:11] CRn[10:7] CRm[6:3] op2[2:0]. An access "
	    "that "
	    "the\ntable does not have is undefined for the guest.\n\n"
	    "| number | name | guest | user space | save order |\n| --- | --- | --- | --- | --- "
	    "|\n");
	for (unsigned i = 0; i < gic_nr_icc_rows; i++) {
		const struct gic_icc_row *r = &gic_icc_rows[i];

		out("| 0x%04x | %s | %s | %s | ", r->sysreg, r->name,
		    r->get && r->set ? "RW"
		    : r->get	     ? "RO"
		    : r->set	     ? "WO"
				     : "undefined",
		    r->order	  ? "RW"
		    : r->user_get ? "-EINVAL: more priority bits"
				  : "none");
		if (r->order)
			out("%u", r->order);
		out(" |\n");
	}
}

static void print_all(void)
{
	out("# Registers of the interrupt controller\n\n"
	    "Printed from the tables in src/gic by the test program gic-registers; do not edit.\n\n"
	    "Accesses of another width, misaligned ones, reserved places and fields of interrupts "
	    "that do not\nexist read as zero and ignore writes. A register with widths 32 and 64 "
	    "has "
	    "64 bits; either half can\nbe accessed. \"Save order\" is the place in which the state "
	    "is "
	    "saved and restored; registers without\none hold no state, or show another's. "
	    "\"Reset\" is "
	    "of a register, or of one interrupt's field, and\nempty where it depends on the "
	    "configuration. R/W1S and R/W1C: writing ones sets or clears.\n");
	print_table(&gic_dist_table, "GICv3: distributor (GICD)", "One frame of 64 KiB.");
	print_table(&gic_redist_table, "GICv3: redistributor (GICR)",
		    "Two frames of 64 KiB for each vCPU, here as one of 128 KiB.");
	print_icc();
	print_table(&its_table, "GICv3: ITS (GITS)",
		    "Two frames of 64 KiB: control, and the page that devices write to.");
	print_table(&gic_dist2_table, "GICv2: distributor (GICD)",
		    "One frame of 4 KiB; registers of interrupts 0 to 31 are each vCPU's own.");
	print_table(&gic_gicc_table, "GICv2: CPU interface (GICC)",
		    "One frame of 8 KiB, each vCPU's own.");
}

static int compare(const char *name)
{
	FILE *f = fopen(name, "rb");
	char *have;
	size_t n;

	if (!f) {
		perror(name);
		return 1;
	}
	have = malloc(text_len + 2);
	if (!have)
		return 2;
	n = fread(have, 1, text_len + 1, f);
	fclose(f);
	if (n != text_len || memcmp(have, text, text_len)) {
		size_t at = 0, line = 1;

		for (; at < n && at < text_len && have[at] == text[at]; at++)
			line += text[at] == '\n';
		fprintf(stderr,
			"%s: not what the tables say, from line %zu on: run gic-registers > %s\n",
			name, line, name);
		free(have);
		return 1;
	}
	free(have);
	return 0;
}

int main(int argc, char **argv)
{
	int err = 0;

	print_all();
	if (argc > 1)
		err = compare(argv[1]);
	else
		fputs(text, stdout);
	free(text);
	return err;
}
