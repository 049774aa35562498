# SPDX-License-Identifier: MIT
"""A virtual machine as a child process with its console on pipes, for boot tests and the bench.

    with Guest(armature(program, cpus=4)) as g:
        g.shell()                       # wait for the shell, make it easy to talk to
        print(g.run("uname -m"))
        g.power_off()
"""
import os
import select
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.environ.get("ARMATURE_CACHE", os.path.join(ROOT, "build", "guest"))
KERNEL = os.path.join(CACHE, "vmlinuz")
INITRD = os.path.join(CACHE, "initramfs.cpio.gz")
READY = b"armature: shell ready"

# What a kernel that has come to grief prints.
TROUBLE = (b"Internal error", b"Kernel panic", b"BUG:", b"WARNING:", b"rcu: INFO", b"Unable to handle",
           b"Bad mode", b"Oops", b"soft lockup", b"hung_task", b"nobody cared", b"Call trace")


class Failed(Exception):
    """A test's failure, with what the console showed last."""


def prepare():
    """Fetches the guest's files and builds the initramfs unless they are there."""
    tool = os.path.join(ROOT, "tools", "run")
    if subprocess.run([tool, "--prepare"], stdin=subprocess.DEVNULL).returncode:
        raise SystemExit("cannot get the test guest: see the messages above (tools/fetch-guest "
                         "needs a network once)")


def armature(program, cpus=1, memory="512M", append="quiet", extra=(), kernel=None, initrd=None,
             disks=()):
    """@disks are values of --disk: PATH or PATH,readonly."""
    return [program, "run", "--kernel", kernel or KERNEL, "--initrd", initrd or INITRD,
            "--cpus", str(cpus), "--memory", memory, "--append", append,
            *("--disk=" + disk for disk in disks), *extra]


def qemu(cpus=1, memory="512M", append="quiet", initrd=None, disks=(), gic=3):
    """The same machine under QEMU's emulation: the reference for the bench, and for these tests."""
    # With a GICv2 there is INTx, as in our machine, though QEMU has MSIs there too.
    intx = ",vectors=0" * (gic == 2)
    command = ["qemu-system-aarch64", "-M", "virt,gic-version=%d" % gic, "-accel", "tcg",
               "-cpu", "cortex-a57", "-smp", str(cpus), "-m", memory, "-nographic", "-nic", "none",
               "-kernel", KERNEL, "-initrd", initrd or INITRD,
               "-append", "console=ttyAMA0 " + append, "-device", "virtio-rng-pci" + intx]
    for n, disk in enumerate(disks):
        path, comma, readonly = disk.rpartition(",readonly")
        command += ["-drive", "file=%s,format=raw,if=none,id=disk%d%s" %
                    (path if comma else disk, n, ",readonly=on" * bool(comma)),
                    "-device", "virtio-blk-pci,drive=disk%d%s" % (n, intx)]
    return command


class Guest:
    def __init__(self, command, timeout=120, stderr=None, expect_trouble=False):
        self.command = command
        self.timeout = timeout
        self.expect_trouble = expect_trouble
        self.output = b""
        self.started = time.monotonic()
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=stderr, bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        for f in (self.p.stdin, self.p.stdout, self.p.stderr):
            if f:
                f.close()

    def fail(self, text):
        tail = self.output[-3000:].decode("utf-8", "replace")
        raise Failed("%s\n  command: %s\n  the console's end:\n%s" %
                     (text, " ".join(self.command), tail))

    def read(self, deadline):
        """One piece of output; False at its end."""
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        if not select.select([self.p.stdout], [], [], left)[0]:
            return None
        data = os.read(self.p.stdout.fileno(), 65536)
        self.output += data
        return data

    def check_trouble(self):
        for text in () if self.expect_trouble else TROUBLE:
            if text in self.output:
                self.fail("the guest's kernel reports trouble: %r" % text.decode())

    def wait_for(self, text, start=0, timeout=None):
        """Waits until the output, from @start on, has @text; returns the place behind it."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            at = self.output.find(text, start)
            if at >= 0:
                return at + len(text)
            data = self.read(deadline)
            if data is None:
                self.fail("no %r within %g s" % (text.decode(), timeout or self.timeout))
            if not data:
                self.fail("ended (status %s) before %r" % (self.p.wait(), text.decode()))
            self.check_trouble()

    def send(self, data):
        view = memoryview(data if isinstance(data, bytes) else data.encode())
        while view:
            view = view[os.write(self.p.stdin.fileno(), view):]

    def shell(self):
        """Waits for the shell, and puts another in front that neither echoes nor prompts."""
        at = self.wait_for(READY)
        self.wait_for(b"# ", at)
        self.send("stty -echo; echo quiet''now; sh 2>&1 | cat\n")
        self.wait_for(b"quietnow", at)

    def run(self, script, timeout=None):
        """Runs a script in the shell; returns what it printed."""
        start = len(self.output)
        self.send("echo \"<beg\"in\">\"; %s; echo \"<e\"nd $?\">\"\n" % script)
        begin = self.wait_for(b"<begin>", start)
        at = self.wait_for(b"<end ", begin, timeout)
        end = self.wait_for(b">", at)
        status = int(self.output[at:end - 1])
        text = self.output[begin:at - 5].decode("utf-8", "replace").replace("\r\n", "\n").strip()
        if status:
            self.fail("%r in the guest: status %d, output %r" % (script, status, text))
        return text

    def wait(self, status=0, timeout=None):
        """Reads on until the program ends, which must be with @status."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            data = self.read(deadline)
            if data is None:
                self.fail("still running after %g s" % (timeout or self.timeout))
            if not data:
                break
        got = self.p.wait()
        self.check_trouble()
        if got != status:
            if got < 0:
                self.fail("killed by %s" % signal.Signals(-got).name)
            self.fail("ended with status %d, not %d" % (got, status))

    def power_off(self):
        self.send("poweroff -f\n")
        self.wait(0)


def run_scenarios(labels, run):
    """Calls run(label) for each, prints what it returns or raises, and ends the program."""
    failures = 0
    for label in labels:
        start = time.monotonic()
        try:
            text = run(label)
            print("ok    %-20s %6.1f s  %s" % (label, time.monotonic() - start, text or ""),
                  flush=True)
        except (Failed, subprocess.TimeoutExpired, BrokenPipeError) as e:
            failures += 1
            print("FAIL  %-20s %6.1f s  %s" % (label, time.monotonic() - start, e), flush=True)
    sys.exit(1 if failures else 0)
