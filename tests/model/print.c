/* SPDX-License-Identifier: MIT */
/* Operations as text, with the names of registers. */
#include "world.h"

#include <stdio.h>

struct name {
	uint32_t first, last;
	const char *text;
	unsigned step; /* bytes to the next number, or 0 when there is one register */
};

static const struct name fields[] = {
    {0x080, 0x0ff, "IGROUPR", 4},   {0x100, 0x17f, "ISENABLER", 4},
    {0x180, 0x1ff, "ICENABLER", 4}, {0x200, 0x27f, "ISPENDR", 4},
    {0x280, 0x2ff, "ICPENDR", 4},   {0x300, 0x37f, "ISACTIVER", 4},
    {0x380, 0x3ff, "ICACTIVER", 4}, {0x400, 0x7ff, "IPRIORITYR", 4},
    {0xc00, 0xcff, "ICFGR", 4},	    {0, 0, NULL, 0},
};

static const struct name dist[] = {
    {0x0000, 0x0003, "CTLR", 0},
    {0x0004, 0x0007, "TYPER", 0},
    {0x0008, 0x000b, "IIDR", 0},
    {0x6000, 0x7fff, "IROUTER", 8},
    {0, 0, NULL, 0},
};

static const struct name redist[] = {
    {0x00, 0x03, "CTLR", 0},	  {0x08, 0x0f, "TYPER", 0}, {0x70, 0x77, "PROPBASER", 0},
    {0x78, 0x7f, "PENDBASER", 0}, {0, 0, NULL, 0},
};

static const struct name dist2[] = {
    {0x800, 0xbff, "ITARGETSR", 4}, {0xf00, 0xf03, "SGIR", 0}, {0xf10, 0xf1f, "CPENDSGIR", 4},
    {0xf20, 0xf2f, "SPENDSGIR", 4}, {0, 0, NULL, 0},
};

static const struct name gicc[] = {
    {0x00, 0x03, "CTLR", 0},	{0x04, 0x07, "PMR", 0},	   {0x08, 0x0b, "BPR", 0},
    {0x0c, 0x0f, "IAR", 0},	{0x10, 0x13, "EOIR", 0},   {0x14, 0x17, "RPR", 0},
    {0x18, 0x1b, "HPPIR", 0},	{0x1c, 0x1f, "ABPR", 0},   {0x20, 0x23, "AIAR", 0},
    {0x24, 0x27, "AEOIR", 0},	{0x28, 0x2b, "AHPPIR", 0}, {0xd0, 0xd3, "APR0", 0},
    {0x1000, 0x1003, "DIR", 0}, {0, 0, NULL, 0},
};

static const struct {
	unsigned reg;
	const char *text;
} sysregs[] = {
    {ICC_PMR, "PMR"},	{ICC_IAR0, "IAR0"},   {ICC_EOIR0, "EOIR0"},	{ICC_HPPIR0, "HPPIR0"},
    {ICC_BPR0, "BPR0"}, {ICC_AP0R0, "AP0R0"}, {ICC_AP1R0, "AP1R0"},	{ICC_DIR, "DIR"},
    {ICC_RPR, "RPR"},	{ICC_SGI1R, "SGI1R"}, {ICC_ASGI1R, "ASGI1R"},	{ICC_SGI0R, "SGI0R"},
    {ICC_IAR1, "IAR1"}, {ICC_EOIR1, "EOIR1"}, {ICC_HPPIR1, "HPPIR1"},	{ICC_BPR1, "BPR1"},
    {ICC_CTLR, "CTLR"}, {ICC_SRE, "SRE"},     {ICC_IGRPEN0, "IGRPEN0"}, {ICC_IGRPEN1, "IGRPEN1"},
};

static const struct name *find(const struct name *names, uint32_t reg)
{
	for (; names->text; names++)
		if (reg >= names->first && reg <= names->last)
			return names;
	return NULL;
}

/* GICD_ISENABLER1, or GICR(3)+0x1234. */
static void frame_reg(const struct shape *s, int frame, uint32_t reg, char *text, size_t size)
{
	const struct name *n = NULL;
	uint32_t offset = reg;
	char of[16] = "D";

	if (frame == M_GICC) {
		n = find(gicc, reg);
		snprintf(of, sizeof(of), "C");
		offset = UINT32_MAX;
	} else if (frame == M_GICD) {
		n = find(dist, reg);
		if (!n && s->v2)
			n = find(dist2, reg);
	} else {
		snprintf(of, sizeof(of), "R(%u)", s->id[frame]);
		n = reg < 0x10000 ? find(redist, reg) : NULL;
		offset = reg >= 0x10000 ? reg - 0x10000 : UINT32_MAX;
	}
	if (!n)
		n = find(fields, offset);
	else
		offset = reg;
	if (!n)
		snprintf(text, size, "GIC%s+%#x", of, reg);
	else if (n->step)
		snprintf(text, size, "GIC%s_%s%u+%u", of, n->text, (offset - n->first) / n->step,
			 (offset - n->first) % n->step);
	else
		snprintf(text, size, "GIC%s_%s+%u", of, n->text, offset - n->first);
}

static void sysreg(unsigned reg, char *text, size_t size)
{
	for (unsigned i = 0; i < sizeof(sysregs) / sizeof(sysregs[0]); i++)
		if (sysregs[i].reg == reg) {
			snprintf(text, size, "ICC_%s_EL1", sysregs[i].text);
			return;
		}
	snprintf(text, size, "system register %#x", reg);
}

static void print_user(const struct shape *s, const struct op *op, char *text, size_t size)
{
	char reg[64];

	if (op->group == AM_GIC_GRP_CPU_SYSREGS)
		sysreg(op->reg, reg, sizeof(reg));
	else if (op->group == AM_GIC_GRP_LEVEL_INFO)
		snprintf(reg, sizeof(reg), "lines of INTID %u and up", op->reg);
	else
		frame_reg(s, op->frame, op->reg, reg, sizeof(reg));
	if (op->kind == OP_USER_READ)
		snprintf(text, size, "user space reads %s of vCPU %u", reg, s->id[op->cpu]);
	else
		snprintf(text, size, "user space writes %s of vCPU %u = %#llx", reg, s->id[op->cpu],
			 (unsigned long long)op->value);
}

void op_print(const struct shape *s, const struct op *op, char *text, size_t size)
{
	unsigned long long value = op->value;
	unsigned id = s->id[op->cpu];
	char reg[64];

	if (op->kind == OP_READ || op->kind == OP_WRITE)
		frame_reg(s, op->frame, op->reg, reg, sizeof(reg));
	else
		sysreg(op->reg, reg, sizeof(reg));
	switch (op->kind) {
	case OP_READ:
		snprintf(text, size, "vCPU %u reads %s (%u bytes)", id, reg, op->len);
		break;
	case OP_WRITE:
		snprintf(text, size, "vCPU %u writes %s (%u bytes) = %#llx", id, reg, op->len,
			 value);
		break;
	case OP_ICC_READ:
		snprintf(text, size, "vCPU %u reads %s", id, reg);
		break;
	case OP_ICC_WRITE:
		snprintf(text, size, "vCPU %u writes %s = %#llx", id, reg, value);
		break;
	case OP_SPI:
		snprintf(text, size, "input of SPI %u = %llu", op->reg, value);
		break;
	case OP_PPI:
		snprintf(text, size, "input of PPI %u of vCPU %u = %llu", op->reg, id, value);
		break;
	case OP_USER_READ:
	case OP_USER_WRITE:
		print_user(s, op, text, size);
		break;
	case OP_RESET:
		snprintf(text, size, "vCPU %u is reset", id);
		break;
	case OP_MPIDR:
		snprintf(text, size, "vCPU %u's MPIDR = %#llx", id, value);
		break;
	case OP_OWN:
		snprintf(text, size, "PPI %u of vCPU %u belongs to a device", op->reg, id);
		break;
	case OP_RESTORE:
		snprintf(text, size, "save, destroy, create, restore (order %#llx)", value);
		break;
	default:
		snprintf(text, size, "compare all registers");
	}
}
