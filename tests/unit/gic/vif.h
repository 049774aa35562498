/* SPDX-License-Identifier: MIT */
/*
 * A GICv3's virtual CPU interface, as hardware has it (IHI 0069 4.8, 12.3, 12.4), over the list
 * registers of am_gic_lr_fill: what a guest's ICC_* accesses do there, and when the maintenance
 * interrupt comes. Five bits of priority.
 */
#ifndef TEST_GIC_VIF_H
#define TEST_GIC_VIF_H

#include <armature/gic.h>

unsigned vif_iar(struct am_gic_lrs *s, unsigned group);
unsigned vif_hppir(const struct am_gic_lrs *s, unsigned group);
unsigned vif_rpr(const struct am_gic_lrs *s);
void vif_eoir(struct am_gic_lrs *s, unsigned group, unsigned intid);
void vif_dir(struct am_gic_lrs *s, unsigned intid);
/* AM_GIC_IRQ, AM_GIC_FIQ */
unsigned vif_lines(const struct am_gic_lrs *s);
/* Is there a reason to leave the guest? */
int vif_maintenance(const struct am_gic_lrs *s);

#endif
