#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad arguments, bad files and bad guests: the program says what is wrong, with the status its
help promises; a guest never ends it; Ctrl-A x always does, and gives the terminal back.

The guests are assembled here, word by word.
"""
import argparse
import gzip
import os
import pty
import select
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest  # noqa: E402

PROGRAM = os.path.join(guest.ROOT, "build/src/vmm/armature")
TIMEOUT = 60
MIB = 1 << 20


# ---- a very small assembler ----

def movz(rd, imm, shift=0):
    return 0xd2800000 | shift // 16 << 21 | imm << 5 | rd


def movk(rd, imm, shift):
    return 0xf2800000 | shift // 16 << 21 | imm << 5 | rd


def mov(rd, value):
    """Any 64-bit constant."""
    words = [movz(rd, value & 0xffff)]
    words += [movk(rd, value >> s & 0xffff, s) for s in (16, 32, 48) if value >> s & 0xffff]
    return words


def add(rd, rn, rm):
    return 0x8b000000 | rm << 16 | rn << 5 | rd


def cmp(rn, rm):
    return 0xeb00001f | rm << 16 | rn << 5


def b(words):
    return 0x14000000 | words & 0x3ffffff


def b_lo(words):
    return 0x54000003 | (words & 0x7ffff) << 5


def br(rn):
    return 0xd61f0000 | rn << 5


STRB, STRH, STRW, STRX = 0x39000000, 0x79000000, 0xb9000000, 0xf9000000
LDRB, LDRH, LDRW, LDRX = 0x39400000, 0x79400000, 0xb9400000, 0xf9400000
HVC = 0xd4000002
WFI = 0xd503207f
NOP = 0xd503201f
MSR_VBAR = 0xd518c000  # msr vbar_el1, x0
MASK_ALL = 0xd5034fdf  # msr daifset, #15


def ldst(op, rt, rn):
    return op | rn << 5 | rt


def put(text):
    """Prints a text at the UART, in x9 and x10."""
    words = mov(9, 0x09000000)
    for c in text.encode():
        words += mov(10, c) + [ldst(STRW, 10, 9)]
    return words


def power_off():
    return mov(0, 0x84000008) + [HVC]


def sweep(op, start, end, step):
    """Does @op with x1 at each address; x0, x2 and x3 are used."""
    return mov(0, start) + mov(2, step) + mov(3, end) + [
        ldst(op, 1, 0), add(0, 0, 2), cmp(0, 3), b_lo(-3)]


def image(words, image_size=65536, text_offset=0):
    """An arm64 Image: its first instruction jumps over the 64-byte header."""
    header = bytearray(64)
    header[0:4] = b(16).to_bytes(4, "little")
    header[8:16] = text_offset.to_bytes(8, "little")
    header[16:24] = image_size.to_bytes(8, "little")
    header[56:60] = b"ARMd"
    return bytes(header) + b"".join(w.to_bytes(4, "little") for w in words)


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.dir.cleanup()

    def file(self, name, data=b"", size=None):
        path = os.path.join(self.dir.name, name)
        with open(path, "wb") as f:
            f.write(data)
            if size is not None:
                f.truncate(size)
        return path

    def good(self):
        return self.file("good", image(put("ran\n") + power_off()))

    def run_program(self, *args):
        return subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT)

    def refused(self, status, text, *args):
        """One line on standard error, with @text in it; nothing on standard output."""
        r = self.run_program(*args)
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertEqual(r.stdout, b"")
        self.assertTrue(r.stderr.startswith(b"armature: "), r.stderr)
        self.assertEqual(r.stderr.count(b"\n"), 1, r.stderr)
        self.assertIn(text.encode(), r.stderr)

    def kernel_refused(self, text, path, *args):
        self.refused(3, text, "run", "--kernel", path, "--memory", "64M", *args)


class Arguments(Base):
    def test_numbers_out_of_range(self):
        k = self.good()
        for option, value, text in (
                ("--cpus", "0", "from 1 to 512"), ("--cpus", "513", "from 1 to 512"),
                ("--cpus", "", "from 1 to 512"), ("--cpus", "-3", "from 1 to 512"),
                ("--memory", "1", "at least 16M"), ("--memory", "1K", "at least 16M"),
                ("--memory", "16777215T", "does not fit"), ("--memory", "99999999T", "256M"),
                ("--memory", "much", "256M"),
                ("--ipa-bits", "31", "from 32 to 52"), ("--ipa-bits", "53", "from 32 to 52"),
                ("--ipa-bits", "", "from 32 to 52"), ("--ipa-bits", "0x28", "from 32 to 52"),
                ("--ram-base", "0", "0x100000000 or 4G, or top"), ("--ram-base", "1048576",
                 "0x100000000 or 4G"), ("--ram-base", "0x", "0x100000000 or 4G"),
                ("--ram-base", "0x10000000000000000", "0x100000000 or 4G"),
                ("--ram-base", "512M", "at least 1G"), ("--ram-base", "0x40100000", "2M"),
                ("--ram-base", "0xffffffffffe00000", "no room for memory there"),
                ("--memory", "16M1", "256M"), ("--gic-version", "4", "2 or 3"),
                ("--redist-region", "0x10000000", "0x80a0000,16"),
                ("--redist-region", "here,1", "not an address"),
                ("--redist-region", "0x10000000,0", "from 1 to 4095"),
                ("--redist-region", "0x10000000,4096", "from 1 to 4095"),
                ("--redist-region", "0x10001000,1", "multiple of 64K"),
                ("--redist-region", "0x08000000,1", "the GIC's distributor is there"),
                ("--redist-region", "0x08ff0000,1", "the UART is there"),
                ("--redist-region", "0x40000000,1", "memory is there"),
                ("--recreate-every", "0", "1 to 1000000"),
                ("--accel", "hvf", "auto, armature or kvm"),
                ("--trace", "no_such_event", "--trace help")):
            self.refused(2, text, "run", "--kernel", k, option, value)

    def test_address_spaces_too_small(self):
        """What does not fit is refused, with the largest that does; and that does."""
        k = self.good()
        most = "at most %s\n"
        for args, text in (
                (["--ipa-bits", "32", "--memory", "4G"], most % "3G"),
                (["--ipa-bits", "36", "--memory", "64G"], most % "63G"),
                (["--ipa-bits", "36", "--memory", "64G", "--ram-base", "top"], most % "63G"),
                (["--ipa-bits", "40", "--memory", "1T"], most % "1023G"),
                (["--ipa-bits", "36", "--memory", "1G", "--ram-base", "0xfe0000000"],
                 most % "512M"),
                (["--ipa-bits", "36", "--ram-base", "64G"], "no room for memory there below 2^36"),
                (["--ram-base", "top", "--memory", "17M"], "a multiple of 2M"),
                (["--ipa-bits", "36", "--cpus", "124"], "beyond 123 CPUs")):
            self.refused(2, text, "run", "--kernel", k, *args)
        # The last bytes of the largest can be used.
        for args, end in ((["--ipa-bits", "32", "--memory", "3G"], 1 << 32),
                          (["--ipa-bits", "36", "--memory", "63G"], 1 << 36),
                          (["--ipa-bits", "36", "--memory", "64M", "--ram-base", "top"], 1 << 36),
                          (["--ipa-bits", "52", "--memory", "64M", "--ram-base", "top"], 1 << 52),
                          (["--memory", "1023G"], 1 << 40),
                          (["--memory", "1T"], (1 << 40) + (1 << 30)),
                          (["--memory", "10T"], (10 << 40) + (1 << 30))):
            code = mov(0, end - 8) + mov(1, 0x6b6f) + [ldst(STRX, 1, 0), ldst(LDRX, 10, 0)]
            code += mov(9, 0x09000000) + [ldst(STRW, 10, 9)] + put("k\n") + power_off()
            r = self.run_program("run", "--kernel", self.file("end", image(code)), *args)
            self.assertEqual((r.returncode, r.stdout, r.stderr), (0, b"ok\n", b""), args)

    def test_beyond_the_address_space(self):
        """The first address behind it is an abort; the last one in it is an empty bus."""
        base, vectors = 1 << 30, 0x1000
        for bits in (32, 36, 40, 44, 48, 52):
            code = mov(0, base + vectors) + [MSR_VBAR] + mov(0, (1 << bits) - 8)
            code += [ldst(LDRX, 1, 0)] + put("inside\n") + mov(0, 1 << bits) + [ldst(LDRX, 1, 0)]
            code += put("outside\n") + power_off()
            code += [NOP] * ((vectors + 0x200) // 4 - 16 - len(code)) + put("abort\n") + power_off()
            r = self.run_program("run", "--kernel", self.file("k", image(code)), "--ipa-bits",
                                 str(bits))
            self.assertEqual((r.returncode, r.stdout), (0, b"inside\nabort\n"), (bits, r.stderr))

    def test_redistributor_regions(self):
        k = self.good()
        region = "--redist-region"
        for args, text in (
                ([region, "0x10000000,2", region, "0x10020000,1"], "overlaps 0x10000000,2"),
                ([region, "0x10000000,2", "--cpus", "3"], "give 1 more"),
                ([region, "64G,1", "--ipa-bits", "36"], "goes beyond 2^36"),
                ([region, "0x10000000,1", "--gic-version", "2"], "no redistributors"),
                (["--gic-version", "2", "--cpus", "9"], "at most 8")):
            self.refused(2, text, "run", "--kernel", k, *args)
        for args in ([region, "0x10000000,512"], [region, "0x10000000,4095"],
                     [region, "0x10040000,300", region, "0x10000000,2", region, "1T,210"]):
            r = self.run_program("run", "--kernel", k, "--cpus", "512", *args)
            self.assertEqual((r.returncode, r.stdout, r.stderr), (0, b"ran\n", b""), args)

    def test_malformed(self):
        self.refused(2, "no --kernel", "run")
        self.refused(2, "needs a value", "run", "--kernel")
        self.refused(2, "not an option", "run", "--kern3l", "x")
        self.refused(2, "unexpected", "run", "--kernel", "x", "y")
        self.refused(2, "not a command", "boot")
        self.refused(2, "armature help")

    def test_long_command_line(self):
        # Longer than any kernel takes, but no reason to fail.
        r = self.run_program("run", "--kernel", self.good(), "--append", "x" * 100000)
        self.assertEqual((r.returncode, r.stdout), (0, b"ran\n"))

    def test_extremes(self):
        for args in (["--cpus", "512"], ["--memory", "16M"], ["--memory", "900G"]):
            r = self.run_program("run", "--kernel", self.good(), *args)
            self.assertEqual((r.returncode, r.stdout), (0, b"ran\n"), (args, r.stderr))


class Files(Base):
    def test_missing_and_unreadable(self):
        self.kernel_refused("/nowhere/kernel: No such file", "/nowhere/kernel")
        self.kernel_refused("a folder", self.dir.name)
        self.kernel_refused("/nowhere/initrd: No such file", self.good(),
                            "--initrd", "/nowhere/initrd")
        self.kernel_refused("/nowhere/dtb: No such file", self.good(), "--dtb", "/nowhere/dtb")
        self.kernel_refused("/nowhere/dtb: No such file", self.good(),
                            "--dump-dtb", "/nowhere/dtb")

    def test_empty_and_short(self):
        self.kernel_refused("empty", self.file("k"))
        whole = image([NOP])
        for n in (1, 4, 63):
            self.kernel_refused("truncated", self.file("k", whole[:n]))
        self.kernel_refused("empty", self.good(), "--initrd", self.file("i"))

    def test_truncated_debian_kernel(self):
        with open(guest.KERNEL, "rb") as f:
            kernel = f.read()
        for n in (100, 4096, 1 << 20, len(kernel) // 2, len(kernel) - 65536):
            self.kernel_refused("truncated", self.file("k", kernel[:n]), "--memory", "512M")
        packed = gzip.compress(kernel[:4 << 20], 1)
        self.kernel_refused("truncated", self.file("k", packed[:-1000]), "--memory", "512M")

    def test_not_an_arm64_kernel(self):
        self.kernel_refused("ELF", "/bin/true")
        self.kernel_refused("not an arm64 Image", self.file("k", b"#!/bin/sh\n" * 100))
        self.kernel_refused("not an arm64 Image", self.file("k", b"\0" * 4096))
        x86 = bytearray(4096)
        x86[0:2] = b"MZ"
        x86[0x202:0x206] = b"HdrS"
        self.kernel_refused("not an arm64 kernel", self.file("k", bytes(x86)))
        self.kernel_refused("not an arm64 Image",
                            self.file("k", gzip.compress(b"something else" * 100)))

    def test_huge_files(self):
        self.kernel_refused("give more --memory", self.file("k", image([NOP]), 8 << 30))
        self.kernel_refused("give more --memory", self.good(),
                            "--initrd", self.file("i", b"", 1 << 40))
        self.kernel_refused("give more --memory", self.good(), "--initrd", "/dev/zero")
        # 1 GiB of nothing in a small file.
        bomb = gzip.compress(image([NOP]) + b"\0" * (256 * MIB), 9)
        self.kernel_refused("give more --memory", self.file("k", bomb))

    def test_sizes_that_do_not_go_together(self):
        self.kernel_refused("needs at least", self.file("k", image([NOP], 63 * MIB)))
        self.kernel_refused("damaged", self.file("k", image([NOP], (1 << 64) - 1)))
        self.kernel_refused("damaged", self.file("k", image([NOP], 4096, (1 << 64) - 4096)))
        self.kernel_refused("text_offset", self.file("k", image([NOP], 4096, 20)))
        # Kernel and initrd each fit, but not both.
        half = self.file("k", image([NOP], 40 * MIB))
        self.kernel_refused("do not fit", half, "--initrd", self.file("i", b"", 30 * MIB))
        with open(guest.KERNEL, "rb") as f:
            kernel = f.read()
        self.kernel_refused("give more --memory", self.file("k", kernel), "--memory", "32M")

    def test_bad_device_trees(self):
        for data in (b"", b"\xd0\x0d\xfe\xed", b"\xd0\x0d\xfe\xed" + b"\xff" * 200, b"x" * 500):
            self.kernel_refused("not a valid device tree", self.good(),
                                "--dtb", self.file("d", data))
        self.kernel_refused("2 MiB", self.good(), "--dtb", self.file("d", b"", 3 * MIB))

    def test_full_disk(self):
        r = self.run_program("run", "--dump-dtb", "/dev/full")
        self.assertEqual(r.returncode, 3)
        self.assertIn(b"/dev/full: No space left", r.stderr)


class Disks(Base):
    def disk_refused(self, text, *disks):
        """With the status of a bad file."""
        self.refused(3, text, "run", "--kernel", self.good(), *("--disk=" + d for d in disks))

    def runs_with(self, *disks):
        """Returns standard error."""
        r = self.run_program("run", "--kernel", self.good(), *("--disk=" + d for d in disks))
        self.assertEqual((r.returncode, r.stdout), (0, b"ran\n"), r.stderr)
        return r.stderr

    def test_not_a_disk(self):
        fifo = os.path.join(self.dir.name, "fifo")
        os.mkfifo(fifo)
        for path, text in (("/nowhere/disk", "/nowhere/disk: No such file"),
                           (self.dir.name, "s a directory"),
                           (self.dir.name + ",readonly", "neither a file nor a block device"),
                           ("/dev/zero", "neither a file nor a block device"),
                           (fifo, "neither a file nor a block device"),
                           (self.file("empty"), "is empty"),
                           (self.file("short", b"x" * 511), "is empty"),
                           # Nobody may write there, not even root.
                           ("/sys/kernel/uevent_seqnum", 'add ",readonly" if that will do')):
            self.disk_refused(text, path)

    def test_malformed(self):
        k = self.good()
        disk = self.file("disk", size=MIB)
        for value in ("", ",", ",readonly", disk + ",", disk + ",rw", disk + ",readonly,readonly",
                      disk + ",readonly,"):
            self.refused(2, "--disk", "run", "--kernel", k, "--disk", value)
        self.refused(2, "--disk", "run", "--kernel", k, *["--disk=" + disk] * 40)
        self.refused(2, "pl011 or virtio", "run", "--kernel", k, "--console", "vga")

    def test_shared(self):
        disk = self.file("disk", size=MIB)
        self.disk_refused("is in use", disk, disk)
        self.disk_refused("is in use", disk + ",readonly", disk)
        self.assertEqual(self.runs_with(disk + ",readonly", disk + ",readonly"), b"")
        # By another machine, for as long as it runs.
        first = subprocess.Popen([PROGRAM, "run", "--kernel", self.file("loop", image(
            put("on\n") + [b(0)])), "--disk", disk], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE)
        try:
            self.assertEqual(first.stdout.read(3), b"on\n")
            self.disk_refused("is in use", disk)
        finally:
            first.kill()
            first.wait()
            first.stdout.close()
        self.assertEqual(self.runs_with(disk), b"")

    def test_odd_sizes_and_names(self):
        for size in (512, 513, MIB + 511, 1 << 40):
            text = self.runs_with(self.file("odd", size=size))
            if size % 512:
                self.assertIn(b"does not see its last %d bytes" % (size % 512), text)
            else:
                self.assertEqual(text, b"")
        # A comma is written twice.
        path = self.file("a,b,,c", size=MIB)
        self.assertEqual(self.runs_with(path.replace(",", ",,")), b"")
        self.assertEqual(self.runs_with(path.replace(",", ",,") + ",readonly"), b"")
        self.refused(2, "--disk", "run", "--kernel", self.good(), "--disk", path)


class Guests(Base):
    """What a guest may do wrong is its own business."""

    def start(self, words, *args, **kw):
        """Runs a guest on a pseudo-terminal."""
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.p = subprocess.Popen([PROGRAM, "run", "--kernel", self.file("k", image(words, **kw)),
                                   "--memory", "32M", *args], stdin=slave, stdout=slave,
                                  stderr=subprocess.PIPE, start_new_session=True)
        self.seen = b""

    def read(self, seconds, until=None):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in self.seen):
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
            elif self.p.poll() is not None:
                break

    def ends(self, status):
        self.read(TIMEOUT)
        if self.p.poll() is None:
            self.p.kill()
            self.fail("still running after %g s: %r" % (TIMEOUT, self.seen[-500:]))
        err = self.p.stderr.read()
        self.assertEqual(self.p.wait(TIMEOUT), status, (err, self.seen[-500:]))
        self.assertEqual(termios.tcgetattr(self.slave), self.before, "terminal not given back")
        os.close(self.master)
        os.close(self.slave)
        self.p.stderr.close()

    def lives_until_ctrl_a_x(self, words, *args, **kw):
        """Prints "on", does @words, and must still be there, and end by Ctrl-A x."""
        self.start(put("on\n") + words, *args, **kw)
        self.read(TIMEOUT, b"on")
        self.assertIn(b"on", self.seen)
        self.read(1)
        self.assertIsNone(self.p.poll(), "ended by itself")
        started = time.monotonic()
        os.write(self.master, b"\x01x")
        self.ends(6)
        self.assertLess(time.monotonic() - started, 10, "slow to quit")

    def test_a_good_one(self):
        self.start(put("fine\n") + power_off())
        self.ends(0)
        self.assertEqual(self.seen, b"fine\r\n")

    def test_jump_to_nowhere(self):
        for address in (0, 0x08000000, 0x09000000, 0x20000000, 0x42000000, 0xffff000000000000,
                        0x4000000001, (1 << 47)):
            self.lives_until_ctrl_a_x(mov(0, address) + [br(0)])

    def test_endless_loop_with_interrupts_masked(self):
        self.lives_until_ctrl_a_x([MASK_ALL, b(0)])
        self.lives_until_ctrl_a_x([MASK_ALL, b(0)], "--cpus", "4")

    def test_sleep_for_ever(self):
        self.lives_until_ctrl_a_x([MASK_ALL, WFI, b(-1)])

    def test_only_undefined_instructions(self):
        self.lives_until_ctrl_a_x([0] * 64)

    def test_console_flood(self):
        self.lives_until_ctrl_a_x(mov(9, 0x09000000) + mov(10, ord(".")) +
                                  [ldst(STRW, 10, 9), b(-1)])

    def test_accesses_to_every_address(self):
        """Stores, then loads, of each size, all over the 40-bit address space; then power off."""
        disk = self.file("disk", size=MIB)
        for value in (0, 0xffffffffffffffff, 0x5555aaaa12345678):
            for store, load in ((STRB, LDRB), (STRH, LDRH), (STRW, LDRW), (STRX, LDRX)):
                words = [MASK_ALL] + mov(1, value)
                for op in (store, load):
                    for start, end, step in ((0x08000000, 0x08010000, 8),   # distributor
                                             (0x080a0000, 0x080e0000, 8),   # redistributors
                                             (0x09000000, 0x09002000, 8),   # UART
                                             (0x09010000, 0x09012000, 8),   # clock
                                             (0x08080000, 0x080a0000, 8),   # ITS
                                             (0x3f000000, 0x3f020000, 8),   # PCI functions
                                             (0x0, 0x40000000, 0x40000),
                                             (0x41000000, 0x42000000, 0x1000),  # RAM
                                             (0x42000000, 0x100000000, 0x400000),
                                             (0x100000000, 1 << 40, 0x40000000)):
                        words += sweep(op, start, end, step)
                        if op == load:
                            words += mov(1, value)
                self.start(words + power_off(), "--disk", disk)
                self.ends(0)

    def test_no_power_off_after_return_from_start(self):
        """A guest that runs off the end of its code into zeroes."""
        self.lives_until_ctrl_a_x([NOP])

    def test_odd_psci_calls(self):
        words = []
        for call in (0x84000000, 0x84000003, 0xc4000003, 0x84000004,
                     0x8400000a, 0x84000012, 0xc4000014, 0, 0xffffffff, 0xc6000001, 0x80000000):
            words += mov(0, call)
            for r in (1, 2, 3):
                # Bit 31 is clear: SYSTEM_RESET2 would take it for a vendor's reset, and obey.
                words += mov(r, 0x5eadbeef5eadbeef)
            words += [HVC]
        self.start(words + put("still here\n") + power_off(), "--cpus", "2")
        self.ends(0)
        self.assertIn(b"still here", self.seen)

    def test_suspended_for_ever(self):
        """CPU_SUSPEND with no interrupt to come: like WFI."""
        call = mov(0, 0xc4000001) + mov(1, 0) + [HVC]
        self.lives_until_ctrl_a_x([MASK_ALL] + call + [b(-len(call))])

    def test_reset_loop(self):
        """Resets as fast as it can: each is a new machine, and none leaves something behind."""
        self.lives_until_ctrl_a_x(mov(0, 0x84000009) + [HVC])


def main():
    global PROGRAM, TIMEOUT
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--timeout", type=float, default=TIMEOUT)
    args, rest = parser.parse_known_args()
    PROGRAM = os.path.abspath(args.program)
    TIMEOUT = args.timeout
    guest.prepare()
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
