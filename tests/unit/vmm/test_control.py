#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--control and --sdei from outside, on a stand-in for the library (fake_kvm.c) that has no SDEI.

usage: test_control.py FAKE_ARMATURE
"""
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "fake-armature"
TIMEOUT = 20


class Control(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "control")
        kernel = bytearray(4096)
        kernel[16:24] = (1 << 20).to_bytes(8, "little")
        kernel[56:60] = b"ARMd"
        self.kernel = os.path.join(self.dir.name, "kernel")
        with open(self.kernel, "wb") as f:
            f.write(kernel)
        self.children = []

    def tearDown(self):
        for p in self.children:
            p.kill()
            p.communicate()
        self.dir.cleanup()

    def start(self, *args):
        p = subprocess.Popen([PROGRAM, "run", "--kernel", self.kernel, "--memory", "16M",
                              "--control", self.path, *args],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.children.append(p)
        return p

    def ready(self, p):
        self.assertEqual(p.stdout.read(6), b"ready\n")

    def ask(self, *lines):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(TIMEOUT)
            s.connect(self.path)
            with s.makefile("rw") as f:
                answers = []
                for line in lines:
                    f.write(line + "\n")
                    f.flush()
                    answers.append(f.readline())
                return answers

    def ended(self, p, status):
        out, err = p.communicate(timeout=TIMEOUT)
        self.assertEqual((p.returncode, err), (status, b""))
        self.assertFalse(os.path.exists(self.path))

    def test_quit_is_status_6(self):
        p = self.start()
        self.ready(p)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(self.ask("status", "nmi", "quit"),
                         ["ok: state=running accel=armature cpus=1 sdei=off restored=0\n",
                          "error: the guest has no SDEI: start it with --sdei\n", "ok\n"])
        self.ended(p, 6)

    def test_the_socket_goes_with_the_program(self):
        for how, status in ((b"Q", 0), (b"C", 4), (signal.SIGTERM, -signal.SIGTERM)):
            p = self.start()
            self.ready(p)
            self.assertTrue(os.path.exists(self.path))
            if isinstance(how, bytes):
                p.stdin.write(how)
                p.stdin.flush()
            else:
                p.send_signal(how)
            if status == 4:
                p.communicate(timeout=TIMEOUT)
                self.assertEqual(p.returncode, 4)
            else:
                self.ended(p, status)

    def test_it_stays_over_a_reset(self):
        p = self.start()
        self.ready(p)
        before = os.stat(self.path).st_ino
        p.stdin.write(b"R")
        p.stdin.flush()
        self.ready(p)
        self.assertEqual(os.stat(self.path).st_ino, before)
        self.assertEqual(self.ask("quit"), ["ok\n"])
        self.ended(p, 6)

    def test_one_of_a_killed_program_is_replaced(self):
        p = self.start()
        self.ready(p)
        p.kill()
        p.wait(TIMEOUT)
        self.assertTrue(os.path.exists(self.path))
        p = self.start()
        self.ready(p)
        self.assertEqual(self.ask("quit"), ["ok\n"])
        self.ended(p, 6)

    def test_one_in_use_is_not(self):
        p = self.start()
        self.ready(p)
        second = self.start()
        _, err = second.communicate(timeout=TIMEOUT)
        self.assertEqual(second.returncode, 3)
        self.assertIn(b"--control %s: in use by another program" % self.path.encode(), err)
        self.assertEqual(self.ask("quit"), ["ok\n"])
        self.ended(p, 6)

    def test_quit_while_nobody_reads_the_console(self):
        p = self.start()
        self.ready(p)
        p.stdin.write(b"P")
        p.stdin.flush()
        self.assertEqual(self.ask("quit"), ["ok\n"])
        self.assertEqual(p.wait(TIMEOUT), 6)

    def test_no_sdei_is_status_5(self):
        p = self.start("--sdei")
        _, err = p.communicate(timeout=TIMEOUT)
        self.assertEqual(p.returncode, 5)
        self.assertEqual(err, b"armature: --sdei: the accelerator \"armature\" has no SDEI: use "
                              b"--accel armature\n")


if __name__ == "__main__":
    del sys.argv[1:2]
    unittest.main(verbosity=1)
