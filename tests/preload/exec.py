#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command line of "armature exec": exit statuses, messages, how programs and the library are
found, and what the options do."""
import argparse
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

ARGS = None
PT_NULL, PT_INTERP = 0, 3
OTHER_MACHINE = 243  # RISC-V
LIBRARY = "libarmature-kvm.so"


def run(*arguments, armature=None, cwd=None, env=None):
    return subprocess.run([armature or ARGS.armature, "exec", *arguments], check=False, cwd=cwd,
                          env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data, mode=0o755):
        with open(self.path(name), "wb") as f:
            f.write(data)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def expect(self, result, status, *said):
        self.assertEqual(result.returncode, status, result.stderr)
        for text in said:
            self.assertIn(text, result.stderr)
        if status and said:
            self.assertTrue(result.stderr.startswith("armature: "), result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)


def program(which=None):
    with open(which or ARGS.native, "rb") as f:
        return bytearray(f.read())


def without_interpreter(elf):
    """What a statically linked program looks like."""
    start, = struct.unpack_from("<Q", elf, 32)
    size, number = struct.unpack_from("<HH", elf, 54)
    for n in range(number):
        if struct.unpack_from("<I", elf, start + n * size)[0] == PT_INTERP:
            struct.pack_into("<I", elf, start + n * size, PT_NULL)
    return elf


class CommandLine(Case):
    def test_help(self):
        result = run("--help")
        self.expect(result, 0)
        self.assertIn("usage: armature exec", result.stdout)
        self.assertIn("--ipa-limit", result.stdout)

    def test_bad_arguments(self):
        self.expect(run(), 2, "no program given")
        self.expect(run("--"), 2, "no program given")
        self.expect(run("--nonsense", "x"), 2, "--nonsense", "not an option")
        self.expect(run("--ipa-limit"), 2, "needs a value")
        for bits in ("31", "53", "", "x", "40x", "-1", "99999999999999999999"):
            self.expect(run("--ipa-limit", bits, ARGS.native), 2, "--ipa-limit")
        self.expect(run("--trace", "nonsense", ARGS.native), 2, "no event")

    def test_trace_help(self):
        result = run("--trace", "help")
        self.expect(result, 0)
        self.assertIn("kvm_ioctl", result.stdout.split())

    def test_arguments_are_the_programs(self):
        self.expect(run(ARGS.native, "status", "7"), 7)
        self.expect(run("--", ARGS.native, "status", "8"), 8)
        self.expect(run(ARGS.native, "--help", "--ipa-limit"), 0)


class Programs(Case):
    def test_not_found(self):
        self.expect(run("/nonexistent/program"), 127, "No such file")
        self.expect(run("no-program-has-this-name"), 127, "No such file")
        self.expect(run(""), 127)
        self.expect(run("/dev/null/program"), 127)

    def test_cannot_run(self):
        self.expect(run(self.folder), 126, "Permission denied")
        self.expect(run(self.write("plain", program(), 0o644)), 126, "Permission denied")
        self.expect(run(self.write("text", b"echo hello\n")), 126, "no 64-bit ELF program")
        self.expect(run(self.write("empty", b"")), 126, "no 64-bit ELF program")
        self.expect(run(self.write("script", b"#!/bin/sh\n")), 126, "is a script", "sh ")
        self.expect(run("./" + "x" * 5000), 126)

    def test_broken_elf(self):
        elf = program()
        for size in (4, 20, 63, 64, 100):
            self.expect(run(self.write("short", elf[:size])), 126, "no 64-bit ELF program")
        for offset, fmt, value in ((4, "B", 1), (5, "B", 2), (16, "<H", 1), (32, "<Q", 1 << 63),
                                   (32, "<Q", (1 << 64) - 8), (54, "<H", 1)):
            broken = program()
            struct.pack_into(fmt, broken, offset, value)
            self.expect(run(self.write("broken", broken)), 126, "no 64-bit ELF program")
        # No end in sight for the interpreter's name.
        start, = struct.unpack_from("<Q", elf, 32)
        size, number = struct.unpack_from("<HH", elf, 54)
        for n in range(number):
            if struct.unpack_from("<I", elf, start + n * size)[0] == PT_INTERP:
                struct.pack_into("<Q", elf, start + n * size + 32, 1 << 40)
        self.expect(run(self.write("broken", elf)), 126, "no 64-bit ELF program")

    def test_other_machine(self):
        elf = program()
        struct.pack_into("<H", elf, 18, OTHER_MACHINE)
        self.expect(run(self.write("other", elf)), 126, "another machine")

    def test_static(self):
        self.expect(run(self.write("static", without_interpreter(program()))), 2,
                    "statically linked")
        if ARGS.aarch64:
            self.expect(run(self.write("static", without_interpreter(program(ARGS.aarch64)))), 2,
                        "statically linked")

    def test_path_search(self):
        name = "program-on-the-path"
        shutil.copy(ARGS.native, self.path(name))
        os.mkdir(self.path("folder"))
        os.mkdir(self.path("folder/" + name))
        path = self.path("folder") + ":" + self.folder + ":" + os.environ.get("PATH", "")
        self.expect(run(name, "status", "9", env={"PATH": path}), 9)
        self.expect(run(name, "status", "9", env={"PATH": ":/nonexistent"}, cwd=self.folder), 9)
        self.expect(run(name, env={"PATH": self.path("folder")}), 126, "Permission denied")


class Library(Case):
    machine = platform.machine()

    def test_named(self):
        env = {"ARMATURE_KVM_LIBRARY": self.path("nothing.so")}
        self.expect(run(ARGS.native, "names", env=env), 5, "ARMATURE_KVM_LIBRARY", "No such file")
        env = {"ARMATURE_KVM_LIBRARY": self.write("text.so", b"not a library")}
        self.expect(run(ARGS.native, "names", env=env), 5, "not a library")
        elf = program(ARGS.native_library)
        struct.pack_into("<H", elf, 18, OTHER_MACHINE)
        env = {"ARMATURE_KVM_LIBRARY": self.write("other.so", elf)}
        self.expect(run(ARGS.native, "names", env=env), 5, "not for " + self.machine)
        env = {"ARMATURE_KVM_LIBRARY": shutil.copy(ARGS.native_library, self.path("a copy.so"))}
        self.expect(run(ARGS.native, "names", env=env), 5, "blank")
        env = {"ARMATURE_KVM_LIBRARY": shutil.copy(ARGS.native_library, self.path("copy.so"))}
        self.expect(run(ARGS.native, "names", env=env), 0)

    def install(self):
        os.makedirs(self.path("usr/bin"))
        return shutil.copy(ARGS.armature, self.path("usr/bin/armature"))

    def put_library(self, machine, library):
        os.makedirs(self.path(f"usr/lib/armature/{machine}"))
        shutil.copy(library, self.path(f"usr/lib/armature/{machine}/{LIBRARY}"))

    def test_installed(self):
        armature = self.install()
        self.expect(run(ARGS.native, "names", armature=armature), 5, LIBRARY)
        self.put_library(self.machine, ARGS.native_library)
        self.expect(run(ARGS.native, "names", armature=armature), 0)

    def test_installed_aarch64(self):
        if not ARGS.aarch64:
            self.skipTest("no AArch64 program")
        armature = self.install()
        self.expect(run(ARGS.aarch64, "names", armature=armature), 5, LIBRARY, "aarch64")
        self.put_library("aarch64", ARGS.aarch64_library)
        self.expect(run(ARGS.aarch64, "names", armature=armature), 0)

    def test_others_stay_preloaded(self):
        """What the user preloads is loaded too: here, something that cannot be."""
        result = run(ARGS.native, "names", env={"LD_PRELOAD": self.path("nothing.so")})
        self.expect(result, 0)
        self.assertIn("nothing.so", result.stderr)


class Options(Case):
    def programs(self):
        return [p for p in (ARGS.native, ARGS.aarch64) if p]

    def test_ipa_limit(self):
        for path in self.programs():
            self.expect(run(path, "ipa", "52"), 0)
            for bits in ("32", "36", "40", "47", "48"):
                self.expect(run("--ipa-limit", bits, path, "ipa", bits), 0)
            self.expect(run("--ipa-limit=39", path, "ipa", "40"), 1)

    def test_trace(self):
        for path in self.programs():
            result = run("--trace", "kvm_ioctl", "--", path, "mmio")
            self.expect(result, 0)
            self.assertIn("kvm_ioctl: ", result.stderr)
            self.assertNotIn("kvm_exit: ", result.stderr)
            self.assertEqual(run(path, "mmio").stderr, "")

    def test_qemu(self):
        if not ARGS.aarch64 or platform.machine() == "aarch64":
            self.skipTest("no AArch64 program that needs it")
        self.expect(run(ARGS.aarch64, "status", "7"), 7)
        self.expect(run(ARGS.aarch64, env={"ARMATURE_QEMU": self.path("qemu")}), 5, "qemu-user")


def main():
    global ARGS
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("armature", "native", "native-library", "aarch64", "aarch64-library"):
        parser.add_argument("--" + name, type=os.path.abspath)
    ARGS, rest = parser.parse_known_args()
    # What the caller has set must not change what is expected here.
    for name in ("ARMATURE_IPA_LIMIT", "ARMATURE_TRACE", "ARMATURE_KVM_LIBRARY", "ARMATURE_QEMU",
                 "LD_PRELOAD", "QEMU_LD_PREFIX"):
        os.environ.pop(name, None)
    unittest.main(argv=[sys.argv[0], "-v", *rest])


if __name__ == "__main__":
    main()
