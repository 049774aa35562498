# SPDX-License-Identifier: MIT
"""The ITS by vgic-bench: its figures, and beside them those that were to be reached.

bench.py calls it. All times are of one thread unless it says otherwise, and of KVM's own sequences
(bench/vgic_bench.c); the figures to reach are at most, but for messages a second: at least.
"""
import os
import subprocess
import sys
import time

MSIS = ((1, '1 dev x 32', '1x32'), (16, '16 dev x 32', '16x32'), (1024, '1024 dev x 32', '1,024x32'))
LPIS = (('1 dev x 1024', 1, 1024), ('1024 dev x 1', 1024, 1), ('1 dev x 57344', 1, 57344),
        ('1024 dev x 56', 1024, 56))
# What is to be reached, in the order of LPIS.
COMMANDS = (('MAPD (new device)', 'MAPD', (None, 2e6, None, 2e6)),
            ('MAPTI, mean over the fill', 'MAPTI', (3.3e6,) * 4),
            ('INV, random', 'INV', (5e6,) * 4),
            ('MOVI, random', 'MOVI', (5e6,) * 4),
            ('DISCARD, random', 'DISCARD', (5e6,) * 4))
# The first time the host gives the tables' pages as well.
TABLES = (('save tables', 'save tables', (0.02, 0.05, 0.5, 0.6)),
          ('save tables again', 'save tables again', (0.02, 0.05, 0.5, 0.6)),
          ('restore tables', 'restore tables', (0.05, 0.08, 2, 2)),
          ('save LPI pending tables, 50% pending, all bits change', 'save pending tables',
           (0.1,) * 4))


def run(program):
    """Median by (configuration, what)."""
    out = subprocess.run([program, '-s', '456'], stdout=subprocess.PIPE, timeout=900,
                         check=True).stdout.decode()
    found = {}
    for line in out.splitlines():
        column = line.split('\t')
        if len(column) >= 8 and column[0] == 'armature':
            found[column[2], column[3].strip()] = float(column[4])
    return found


def copy_ms(size):
    """memcpy of as many bytes, the best of many."""
    source, to = memoryview(bytearray(os.urandom(size))), memoryview(bytearray(size))
    best = None
    for _ in range(200):
        start = time.perf_counter_ns()
        to[:] = source
        took = time.perf_counter_ns() - start
        best = took if best is None else min(best, took)
    return best / 1e6


def messages(found):
    for _, config, name in MSIS:
        one = found.get((f'64 vCPU, {config}, 1 thread', 'post+deliver+EOI'))
        two = found.get((f'64 vCPU, {config}, 2 threads', 'post+deliver+EOI'))
        if one:
            yield f'messages taken, {name}, 1 thread', 1e3 / one, 'million/s', 11
        if two:
            yield f'messages taken, {name}, 2 threads', 2e3 / two, 'million/s', 20


def commands(found):
    for what, name, goals in COMMANDS:
        for (config, nd, ne), goal in zip(LPIS, goals):
            ns = found.get((f'{config} = {nd * ne} LPIs', what))
            # One device tells little about MAPD: its words are allocated with it.
            if ns and goal:
                yield f'{name}, {nd:,}x{ne:,}', 1e3 / ns, 'million/s', goal / 1e6


def tables(found):
    for what, name, goals in TABLES:
        for (config, nd, ne), goal in zip(LPIS, goals):
            ms = found.get((f'{config} = {nd * ne} LPIs', what))
            if ms:
                yield f'{name}, {nd:,}x{ne:,}', ms, 'ms', goal
    for _, nd, ne in LPIS:
        yield f'memcpy of the tables\' bytes, {nd:,}x{ne:,}', copy_ms(8 * nd * (1 + ne)), 'ms', None


def memory(found):
    what = 'heap per mapped LPI incl. its share of devices'
    one = found.get(('1 dev x 57344 = 57344 LPIs', what))
    many = found.get(('1024 dev x 56 = 57344 LPIs', what))
    if one and many:
        yield 'memory of an LPI', one, 'bytes', 32
        # 1,024 devices instead of one, for as many LPIs.
        yield 'memory of a device besides', (many - one) * 57344 / 1023, 'bytes', None


def its(build):
    """Figures for bench.json; prints the table with the figures to reach."""
    program = f'{build}/bench/vgic-bench'
    if not os.path.exists(program):
        print('bench: vgic-bench is for x86-64', file=sys.stderr)
        return {}
    print('vgic-bench: the ITS', file=sys.stderr)
    found = run(program)
    rows = [*messages(found), *commands(found), *tables(found), *memory(found)]
    width = max(len(name) for name, *_ in rows)
    print(f'{"The ITS, devices x events":{width}}  {"here":>10}  {"to reach":>10}')
    for name, value, unit, goal in rows:
        reach = f'{goal:10.4f}' if goal is not None else ' ' * 10
        print(f'{name:{width}}  {value:10.4f}  {reach}  {unit}')
    print()
    return {f'its.{name}': (value, unit) for name, value, unit, _ in rows}
