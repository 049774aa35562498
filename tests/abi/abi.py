#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare include/armature/kvm*.h with Linux's arm64 headers.

usage: abi.py SOURCE-ROOT [--self-test] [--list]

Every constant (ioctl numbers included), every structure's size and alignment, and every field's
offset and size in our headers must be what <linux/kvm.h> of linux-libc-dev-arm64-cross says. The
values are computed by a compiler, not by this script: two generated translation units, one for
each header, hold the same table, and the tables are compared. A third, compiled for the machine at
hand, shows that the layout does not depend on the host's architecture.

A name with a remark like [6.4] in our header came with that Linux version. If the installed
headers are older it must be absent from them, else present and equal: nothing passes unnoticed.

--self-test changes one thing at a time in a copy of our headers and expects each to be noticed.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

CROSS = os.environ.get("AARCH64_CC", "aarch64-linux-gnu-gcc")
HOST = os.environ.get("CC", "cc").split()
HEADERS = ("kvm.h", "kvm_arm64.h")
MAGIC = 0x4D52412D_4142492D

# Arguments for the macros that take some. Each such macro of ours must have an entry.
SAMPLES = {
    "ARM64_SYS_REG": ("3, 0, 1, 2, 3", "2, 7, 15, 15, 7"),
    "ARM64_SYS_REG_SHIFT_MASK": ("5, OP2", "15, CRM", "15, CRN", "7, OP1", "3, OP0"),
    "KVM_ARM_FEATURE_ID_RANGE_INDEX": ("3, 0, 0, 4, 0", "3, 1, 0, 0, 1", "3, 3, 0, 0, 1"),
    "KVM_PSCI_FN": ("0", "3"),
    "KVM_REG_ARM64_SVE_FFR": ("0", "3"),
    "KVM_REG_ARM64_SVE_PREG": ("0, 0", "15, 31"),
    "KVM_REG_ARM64_SVE_ZREG": ("0, 0", "31, 31"),
    "KVM_REG_ARM_CORE_REG": ("regs.regs[0]", "regs.sp", "regs.pc", "regs.pstate", "sp_el1",
                             "elr_el1", "spsr[0]", "spsr[4]", "fp_regs.vregs[0]",
                             "fp_regs.vregs[31]", "fp_regs.fpsr", "fp_regs.fpcr"),
    "KVM_REG_ARM_FW_FEAT_BMAP_REG": ("2", "0x12345"),
    "KVM_REG_ARM_FW_REG": ("3", "0x12345"),
    "KVM_REG_SIZE": ("KVM_REG_SIZE_U8", "KVM_REG_SIZE_U2048"),
    "KVM_VM_TYPE_ARM_IPA_SIZE": ("0x130",),
}

# Names whose value differs in older Linux versions: (value before the remark's version).
OLDER_VALUES = {"KVM_DIRTY_LOG_PAGE_OFFSET": 0}

LINUX_PRELUDE = """
#include <stddef.h>
#define SZ_64K 0x10000 /* used by the uapi header, defined only inside the kernel */
#define GENMASK(h, l) (((~0UL) >> (63 - (h))) & ((~0UL) << (l)))
#include <linux/kvm.h>
"""
OURS_PRELUDE = "#include <stddef.h>\n#include <armature/kvm.h>\n"


class Failure(Exception):
    pass


def version(text):
    m = re.search(r"\[(\d+)\.(\d+)\]", text)
    return (int(m[1]), int(m[2])) if m else None


def macros_of(text):
    """[(name, has arguments, version or None)] of every public macro."""
    found = []
    for m in re.finditer(r"^#define (\w+)(\()?((?:.*\\\n)*.*)$", text, re.M):
        name = m[1]
        if name.startswith(("AM_", "ARMATURE_")):
            continue
        found.append((name, bool(m[2]), version(m[3])))
    return found


def structs_of(text):
    """[(name, version, [(field path, is flexible, version)])], read from our own plain style."""
    found = []
    for m in re.finditer(r"^struct (\w+) \{(.*)\n((?:.*\n)*?)\};", text, re.M):
        fields = []
        since = version(m[2])
        open_scopes = []  # (index of the first field inside, version)
        for line in m[3].splitlines():
            code = re.sub(r"/\*.*?\*/", "", line).strip()
            if re.fullmatch(r"(struct|union) \{", code):
                open_scopes.append((len(fields), version(line)))
                continue
            if m2 := re.fullmatch(r"\} ?(\w*);", code):
                start, inner = open_scopes.pop()
                prefix = m2[1] + "." if m2[1] else ""
                fields[start:] = [(prefix + path, flexible, own or inner)
                                  for path, flexible, own in fields[start:]]
                continue
            if m2 := re.fullmatch(r"(?:struct )?\w+ \*?(\w+)(\[\w*\])?;", code):
                fields.append((m2[1], m2[2] == "[]", version(line)))
            elif code and not re.match(r"\*|/\*", code):
                raise Failure(f"struct {m[1]}: cannot read the line {code!r}")
        found.append((m[1], since, fields))
    return found


def run(argv, **kwargs):
    return subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, **kwargs)


def table(compiler, prelude, rows, include, work, tag):
    """The values of rows, [(label, expression)], as the compiler sees them."""
    source = os.path.join(work, tag + ".c")
    obj = os.path.join(work, tag + ".o")
    with open(source, "w", encoding="utf-8") as f:
        f.write(prelude)
        f.write(f"const unsigned long long am_abi[] = {{ {MAGIC:#x}ULL,\n")
        for label, expression in rows:
            f.write(f"(unsigned long long)({expression}), /* {label} */\n")
        f.write("};\n")
    argv = compiler + ["-std=gnu11", "-c", "-o", obj, source] + include
    result = run(argv)
    if result.returncode:
        errors = [line.split("error: ", 1)[1] for line in result.stderr.splitlines()
                  if "error: " in line]
        raise Failure(f"{tag} does not compile: " + "; ".join(errors or [result.stderr]))
    with open(obj, "rb") as f:
        data = f.read()
    at = data.index(struct.pack("<Q", MAGIC)) + 8
    return struct.unpack_from(f"<{len(rows)}Q", data, at)


def linux_names(work):
    """Macro names, then every other identifier of Linux's header, and its version."""
    probe = os.path.join(work, "probe.c")
    with open(probe, "w", encoding="utf-8") as f:
        f.write("#include <linux/version.h>\n" + LINUX_PRELUDE)
    defines = run([CROSS, "-E", "-dM", probe])
    text = run([CROSS, "-E", "-P", probe])
    if defines.returncode or text.returncode:
        raise Failure("<linux/kvm.h> cannot be read: " + defines.stderr)
    macros = set(re.findall(r"^#define (\w+)", defines.stdout, re.M))
    words = set(re.findall(r"\w+", text.stdout))
    code = int(re.search(r"^#define LINUX_VERSION_CODE (\d+)", defines.stdout, re.M)[1])
    return macros, words, (code >> 16, code >> 8 & 0xFF)


def rows_of(macros, structs):
    """[(label, expression, name that Linux must know, version, what a missing one is called)]"""
    rows = []
    for name, has_arguments, since in macros:
        if not has_arguments:
            rows.append((name, name, name, since))
            continue
        if name not in SAMPLES:
            raise Failure(f"{name} takes arguments and has no sample in abi.py")
        rows += [(f"{name}({a})", f"{name}({a})", name, since) for a in SAMPLES[name]]
    for name, since, fields in structs:
        rows.append((f"sizeof(struct {name})", f"sizeof(struct {name})", name, since))
        rows.append((f"alignof(struct {name})", f"_Alignof(struct {name})", name, since))
        for path, flexible, own in fields:
            last = path.split(".")[-1]
            if last.startswith("am_"):
                continue
            since_field = own or since
            # A nested structure's members are newer with it: ask for the outermost new name.
            key = path.split(".")[0] if own else name
            at = f"offsetof(struct {name}, {path})"
            rows.append((at, at, key, since_field))
            if not flexible:
                size = f"sizeof(((struct {name} *)0)->{path})"
                rows.append((size, size, key, since_field))
    return rows


def check(include_dir, work):
    """Returns (problems, rows compared, names newer than the installed headers)."""
    text = ""
    for header in HEADERS:
        with open(os.path.join(include_dir, "armature", header), encoding="utf-8") as f:
            text += f.read()
    macros, structs = macros_of(text), structs_of(text)
    if len(macros) < 300 or len(structs) < 35:
        raise Failure(f"only {len(macros)} constants and {len(structs)} structures found")
    rows = rows_of(macros, structs)
    linux_macros, linux_words, linux_version = linux_names(work)

    problems, both, newer = [], [], set()
    for label, expression, name, since in rows:
        known = name in linux_macros or name in linux_words
        if since and since > linux_version:
            field = label.startswith(("offsetof", "sizeof(((")) and name not in (
                s[0] for s in structs)
            if known and not field and name not in OLDER_VALUES:
                problems.append(f"{label}: marked [{since[0]}.{since[1]}], but Linux "
                                f"{linux_version[0]}.{linux_version[1]} has it")
            newer.add(label)
        elif known:
            both.append((label, expression))
        else:
            problems.append(f"{label}: not in Linux {linux_version[0]}.{linux_version[1]} "
                            "and not marked as newer")
    ours_include = ["-I", include_dir]
    try:
        theirs = table([CROSS], LINUX_PRELUDE, both, [], work, "linux")
    except Failure as e:
        return problems + [str(e)], len(both), newer
    ours = table([CROSS], OURS_PRELUDE, both, ours_include, work, "ours")
    for (label, _), our, their in zip(both, ours, theirs):
        if our != their:
            problems.append(f"{label}: {our:#x}, Linux has {their:#x}")

    every = [(row[0], row[1]) for row in rows]
    target = table([CROSS], OURS_PRELUDE, every, ours_include, work, "ours-arm64")
    host = table(HOST, OURS_PRELUDE, every, ours_include, work, "ours-host")
    for (label, _), our, here in zip(every, target, host):
        if our != here:
            problems.append(f"{label}: {our:#x} on arm64, {here:#x} on this machine")
    return problems, len(both), newer


# What the self-test changes: file, text, replacement, and what the complaint must name.
MUTATIONS = [
    ("kvm.h", "KVM_CAP_ARM_VM_IPA_SIZE\t\t       165", "KVM_CAP_ARM_VM_IPA_SIZE 166",
     "KVM_CAP_ARM_VM_IPA_SIZE"),
    ("kvm.h", "AM_KVM_IO(0x80)", "AM_KVM_IO(0x81)", "KVM_RUN"),
    ("kvm.h", "uint8_t immediate_exit;", "uint16_t immediate_exit;", "kvm_run"),
    ("kvm.h", "uint64_t phys_addr;\n\t\t\tuint8_t data[8];",
     "uint8_t data[8];\n\t\t\tuint64_t phys_addr;", "mmio.phys_addr"),
    ("kvm.h", "uint64_t memory_size; /* bytes", "uint32_t memory_size; /* bytes",
     "memory_size"),
    ("kvm.h", "#define KVM_CAP_ONE_REG", "#define KVM_CAP_ONE_REGISTER 70\n#define KVM_CAP_ONE_REG",
     "KVM_CAP_ONE_REGISTER"),
    ("kvm.h", "uint64_t am_align[4];", "", "alignof(struct kvm_irq_routing_entry)"),
    ("kvm.h", "uint64_t addr;\n\tuint32_t len;", "uint32_t addr;\n\tuint32_t len;",
     "kvm_ioeventfd"),
    ("kvm_arm64.h", "KVM_REG_ARM_TIMER_CVAL\tARM64_SYS_REG(3, 3, 14, 0, 2)",
     "KVM_REG_ARM_TIMER_CVAL ARM64_SYS_REG(3, 3, 14, 3, 2)", "KVM_REG_ARM_TIMER_CVAL"),
    ("kvm_arm64.h", "KVM_ARM_VCPU_PMU_V3\t     3", "KVM_ARM_VCPU_PMU_V3 4", "KVM_ARM_VCPU_PMU_V3"),
    ("kvm_arm64.h", "uint8_t pad[5];", "uint8_t pad[4];", "exception.pad"),
    ("kvm_arm64.h", "uint32_t features[7];", "uint32_t features[8];", "KVM_ARM_VCPU_INIT"),
    ("kvm_arm64.h", "uint64_t dbg_bcr[KVM_ARM_MAX_DBG_REGS];\n\tuint64_t dbg_bvr",
     "uint64_t dbg_bvr[KVM_ARM_MAX_DBG_REGS];\n\tuint64_t dbg_bcr", "dbg_bcr"),
    ("kvm_arm64.h", "struct kvm_sync_regs {\n\tuint64_t",
     "struct kvm_sync_regs {\n\tvolatile long long",
     "cannot read"),
    ("kvm_arm64.h", "uint64_t guest_ipa;", "unsigned guest_ipa;", "guest_ipa"),
    ("kvm_arm64.h", "KVM_ARM_VCPU_HAS_EL2\t     7 /* [6.3] */", "KVM_ARM_VCPU_HAS_EL2 7",
     "KVM_ARM_VCPU_HAS_EL2"),
    ("kvm_arm64.h", "KVM_ARM_VCPU_SVE\t     4 /*", "KVM_ARM_VCPU_SVE\t     4 /* [9.9]",
     "KVM_ARM_VCPU_SVE"),
]


def self_test(root, work):
    failed = 0
    for n, (header, old, new, name) in enumerate(MUTATIONS):
        copy = os.path.join(work, f"m{n}")
        shutil.copytree(os.path.join(root, "include"), copy)
        path = os.path.join(copy, "armature", header)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if text.count(old) < 1:
            print(f"FAIL: mutation {n}: {old!r} is not in {header}")
            failed += 1
            continue
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new, 1))
        try:
            problems = check(copy, work)[0]
        except Failure as e:
            problems = [str(e)]
        seen = [p for p in problems if name in p]
        if not seen:
            print(f"FAIL: mutation {n} ({old!r} -> {new!r}) was not noticed: {problems}")
            failed += 1
        else:
            print(f"noticed: {seen[0][:120]}")
    print(f"{len(MUTATIONS) - failed} of {len(MUTATIONS)} changes noticed")
    return 1 if failed else 0


def main(argv):
    root = argv[1]
    if not shutil.which(CROSS):
        print(f"skipped: no {CROSS}; install gcc-aarch64-linux-gnu and linux-libc-dev-arm64-cross")
        return 77
    with tempfile.TemporaryDirectory() as work:
        if "--self-test" in argv:
            return self_test(root, work)
        try:
            problems, compared, newer = check(os.path.join(root, "include"), work)
        except Failure as e:
            problems, compared, newer = [str(e)], 0, set()
    for problem in problems:
        print("FAIL: " + problem)
    if "--list" in argv:
        print("newer than the installed headers, host layout only:", *sorted(newer), sep="\n  ")
    print(f"{compared} values equal Linux's, {len(newer)} newer than the installed headers"
          if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
