#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure Armature beside qemu-system-aarch64 -accel tcg, in one run, and write bench.json.

    bench.py BUILDDIR [--no-boot] [--quick] [--only PART]

The loops of guests/bench run as the same image on both, alternating, three times each; the best
counts, because this is a comparison of engines and not of a machine's moods. Ratios: above 1,
Armature is faster. memory-bench and stage2-bench measure guest memory through the ABI and stage 2
tables by themselves, for which QEMU has no like; vgic-bench measures the interrupt controller alone,
with the sequences that other controllers are measured with, and its ITS beside the figures to reach
(its_bench.py). sdei-bench measures how long an SDEI event takes to its handler. boot_bench.py adds
the boot of the Debian kernel
(its ratio is time to time: below 1, Armature is faster).
"""
import argparse
import json
import os
import re
import subprocess
import sys

import its_bench

HERE = os.path.dirname(os.path.abspath(__file__))

SPEEDS = {'integer', 'memory', 'fp'}  # loops that are given as instructions a second
# The others: instructions of a round, and what a round is.
ROUNDS = {'exception': (4, 'ns per SVC and ERET'), 'tlbmiss': (5, 'ns per load that misses')}
SLOTS = ('1', '1000', '32767')


def run_loops(cmd):
    out = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300,
                         check=True).stdout.decode(errors='replace')
    found = {m[0]: (int(m[1]), int(m[2]))
             for m in re.findall(r'^bench (\w+) (\d+) (\d+)', out, re.M)}
    if not SPEEDS | {'exception'} <= set(found):
        sys.exit(f'bench: {cmd[0]} did not finish:\n{out}')
    # Nanoseconds per instruction, or per round.
    return {k: ns / n * ROUNDS.get(k, (1,))[0] for k, (n, ns) in found.items()}


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
    for k in best_a:
        if k in SPEEDS:
            res[f'cpu.{k}_mips'] = (1000 / best_a[k], 'million instructions/s')
        else:
            res[f'cpu.{k}_ns'] = (best_a[k], ROUNDS.get(k, (1, 'ns per instruction'))[1])
        if k in best_q:
            res[f'cpu.{k}_ratio_to_tcg'] = (best_q[k] / best_a[k], 'ratio of speeds')
    return res


def lines_of(cmd):
    """The lines "name<TAB>value[<TAB>unit]" of a program."""
    print(f'{os.path.basename(cmd[0])}', file=sys.stderr)
    out = subprocess.run(cmd, stdout=subprocess.PIPE, timeout=600, check=True).stdout.decode()
    for line in out.splitlines():
        name, value, *unit = line.split('\t')
        yield name, float(value), unit[0] if unit else 'ns'


def memory(build):
    res = {}
    image = f'{build}/bench/memory-guest.img'
    if os.path.exists(image):
        for name, v, unit in lines_of([f'{build}/bench/memory-bench', image]):
            res[f'memory.{name}'] = (v, unit)
    else:
        print('bench: no aarch64-linux-gnu-gcc, so no guest for memory-bench', file=sys.stderr)
    # Flat: what a lookup costs does not depend on how many slots there are.
    for k in [k for k in res if k.endswith(f'.{SLOTS[0]}_slots')]:
        stem = k[:-len(f'.{SLOTS[0]}_slots')]
        res[f'{stem}.most_to_one'] = (res[f'{stem}.{SLOTS[-1]}_slots'][0] / res[k][0],
                                      f'times, {SLOTS[-1]} slots to one')
    for name, v, unit in lines_of([f'{build}/bench/stage2-bench']):
        res[f'stage2.{name}'] = (v, unit)
    return res


def gic(build):
    res = {}
    program = f'{build}/bench/vgic-bench'
    if not os.path.exists(program):
        print('bench: vgic-bench is for x86-64', file=sys.stderr)
        return res
    print('vgic-bench', file=sys.stderr)
    out = subprocess.run([program, '-s', '1238'], stdout=subprocess.PIPE, timeout=600,
                         check=True).stdout.decode()
    for line in out.splitlines():
        column = line.split('\t')
        if len(column) < 8 or column[0] != 'armature':
            continue
        _, _, config, what, median, _, _, unit = column[:8]
        if float(median) > 0:
            res[f'gic.{what.strip()}, {config}'] = (float(median), unit)
    return res


def sdei(build):
    image = f'{build}/bench/sdei-guest.img'
    if not os.path.exists(image):
        print('bench: no aarch64-linux-gnu-gcc, so no guest for sdei-bench', file=sys.stderr)
        return {}
    return {f'sdei.{name}': (v, unit)
            for name, v, unit in lines_of([f'{build}/bench/sdei-bench', image])}


def boot(build, quick):
    cmd = [sys.executable, f'{HERE}/boot_bench.py', '--program', f'{build}/src/vmm/armature']
    if quick:
        cmd += ['--runs', '1']
    out = json.loads(subprocess.run(cmd, stdout=subprocess.PIPE, check=True).stdout)
    return {k: (v['value'], v['unit']) for k, v in out.items()}


def main():
    p = argparse.ArgumentParser()
    p.add_argument('build')
    p.add_argument('--no-boot', action='store_true')
    p.add_argument('--quick', action='store_true', help='one round of everything')
    p.add_argument('--only', choices=('loops', 'memory', 'gic', 'its', 'sdei', 'boot'),
                   help='one part')
    a = p.parse_args()
    parts = {a.only} if a.only else {'loops', 'memory', 'gic', 'its', 'sdei', 'boot'}
    if a.no_boot:
        parts -= {'boot'}
    res = {}
    if 'loops' in parts:
        res.update(loops(a.build, 1 if a.quick else 3))
    if 'memory' in parts:
        res.update(memory(a.build))
    if 'gic' in parts:
        res.update(gic(a.build))
    if 'its' in parts:
        res.update(its_bench.its(a.build))
    if 'sdei' in parts:
        res.update(sdei(a.build))
    if 'boot' in parts:
        res.update(boot(a.build, a.quick))
    width = max(len(k) for k in res)
    for k, (v, unit) in res.items():
        print(f'{k:{width}}  {v:13.3f}  {unit}')
    with open(f'{a.build}/bench.json', 'w', encoding='utf-8') as f:
        json.dump({k: {'value': round(v, 4), 'unit': unit} for k, (v, unit) in res.items()}, f,
                  indent=2)
        f.write('\n')


main()
