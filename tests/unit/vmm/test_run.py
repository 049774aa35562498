#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program from outside, on a stand-in for the library (fake_kvm.c) whose guest echoes its
console: exit statuses, input and output without loss, resets, the terminal given back.

usage: test_run.py FAKE_ARMATURE
"""
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "fake-armature"
TIMEOUT = 20

# Whoever started us may ignore some (nohup, a shell's background job), and children inherit that.
for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(ignored, signal.SIG_DFL)


def kernel():
    header = bytearray(4096)
    header[16:24] = (1 << 20).to_bytes(8, "little")
    header[56:60] = b"ARMd"
    return bytes(header)


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.kernel = os.path.join(self.dir.name, "kernel")
        with open(self.kernel, "wb") as f:
            f.write(kernel())

    def tearDown(self):
        self.dir.cleanup()

    def command(self, *args):
        return [PROGRAM, "run", "--kernel", self.kernel, "--memory", "16M", *args]

    def run_with(self, text, *args):
        return subprocess.run(self.command(*args), input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT)

    def start(self, *args, **kw):
        kw.setdefault("stdin", subprocess.PIPE)
        return subprocess.Popen(self.command(*args), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **kw)

    def read_until(self, fd, text, seen=b""):
        end = time.monotonic() + TIMEOUT
        while text not in seen:
            left = end - time.monotonic()
            self.assertGreater(left, 0, "no %r in %r" % (text, seen))
            if select.select([fd], [], [], left)[0]:
                data = os.read(fd, 4096)
                self.assertTrue(data, "ended without %r: %r" % (text, seen))
                seen += data
        return seen


class Pipes(Base):
    """Standard input and output are pipes."""

    def test_power_off_is_status_0(self):
        r = self.run_with(b"helloQ")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, b"ready\nhello", b""))

    def test_end_of_input_does_not_quit(self):
        p = self.start(stdin=subprocess.DEVNULL)
        self.read_until(p.stdout.fileno(), b"ready")
        time.sleep(0.3)
        self.assertIsNone(p.poll())
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=TIMEOUT)
        self.assertEqual(p.returncode, -signal.SIGTERM)

    def test_closed_input_does_not_quit(self):
        r = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", "timeout", "1", *self.command()],
                           stdout=subprocess.PIPE, timeout=TIMEOUT)
        self.assertEqual((r.returncode, r.stdout), (124, b"ready\n"))

    def test_long_input_is_not_lost(self):
        text = b"".join(b"line %d\n" % i for i in range(1500))
        r = self.run_with(text + b"Q")
        self.assertEqual(r.returncode, 0)
        self.assertEqual(r.stdout, b"ready\n" + text)

    def test_binary_input_is_the_guests(self):
        text = bytes(c for c in range(256) if c not in b"QRCEUPN") + b"\x01x"
        r = self.run_with(text + b"Q")
        self.assertEqual((r.returncode, r.stdout), (0, b"ready\n" + text))

    def test_output_to_slow_reader_is_not_lost(self):
        p = self.start()
        p.stdin.write(b"PQ")
        p.stdin.close()
        time.sleep(1)
        out = p.stdout.read()
        self.assertEqual(p.wait(TIMEOUT), 0)
        self.assertEqual(len(out), len(b"ready\nP") - 1 + 200000 + 1)
        p.stderr.close()
        p.stdout.close()

    def test_output_nobody_reads_does_not_hold_up_a_signal(self):
        p = self.start()
        p.stdin.write(b"P")
        p.stdin.flush()
        time.sleep(1)
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(TIMEOUT), -signal.SIGINT)
        p.communicate()

    def test_closed_output_is_status_5(self):
        p = self.start()
        p.stdout.close()
        p.stdin.write(b"P")
        p.stdin.flush()
        err = p.stderr.read()
        self.assertEqual(p.wait(TIMEOUT), 5)
        self.assertIn(b"standard output: Broken pipe", err)
        p.stdin.close()
        p.stderr.close()

    def test_reset_starts_again(self):
        p = self.start()
        out = p.stdout.fileno()
        seen = self.read_until(out, b"ready\n")
        p.stdin.write(b"abcR")
        p.stdin.flush()
        seen = self.read_until(out, b"ready\nabcready\n", seen)
        p.stdin.write(b"defQ")
        p.stdin.flush()
        rest, _ = p.communicate(timeout=TIMEOUT)
        self.assertEqual((p.returncode, seen + rest), (0, b"ready\nabcready\ndef"))

    def test_kernel_gone_at_reset_is_status_3(self):
        p = self.start()
        self.read_until(p.stdout.fileno(), b"ready\n")
        os.unlink(self.kernel)
        _, err = p.communicate(b"R", timeout=TIMEOUT)
        self.assertEqual(p.returncode, 3)
        self.assertIn(self.kernel.encode() + b": No such file", err)

    def test_no_reboot_is_status_4(self):
        r = self.run_with(b"aR", "--no-reboot")
        self.assertEqual((r.returncode, r.stdout), (4, b"ready\na"))
        self.assertIn(b"reset", r.stderr)

    def test_crash_is_status_4(self):
        r = self.run_with(b"C")
        self.assertEqual(r.returncode, 4)
        self.assertIn(b"crash", r.stderr)

    def test_accelerator_failure_is_status_5(self):
        for letter, text in ((b"E", b"Bad address"), (b"U", b"unexpected exit, reason 4")):
            r = self.run_with(b"before" + letter)
            self.assertEqual((r.returncode, r.stdout), (5, b"ready\nbefore"))
            self.assertIn(text, r.stderr)
            self.assertIn(b"pc ", r.stderr)
            self.assertIn(b"x30 ", r.stderr)

    def test_unassigned_address_is_traced_and_harmless(self):
        r = self.run_with(b"aNbQ", "--trace", "vmm_un*")
        self.assertEqual((r.returncode, r.stdout), (0, b"ready\nab"))
        self.assertIn(b"vmm_unassigned: read of 4 bytes at 0xa000000", r.stderr)

    def test_usage_is_status_2(self):
        for args in (["run"], [], ["walk"], ["run", "--kernel"], ["run", "--cpus", "0"],
                     ["run", "--kernel", self.kernel, "--trace", "nosuch"]):
            r = subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual((r.returncode, r.stdout), (2, b""), args)
            self.assertTrue(r.stderr.startswith(b"armature: "), r.stderr)
            self.assertEqual(r.stderr.count(b"\n"), 1)

    def test_help(self):
        for args in (["help"], ["--help"], ["run", "--help"]):
            r = subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual((r.returncode, r.stderr), (0, b""))
            self.assertIn(b"--no-reboot", r.stdout)
        r = subprocess.run([PROGRAM, "--version"], stdout=subprocess.PIPE)
        self.assertEqual(r.returncode, 0)
        self.assertTrue(r.stdout.startswith(b"armature "))

    def test_dtb_dumped_edited_and_used(self):
        dtb = os.path.join(self.dir.name, "dtb")
        r = subprocess.run([PROGRAM, "run", "--dump-dtb", dtb, "--cpus", "3"])
        self.assertEqual(r.returncode, 0)
        with open(dtb, "rb") as f:
            tree = f.read()
        self.assertEqual(tree[:4], b"\xd0\x0d\xfe\xed")
        self.assertIn(b"cpu@2\0", tree)
        self.assertEqual(self.run_with(b"Q", "--dtb", dtb).returncode, 0)
        with open(dtb, "wb") as f:
            f.write(tree[:200])
        r = self.run_with(b"Q", "--dtb", dtb)
        self.assertEqual(r.returncode, 3)
        self.assertIn(b"not a valid device tree", r.stderr)


class Terminal(Base):
    """On a pseudo-terminal: raw while it runs, and as before afterwards, whatever ends it."""

    def setUp(self):
        super().setUp()
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)

    def tearDown(self):
        os.close(self.master)
        os.close(self.slave)
        super().tearDown()

    def start_on_terminal(self, *args):
        p = subprocess.Popen(self.command(*args), stdin=self.slave, stdout=self.slave,
                             stderr=self.slave, start_new_session=True)
        seen = self.read_until(self.master, b"ready")
        lflag = termios.tcgetattr(self.slave)[3]
        self.assertFalse(lflag & (termios.ICANON | termios.ECHO | termios.ISIG), "not raw")
        return p, seen

    def ended(self, p, status):
        self.assertEqual(p.wait(TIMEOUT), status)
        self.assertEqual(termios.tcgetattr(self.slave), self.before, "terminal not given back")

    def test_ctrl_a_x(self):
        p, _ = self.start_on_terminal()
        os.write(self.master, b"abc\x01x")
        self.ended(p, 6)

    def test_ctrl_a_x_when_the_guest_takes_nothing(self):
        # More than the guest takes while it prints: the rest of the input waits.
        p, seen = self.start_on_terminal()
        os.write(self.master, b"P")
        os.write(self.master, b"x" * 2000)
        os.write(self.master, b"\x01x")
        self.ended(p, 6)

    def test_ctrl_a_h_and_a(self):
        p, seen = self.start_on_terminal()
        os.write(self.master, b"\x01h")
        seen = self.read_until(self.master, b"Ctrl-A x quits", seen)
        os.write(self.master, b"<\x01a>")
        self.read_until(self.master, b"<\x01>", seen)
        os.write(self.master, b"Q")
        self.ended(p, 0)

    def test_ways_out(self):
        for keys, status in ((b"Q", 0), (b"C", 4), (b"E", 5), (b"U", 5)):
            p, _ = self.start_on_terminal()
            os.write(self.master, keys)
            self.ended(p, status)

    def test_signals(self):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT,
                    signal.SIGSEGV):
            p, _ = self.start_on_terminal()
            p.send_signal(sig)
            if p.wait(TIMEOUT) in (1, 66) and sig == signal.SIGSEGV:
                continue  # a sanitizer's handler
            self.ended(p, -sig)

    def test_control_c_is_the_guests(self):
        p, seen = self.start_on_terminal()
        os.write(self.master, b"<\x03\x1a\x1c>")
        self.read_until(self.master, b"<\x03\x1a\x1c>", seen)
        os.write(self.master, b"Q")
        self.ended(p, 0)

    def test_stop_and_continue(self):
        p, seen = self.start_on_terminal()
        p.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(p.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertEqual(termios.tcgetattr(self.slave), self.before)
        p.send_signal(signal.SIGCONT)
        end = time.monotonic() + TIMEOUT
        while termios.tcgetattr(self.slave)[3] & termios.ICANON:
            self.assertLess(time.monotonic(), end, "not raw again")
            time.sleep(0.01)
        os.write(self.master, b"Q")
        self.ended(p, 0)


if __name__ == "__main__":
    del sys.argv[1:2]
    unittest.main(verbosity=1)
