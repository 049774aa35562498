/* SPDX-License-Identifier: MIT */
/*
 * What the random operations reached. The model counts as it goes; at the end everything in the
 * list must have happened, or the test would only seem to test it.
 */
#ifndef MODEL_COVER_H
#define MODEL_COVER_H

#include <stdbool.h>

#define COVER_COMMON(X)                                                          \
	X(ack_group0, "group 0 acknowledged")                                    \
	X(ack_group1, "group 1 acknowledged")                                    \
	X(ack_preempts, "acknowledged while another was active")                 \
	X(ack_depth3, "three priorities active")                                 \
	X(ack_depth5, "five priorities active")                                  \
	X(ack_none, "nothing to acknowledge")                                    \
	X(ack_other_group, "the best is of the other group")                     \
	X(ack_masked, "the best is masked by the priority mask")                 \
	X(ack_running, "the best does not preempt")                              \
	X(ack_coarse, "a binary point joined two priorities")                    \
	X(ack_cbpr, "group 1 acknowledged with the common binary point")         \
	X(ack_level, "level interrupt acknowledged, line high")                  \
	X(ack_level_latched, "level interrupt acknowledged, pending by a write") \
	X(ack_sgi, "SGI acknowledged")                                           \
	X(ack_ppi, "PPI acknowledged")                                           \
	X(ack_spi, "SPI acknowledged")                                           \
	X(tie, "several interrupts share the best priority")                     \
	X(tie_groups, "the best priority is shared by both groups")              \
	X(eoi_group0, "group 0's priority dropped")                              \
	X(eoi_group1, "group 1's priority dropped")                              \
	X(eoi_both, "the same priority active in both groups")                   \
	X(eoi_idle, "EOI with no priority active")                               \
	X(eoi_special, "EOI of a special INTID")                                 \
	X(eoi_deactivates, "EOI deactivated")                                    \
	X(eoi_inactive, "EOI of an interrupt that is not active")                \
	X(eoi_wrong_group, "EOI through the other group's register")             \
	X(eoi_elsewhere, "EOI of an SPI that is routed to another vCPU")         \
	X(eoi_drop_only, "EOI with EOImode 1")                                   \
	X(eoi_line_high, "deactivated with the line high")                       \
	X(eoi_latched, "deactivated with a new edge waiting")                    \
	X(dir_deactivates, "DIR deactivated")                                    \
	X(dir_elsewhere, "DIR by a vCPU the SPI is not routed to")               \
	X(dir_ignored, "DIR with EOImode 0")                                     \
	X(done_told, "end of a level-sensitive SPI reported")                    \
	X(edge_while_active, "edge while active")                                \
	X(line_while_active, "line rises while active")                          \
	X(line_falls_pending, "line falls before the interrupt was taken")       \
	X(line_falls_active, "line falls while active")                          \
	X(clear_line_high, "ICPENDR while the line is high")                     \
	X(set_pending_level, "ISPENDR of a level-sensitive interrupt")           \
	X(set_active, "ISACTIVER")                                               \
	X(clear_active, "ICACTIVER of an active interrupt")                      \
	X(disable_pending, "disabled while pending")                             \
	X(regroup_pending, "group changed while pending")                        \
	X(priority_pending, "priority changed while pending")                    \
	X(priority_active, "priority changed while active")                      \
	X(config_line_high, "configuration changed with the line high")          \
	X(move_pending, "retargeted while pending")                              \
	X(move_active, "retargeted while active")                                \
	X(dist_off, "distributor disabled with an interrupt pending")            \
	X(apr_written, "active priorities written")                              \
	X(reset_active, "vCPU reset with an interrupt active")                   \
	X(restore_active, "saved and restored with an interrupt active")         \
	X(restore_pending, "saved and restored with an interrupt pending")       \
	X(restore_nested, "saved and restored with two priorities active")       \
	X(access_byte, "8-bit access of a register that has them")               \
	X(access_refused, "access of a width or alignment that is refused")      \
	X(access_beyond, "fields of interrupts that do not exist")               \
	X(lr_access_v3, "access by way of list registers, GICv3")                \
	X(lr_access_v2, "access by way of list registers, GICv2")                \
	X(lr_full, "more pending than list registers")                           \
	X(lr_eoi_counted, "EOI of an interrupt without a list register")         \
	X(signal_irq, "IRQ signalled")                                           \
	X(signal_fiq, "FIQ signalled")

#define COVER_V3(X)                                                               \
	X(move_nobody, "routed to an affinity that nobody has")                   \
	X(moved_affinity, "a vCPU's affinity changed")                            \
	X(sgi_list, "SGI to a list")                                              \
	X(sgi_self, "SGI to oneself")                                             \
	X(sgi_others, "SGI to all others")                                        \
	X(sgi_cluster, "SGI to a vCPU beyond the sixteenth")                      \
	X(sgi_nobody, "SGI to an affinity that nobody has")                       \
	X(sgi_refused, "group 1 SGI refused to SGI0R or ASGI1R")                  \
	X(sgi0_taken, "group 0 SGI sent by SGI0R or ASGI1R")                      \
	X(owned_latched, "owned PPI pending by a write only")                     \
	X(restore_line, "saved and restored with a line high")                    \
	X(restore_edge_line, "saved and restored, edge with the line high")       \
	X(restore_cbpr, "saved and restored with the common binary point")        \
	X(restore_lost_route, "restored: the affinity of a route has nobody now") \
	X(user_latch, "user space sets and clears latches")                       \
	X(user_line, "user space raises a line")                                  \
	X(user_refused, "user space is refused a value")                          \
	X(user_ctlr_lowers, "user space lowers the number of priority bits")      \
	X(bpr1_ignored, "BPR1 written with the common binary point")              \
	X(sysreg_undefined, "system register that is undefined")                  \
	X(access_wide, "64-bit access")                                           \
	X(access_half, "half of a 64-bit register")                               \
	X(redist_other, "redistributor of another vCPU")

#define COVER_V2(X)                                                        \
	X(v2_ack_sources, "SGI acknowledged with several sources")         \
	X(v2_sgi_list, "GICD_SGIR: list")                                  \
	X(v2_sgi_others, "GICD_SGIR: all others")                          \
	X(v2_sgi_self, "GICD_SGIR: self")                                  \
	X(v2_sgi_reserved, "GICD_SGIR: reserved filter")                   \
	X(v2_sources_written, "GICD_SPENDSGIR, GICD_CPENDSGIR")            \
	X(v2_sgi_pend_ignored, "GICD_ISPENDR0 does not make SGIs pending") \
	X(v2_user_sgi, "user space makes an SGI pending by GICD_ISPENDR0") \
	X(v2_user_groups, "user space writes groups")                      \
	X(v2_user_groups_ignored, "user space may not write groups yet")   \
	X(v2_no_target, "no target")                                       \
	X(v2_group1_pending, "GICC_IAR answers 1022")                      \
	X(v2_ackctl, "GICC_IAR with AckCtl")                               \
	X(v2_restore_sources, "saved and restored with an SGI of several sources")

#define COVER_ENUM(name, text) COV_##name,
enum cover { COVER_COMMON(COVER_ENUM) COVER_V3(COVER_ENUM) COVER_V2(COVER_ENUM) COV_NR };

extern unsigned long cover_hits[COV_NR];

static inline void cover(enum cover what)
{
	cover_hits[what]++;
}

/* Prints the counts if @all, and what is missing; false if something is. */
bool cover_report(bool all);

#endif
