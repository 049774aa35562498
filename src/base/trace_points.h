/* SPDX-License-Identifier: MIT */
/*
 * Every trace point of the project, one line each: name, then a printf format. The first word of
 * the name is the folder. No include guard: it is read several times with POINT() defined
 * differently (trace.h, trace.c).
 */
/* clang-format off */
POINT(cpu_exception,   "vcpu %u pc 0x%llx to EL%u vector 0x%llx esr 0x%llx far 0x%llx")
POINT(cpu_eret,        "vcpu %u pc 0x%llx to 0x%llx pstate 0x%llx")
POINT(cpu_tlbi,        "vcpu %u op 0x%x arg 0x%llx")
POINT(cpu_code_flush,  "vcpu %u pages %u")
POINT(cpu_undefined,   "vcpu %u pc 0x%llx insn 0x%08x")
POINT(cpu_sysreg,      "vcpu %u pc 0x%llx unknown system register %s insn 0x%08x")
POINT(mem_slot,        "slot %u gpa 0x%llx size 0x%llx hva 0x%llx flags 0x%x")
POINT(mem_fault,       "ipa 0x%llx write %u size 0x%llx: %d")
POINT(timer_fire,      "vcpu %u timer %u level %u")
POINT(fw_call,         "vcpu %u fid 0x%x args 0x%llx 0x%llx 0x%llx")
POINT(fw_result,       "vcpu %u x0 0x%llx")
POINT(vm_mmio,         "vcpu %u ipa 0x%llx size %u write %u value 0x%llx")
POINT(vm_irqfd,        "fd %d gsi %u")
POINT(vm_ioeventfd,    "ipa 0x%llx size %u value 0x%llx")
POINT(vm_power,        "vcpu %u %s")
POINT(vm_wait,         "vcpu %u for %llu ns")
POINT(kvm_ioctl,       "fd %d request 0x%lx arg 0x%lx = %ld")
POINT(kvm_exit,        "vcpu %u reason %u result %d")
POINT(bus_add,         "frame %s at 0x%llx size 0x%x: %d")
POINT(bus_read,        "vcpu %u %s+0x%x len %u = 0x%llx")
POINT(bus_write,       "vcpu %u %s+0x%x len %u <- 0x%llx")
POINT(gic_init,        "irqs %u vcpus %u")
POINT(gic_map,         "dist 0x%llx redist 0x%llx: %d")
POINT(gic_line,        "vcpu %d intid %u level %d")
POINT(gic_signal,      "vcpu %u irq %d fiq %d")
POINT(gic_ack,         "vcpu %u group %u intid %u priority 0x%x")
POINT(gic_eoi,         "vcpu %u group %u intid %u running priority 0x%x")
POINT(gic_deactivate,  "vcpu %u intid %u")
POINT(gic_sgi,         "vcpu %u to vcpu %u intid %u")
POINT(gic_route,       "intid %u to vcpu %d")
POINT(gic_icc_undef,   "vcpu %u sysreg 0x%x write %d")
/* clang-format on */
