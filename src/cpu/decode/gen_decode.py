#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Generate the A64 decoder from the tables *.dec.

A row of a table is

    NAME   bits                                 ; section [; where C-expression]

where bits, most significant first, are runs of 0 and 1, '.' for a bit that is not looked at,
and fields name:width; together 32. The section is that of DDI 0487 (Arm ARM). The expression
speaks of the fields and excludes encodings of the row that belong elsewhere or to nobody.

Where two rows overlap, the one that fixes more bits wins; an overlap that neither fixes more
of is an error, unless both say `where`.

Written: a64_rows.h (rows, fields, prototypes), a64_match.c (word -> row, the row table),
a64_emit.c (row, word -> struct cpu_insn by the emit_NAME functions).
"""
import re
import sys


class Row:
    def __init__(self, name, bits, section, where, origin):
        self.name, self.section, self.where, self.origin = name, section, where, origin
        self.mask = self.value = 0
        self.fields = []
        pos = 32
        for tok in bits.split():
            m = re.fullmatch(r'([a-z]\w*):(\d+)', tok)
            if m:
                width = int(m.group(2))
                pos -= width
                self.fields.append((m.group(1), pos, width))
            elif re.fullmatch(r'[01.]+', tok):
                for ch in tok:
                    pos -= 1
                    if ch != '.':
                        self.mask |= 1 << pos
                        self.value |= int(ch) << pos
            else:
                fail(origin, f'{name}: cannot read {tok!r}')
        if pos != 0:
            fail(origin, f'{name}: {32 - pos} bits, not 32')
        names = [f[0] for f in self.fields]
        if len(set(names)) != len(names):
            fail(origin, f'{name}: a field twice')


def fail(origin, msg):
    sys.exit(f'{origin}: {msg}')


def parse(paths):
    rows, seen = [], {}
    for path in paths:
        with open(path, encoding='utf-8') as f:
            for n, line in enumerate(f, 1):
                line = line.split('#')[0].strip()
                if not line:
                    continue
                origin = f'{path}:{n}'
                parts = [p.strip() for p in line.split(';')]
                if len(parts) < 2:
                    fail(origin, 'a row needs a section')
                name, _, bits = parts[0].partition(' ')
                where = None
                if len(parts) > 2:
                    if not parts[2].startswith('where '):
                        fail(origin, f'cannot read {parts[2]!r}')
                    where = parts[2][6:]
                if name in seen:
                    fail(origin, f'{name} is also at {seen[name]}')
                seen[name] = origin
                rows.append(Row(name, bits, parts[1], where, origin))
    return rows


def check_overlaps(rows):
    for i, a in enumerate(rows):
        for b in rows[i + 1:]:
            both = a.mask & b.mask
            if (a.value ^ b.value) & both:
                continue
            if a.mask != b.mask and both in (a.mask, b.mask):
                continue
            if a.where and b.where:
                continue
            fail(b.origin, f'{b.name} and {a.name} ({a.origin}) overlap')


def popcount(x):
    return bin(x).count('1')


def field_expr(f):
    return f'(w >> {f[1]} & {hex((1 << f[2]) - 1)})'


def leaf(row, ind):
    cond = []
    cond.append(f'(w & 0x{row.mask:08x}u) == 0x{row.value:08x}u')
    if row.where:
        expr = row.where
        for f in sorted(row.fields, key=lambda f: -len(f[0])):
            expr = re.sub(rf'\b{f[0]}\b', field_expr(f), expr)
        cond.append(f'({expr})')
    return [f'{ind}if ({" && ".join(cond)})', f'{ind}\treturn A64_{row.name};']


def tree(rows, tested, depth):
    ind = '\t' * depth
    common = 0xffffffff & ~tested
    for r in rows:
        common &= r.mask
    if len(rows) <= 2 or not common:
        out = []
        for r in sorted(rows, key=lambda r: (-popcount(r.mask), r.where is None)):
            out += leaf(r, ind)
        return out
    groups = {}
    for r in rows:
        groups.setdefault(r.value & common, []).append(r)
    if len(groups) == 1:
        return tree(rows, tested | common, depth)
    out = [f'{ind}switch (w & 0x{common:08x}u) {{']
    for value in sorted(groups):
        out.append(f'{ind}case 0x{value:08x}u:')
        out += tree(groups[value], tested | common, depth + 1)
        out.append(f'{ind}\tbreak;')
    out.append(f'{ind}}}')
    return out


TOP = 0x1e000000  # bits 28:25, the manual's main encoding groups (C4.1)


def top(rows):
    """The first level splits on bits 28:25; a row that leaves one open goes to each value."""
    out = ['\tswitch (w >> 25 & 0xf) {']
    for g in range(16):
        v = g << 25
        some = [r for r in rows if not (r.value ^ v) & r.mask & TOP]
        if some:
            out.append(f'\tcase {g}:')
            out += tree(some, TOP & common_mask(some), 2)
            out.append('\t\tbreak;')
    out.append('\t}')
    return out


def common_mask(rows):
    m = 0xffffffff
    for r in rows:
        m &= r.mask
    return m


def main():
    outdir, paths = sys.argv[1], sys.argv[2:]
    rows = parse(paths)
    check_overlaps(rows)

    note = '/* SPDX-License-Identifier: MIT */\n/* Generated by gen_decode.py from the *.dec tables. */\n'
    with open(f'{outdir}/a64_rows.h', 'w', encoding='utf-8') as f:
        f.write(note)
        f.write('#ifndef AM_CPU_A64_ROWS_H\n#define AM_CPU_A64_ROWS_H\n\n')
        f.write('#include <stdbool.h>\n#include <stdint.h>\n\nstruct cpu_insn;\n\n')
        f.write('enum a64_row {\n\tA64_UNALLOCATED,\n')
        f.writelines(f'\tA64_{r.name},\n' for r in rows)
        f.write('\tA64_ROW_COUNT\n};\n\n')
        f.write('struct a64_field {\n\tconst char *name;\n\tuint8_t lo, width;\n};\n\n')
        f.write('struct a64_row_info {\n\tconst char *name, *section;\n\tuint32_t mask, value;\n'
                '\tuint8_t nr_fields;\n\tstruct a64_field fields[10];\n};\n\n')
        f.write('/* Indexed by enum a64_row; entry 0 is empty. */\n')
        f.write('extern const struct a64_row_info a64_rows[A64_ROW_COUNT];\n\n')
        f.write('enum a64_row a64_match(uint32_t w);\n')
        f.write('/* Fill *o for word w of the row; false: the encoding is unallocated. */\n')
        f.write('bool a64_emit(enum a64_row row, uint32_t w, struct cpu_insn *o);\n\n')
        for r in rows:
            f.write(f'/* {r.section} */\nstruct a64_{r.name} {{\n\tuint32_t w;\n')
            if r.fields:
                f.write('\tuint32_t ' + ', '.join(x[0] for x in r.fields) + ';\n')
            f.write('};\n')
            f.write(f'bool emit_{r.name}(struct cpu_insn *o, struct a64_{r.name} f);\n')
        f.write('\n#endif\n')

    with open(f'{outdir}/a64_match.c', 'w', encoding='utf-8') as f:
        f.write(note)
        f.write('#include "a64_rows.h"\n\n')
        f.write('enum a64_row a64_match(uint32_t w)\n{\n')
        f.write('\n'.join(top(rows)))
        f.write('\n\treturn A64_UNALLOCATED;\n}\n\n')
        f.write('const struct a64_row_info a64_rows[A64_ROW_COUNT] = {\n')
        for r in rows:
            fields = ', '.join(f'{{"{n}", {lo}, {w}}}' for n, lo, w in r.fields)
            f.write(f'\t[A64_{r.name}] = {{"{r.name}", "{r.section}", 0x{r.mask:08x}u, '
                    f'0x{r.value:08x}u, {len(r.fields)}, {{{fields}}}}},\n')
        f.write('};\n')

    with open(f'{outdir}/a64_emit.c', 'w', encoding='utf-8') as f:
        f.write(note)
        f.write('#include "a64_rows.h"\n\n')
        f.write('bool a64_emit(enum a64_row row, uint32_t w, struct cpu_insn *o)\n{\n\tswitch (row) {\n')
        for r in rows:
            init = ', '.join(['w'] + [field_expr(x) for x in r.fields])
            f.write(f'\tcase A64_{r.name}:\n\t\treturn emit_{r.name}(o, '
                    f'(struct a64_{r.name}){{{init}}});\n')
        f.write('\tdefault:\n\t\treturn false;\n\t}\n}\n')


main()
