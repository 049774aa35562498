#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The interrupt controller, and stage 2 tables, run where there is no operating system.

Compiles the sources of each (see PARTS) without a hosted C library, for this machine and (as a
hypervisor at EL2 would) for arm64 without floating-point registers, links them into one object, and
looks at what is still undefined: nothing but the <string.h> functions that any compiler may call by
itself.

usage: standalone.py SOURCE-ROOT
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

ALLOWED = {"memcpy", "memset", "memmove", "memcmp", "strlen", "strcmp", "strncmp"}
FLAGS = ["-std=gnu11", "-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pic", "-Wall",
         "-Wextra", "-Wno-unused-parameter", "-Werror", "-fno-strict-aliasing"]
PARTS = [
    ("gic", ["base/*.c", "bus/*.c", "gic/*.c"]),
    ("stage2", ["mem/s2*.c"]),
]
TARGETS = [
    ("host", os.environ.get("CC", "cc").split(), "ld", "nm", []),
    ("arm64 at EL2", ["aarch64-linux-gnu-gcc"], "aarch64-linux-gnu-ld", "aarch64-linux-gnu-nm",
     ["-mgeneral-regs-only", "-mno-outline-atomics", "-mstrict-align"]),
]


def run(argv):
    result = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True,
                            text=True)
    if result.returncode:
        raise RuntimeError(" ".join(argv[:1] + argv[-3:]) + "\n" + result.stderr)
    return result.stdout


def undefined(root, sources, target, work):
    _, compiler, ld, nm, flags = target
    objects = []
    # No header but the compiler's own.
    own = ["-nostdinc", "-isystem", run(compiler + ["-print-file-name=include"]).strip()]
    for source in sources:
        objects.append(os.path.join(work, os.path.relpath(source, root).replace("/", "_") + ".o"))
        run(compiler + FLAGS + flags + own + ["-I", root + "/include", "-I", root + "/src",
                                              "-c", source, "-o", objects[-1]])
    whole = os.path.join(work, "whole.o")
    run([ld, "-r", "-o", whole, *objects])
    return {line.split()[-1] for line in run([nm, "-u", whole]).splitlines()}


def check(root, part, sources, target):
    what = f"{part}, {target[0]}"
    try:
        with tempfile.TemporaryDirectory() as work:
            needs = undefined(root, sources, target, work)
    except RuntimeError as e:
        print(f"{what}: {e}")
        return False
    bad = sorted(needs - ALLOWED)
    print(f"{what}: {len(sources)} files need {', '.join(sorted(needs)) or 'nothing'}"
          + (f"; not allowed: {', '.join(bad)}" if bad else ""))
    return not bad and bool(sources)


def main(root):
    failed = False
    for part, patterns in PARTS:
        sources = sorted(s for p in patterns for s in glob.glob(f"{root}/src/{p}"))
        for target in TARGETS:
            if not shutil.which(target[1][0]):
                print(f"{target[0]}: skipped, no {target[1][0]}")
                continue
            failed |= not check(root, part, sources, target)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
