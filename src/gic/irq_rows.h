/* SPDX-License-Identifier: MIT */
/*
 * The registers that have a field for each interrupt. They are the same in the distributor (SPIs)
 * and in a redistributor (SGIs, PPIs), so their handlers are, too.
 */
#ifndef AM_GIC_IRQ_ROWS_H
#define AM_GIC_IRQ_ROWS_H

#include <armature/mmio.h>

am_reg_get gic_get_group, gic_get_enable, gic_get_pending, gic_get_latch, gic_get_active,
    gic_get_priority, gic_get_config, gic_get_raz;
am_reg_set gic_set_group, gic_set_enable, gic_clear_enable, gic_set_pending, gic_clear_pending,
    gic_set_active, gic_clear_active, gic_set_priority, gic_set_config, gic_set_pending2,
    gic_clear_pending2;
am_reg_user_set gic_user_set_latch, gic_user_set_wi;

/*
 * The rows of fields 1 bit wide. Sections name the register's own; IHI 0069 12.9 describes the
 * distributor's, 12.11 the redistributor's.
 *
 * User space does not see the line in the pending registers, because it saves lines by LEVEL_INFO,
 * and sets latches with 0 as well as with 1, because it restores them.
 */
#define GIC_ROW_GROUP(n, sec, off, len, irq)                                                  \
	{                                                                                     \
		.name = n, .section = sec, .offset = off, .length = len, .widths = AM_REG_32, \
		.bits = 1, .first = irq, .order = 10, .reset = 1, .get = gic_get_group,       \
		.set = gic_set_group                                                          \
	}

#define GIC_ROW_ISENABLE(n, sec, off, len, irq, f)                                            \
	{                                                                                     \
		.name = n, .section = sec, .offset = off, .length = len, .widths = AM_REG_32, \
		.bits = 1, .first = irq, .order = 12, .flags = AM_REG_W1 | (f),               \
		.get = gic_get_enable, .set = gic_set_enable                                  \
	}

#define GIC_ROW_ICENABLE(n, sec, off, len, irq, f)                                                \
	{                                                                                         \
		.name = n, .section = sec, .offset = off, .length = len, .widths = AM_REG_32,     \
		.bits = 1, .first = irq, .order = 11,                                             \
		.flags = AM_REG_W1 | AM_REG_ALIAS | AM_REG_RESTORE1 | (f), .get = gic_get_enable, \
		.set = gic_clear_enable                                                           \
	}

#define GIC_ROW_ISPEND(n, sec, off, len, irq)                                                     \
	{                                                                                         \
		.name = n, .section = sec, .offset = off, .length = len, .widths = AM_REG_32,     \
		.bits = 1, .first = irq, .order = 17, .flags = AM_REG_W1, .get = gic_get_pending, \
		.set = gic_set_pending, .user_get = gic_get_latch, .user_set = gic_user_set_latch \
	}

#define GIC_ROW_ICPEND(n, sec, off, len, irq)                                                 \
	{                                                                                     \
		.name = n, .section = sec, .offset = off, .length = len, .widths = AM_REG_32, \
		.bits = 1, .first = irq, .flags = AM_REG_W1 | AM_REG_ALIAS,                   \
		.get = gic_get_pending, .set = gic_clear_pending, .user_get = gic_get_raz,    \
		.user_set = gic_user_set_wi                                                   \
	}

#define GIC_ROW_ISACTIVE(n, sec, off, len, irq)                                                  \
	{                                                                                        \
		.name = n, .section = sec, .offset = off, .length = len, .widths = AM_REG_32,    \
		.bits = 1, .first = irq, .order = 16, .flags = AM_REG_W1, .get = gic_get_active, \
		.set = gic_set_active                                                            \
	}

#define GIC_ROW_ICACTIVE(n, sec, off, len, irq)                                               \
	{                                                                                     \
		.name = n, .section = sec, .offset = off, .length = len, .widths = AM_REG_32, \
		.bits = 1, .first = irq, .order = 15,                                         \
		.flags = AM_REG_W1 | AM_REG_ALIAS | AM_REG_RESTORE1, .get = gic_get_active,   \
		.set = gic_clear_active                                                       \
	}

#define GIC_ROW_PRIORITY(n, sec, off, len, irq)                                                   \
	{                                                                                         \
		.name = n, .section = sec, .offset = off, .length = len,                          \
		.widths = AM_REG_32 | AM_REG_8, .bits = 8, .first = irq, .order = 13, .ro = 0x07, \
		.get = gic_get_priority, .set = gic_set_priority                                  \
	}

/* Rows that hold nothing: fields of interrupts that are elsewhere, features that KVM does not have.
 */
#define GIC_ROW_CONST(n, sec, off, len, w, b, irq, value, why)                                   \
	{                                                                                        \
		.name = n, .section = sec, .offset = off, .length = len, .widths = w, .bits = b, \
		.first = irq, .reset = value, .constant = why                                    \
	}

#define GIC_ROW_RESERVED(off, len, why)                                                       \
	{                                                                                     \
		.name = "reserved", .section = "IHI 0069 12.1", .offset = off, .length = len, \
		.flags = AM_REG_RESERVED, .constant = why                                     \
	}

#endif
