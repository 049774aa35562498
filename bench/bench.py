#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure Armature beside qemu-system-aarch64 -accel tcg, in one run, and write bench.json.

    bench.py BUILDDIR [--no-boot] [--quick]

The loops of guests/bench run as the same image on both, alternating, three times each; the best
counts, because this is a comparison of engines and not of a machine's moods. Ratios: above 1,
Armature is faster. boot_bench.py adds the boot of the Debian kernel (its ratio is time to time:
below 1, Armature is faster).
"""
import argparse
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run_loops(cmd):
    out = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300,
                         check=True).stdout.decode(errors='replace')
    found = {m[0]: (int(m[1]), int(m[2]))
             for m in re.findall(r'^bench (\w+) (\d+) (\d+)', out, re.M)}
    if set(found) != {'integer', 'memory', 'fp', 'exception'}:
        sys.exit(f'bench: {cmd[0]} did not finish:\n{out}')
    # Nanoseconds per instruction; of the exception loop, per round of 4 instructions.
    return {k: ns / n * (4 if k == 'exception' else 1) for k, (n, ns) in found.items()}


def loops(build, rounds):
    image = f'{build}/guests/guest-bench.img'
    ours = [f'{build}/src/vmm/armature', 'run', '--memory', '128M', '--kernel', image]
    qemu = ['qemu-system-aarch64', '-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-accel',
            'tcg', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-m', '128M',
            '-kernel', image]
    a, q = [], []
    for n in range(rounds):
        print(f'loops: round {n + 1} of {rounds}', file=sys.stderr)
        a.append(run_loops(ours))
        q.append(run_loops(qemu))
    best_a = {k: min(x[k] for x in a) for k in a[0]}
    best_q = {k: min(x[k] for x in q) for k in q[0]}
    res = {}
    for k in ('integer', 'memory', 'fp'):
        res[f'cpu.{k}_mips'] = (1000 / best_a[k], 'million instructions/s')
        res[f'cpu.{k}_ratio_to_tcg'] = (best_q[k] / best_a[k], 'ratio of speeds')
    res['cpu.exception_ns'] = (best_a['exception'], 'ns per SVC and ERET')
    res['cpu.exception_ratio_to_tcg'] = (best_q['exception'] / best_a['exception'],
                                         'ratio of speeds')
    return res


def main():
    p = argparse.ArgumentParser()
    p.add_argument('build')
    p.add_argument('--no-boot', action='store_true')
    p.add_argument('--quick', action='store_true', help='one round of everything')
    a = p.parse_args()
    res = loops(a.build, 1 if a.quick else 3)
    if not a.no_boot:
        cmd = [sys.executable, f'{HERE}/boot_bench.py', '--program', f'{a.build}/src/vmm/armature']
        if a.quick:
            cmd += ['--runs', '1']
        boot = json.loads(subprocess.run(cmd, stdout=subprocess.PIPE, check=True).stdout)
        res.update({k: (v['value'], v['unit']) for k, v in boot.items()})
    width = max(len(k) for k in res)
    for k, (v, unit) in res.items():
        print(f'{k:{width}}  {v:10.3f}  {unit}')
    with open(f'{a.build}/bench.json', 'w', encoding='utf-8') as f:
        json.dump({k: {'value': round(v, 4), 'unit': unit} for k, (v, unit) in res.items()}, f,
                  indent=2)
        f.write('\n')


main()
