#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot a bare-metal guest and read its test results.

    run.py ARMATURE IMAGE [--cpus N]      on Armature
    run.py --qemu IMAGE [--cpus N]        on qemu-system-aarch64, to compare

The guest prints TAP. Passes only if the guest powered off by itself, every planned test was
reported and none failed. With --qemu, the tests where QEMU 7.2 is known to differ from the
architecture are listed with the reason; any other failure fails.
"""
import argparse
import re
import subprocess
import sys

QEMU_DIFFERS = {
    'SP alignment is checked at EL0 while SCTLR_EL1.SA0 is set': 'QEMU never checks SP alignment',
    'a misaligned SP as base: EC 0x26 while SCTLR_EL1.SA is set': 'QEMU never checks SP alignment',
    'EL1 registers and instructions are UNDEFINED at EL0': '-cpu max has FEAT_IDST',
    'SCTLR_EL1.UCT, DZE, UCI, UMA and nTWI trap with EC 0x18 and 0x01':
        'QEMU 7.2 exchanges op1 and op2 in the syndrome of MSR DAIFSet',
    'DC ZVA clears a block of the size that DCZID_EL0 tells':
        'QEMU 7.2 does not fault on alignment in Device memory',
    'unaligned accesses to Normal memory work; SCTLR_EL1.A and devices fault':
        'QEMU 7.2 does not fault on alignment in Device memory',
    'a watchpoint: EC 0x35 before the access, by bytes and direction':
        'QEMU 7.2 reports WnR of the first hit for every later one',
    'a hardware breakpoint at EL1: EC 0x31, ELR is the instruction':
        'QEMU 7.2 has breakpoints while the OS lock is set',
    'STLR then LDAR is in order between two CPUs':
        'QEMU 7.2 on x86 has no barrier between a store-release and a load-acquire',
    'aborts beyond the address space: FAR is the IPA, ISS says no more than 0x10':
        'what KVM injects is not what a machine without EL2 does',
    'the same from EL0: EC 0x24': 'what KVM injects has the IPA in FAR',
    'a table walk into nothing: external abort of the access, FAR its address':
        'without EL2 it is an external abort on a walk',
    'a table walk into a device: the same': 'without EL2 the device is read',
    'a table walk beyond the address space: FAR is the table\'s page':
        'without EL2 it is an external abort on a walk',
    'a descriptor with an address above IPS: address size fault of its level':
        'QEMU 7.2 ignores address bits 51:48 while IPS is 48 bits or less',
    'a table base above IPS: address size fault, level 0':
        'QEMU 7.2 ignores address bits 51:48 while IPS is 48 bits or less',
    'a block\'s descriptor at level -1 (4K) or 0 (16K) is invalid':
        'QEMU 7.2 has blocks at every level but 3',
    'without TCR_EL1.DS there are no blocks of 512 GiB and 64 GiB':
        'QEMU 7.2 has blocks at every level but 3',
    "PSCI_FEATURES, AFFINITY_INFO and CPU_ON's errors": 'QEMU 7.2 has no SMCCC_VERSION',
}


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--qemu', action='store_true')
    p.add_argument('--cpus', type=int, default=1)
    p.add_argument('--timeout', type=int, default=120)
    p.add_argument('files', nargs='+')
    a = p.parse_args()
    if a.qemu:
        cmd = ['qemu-system-aarch64', '-M', 'virt,gic-version=3', '-cpu', 'max', '-nodefaults',
               '-display', 'none', '-serial', 'stdio', '-m', '128M', '-smp', str(a.cpus),
               '-kernel', a.files[-1]]
    else:
        cmd = [a.files[0], 'run', '--memory', '128M', '--cpus', str(a.cpus), '--no-reboot',
               '--kernel', a.files[1]]
    try:
        r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           timeout=a.timeout, check=False)
        out, status = r.stdout.decode(errors='replace'), r.returncode
    except subprocess.TimeoutExpired as e:
        out, status = (e.stdout or b'').decode(errors='replace'), 'timeout'
    print(out)
    ok, bad, plan = 0, [], None
    for line in out.splitlines():
        m = re.match(r'(not )?ok (\d+) - (.*)', line)
        if m and m.group(1):
            bad.append(m.group(3))
        elif m:
            ok += 1
        m = re.match(r'1\.\.(\d+)$', line)
        if m:
            plan = int(m.group(1))
    if a.qemu:
        for name in [b for b in bad if b in QEMU_DIFFERS]:
            print(f'differs as known: {name}: {QEMU_DIFFERS[name]}')
            bad.remove(name)
            ok += 1
    print(f'{ok} passed, {len(bad)} failed, plan {plan}, exit status {status}')
    sys.exit(0 if status == 0 and not bad and plan and ok == plan else 1)


main()
