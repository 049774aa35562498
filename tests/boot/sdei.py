#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Software delegated exceptions in "armature run --sdei": Debian's kernel as a guest that looks for
them, takes CPUs away and back, reboots, and is saved and restored meanwhile; and a bare-metal guest
(nmi.c) that handles events which keys and the control socket raise.
"""
import argparse
import os
import pty
import random
import re
import select
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest  # noqa: E402
import recreate  # noqa: E402
from guest import Failed, Guest  # noqa: E402

# Calls by what is in the trace: the low bits of their numbers.
VERSION, MASK, UNMASK, PRIVATE_RESET, SHARED_RESET = 0, 11, 12, 17, 18
NOT_REGISTERED = "error: the guest has not registered this event there: it is dropped"


class Control:
    """A client of the control socket."""

    def __init__(self, path, timeout=30):
        end = time.monotonic() + timeout
        while True:
            try:
                self.s = socket.socket(socket.AF_UNIX)
                self.s.settimeout(timeout)
                self.s.connect(path)
                break
            except OSError as e:
                self.s.close()
                if time.monotonic() > end:
                    raise Failed("%s: %s" % (path, e))
                time.sleep(0.05)
        self.answers = self.s.makefile("r")

    def ask(self, line):
        self.s.sendall((line + "\n").encode())
        answer = self.answers.readline()
        if not answer.endswith("\n"):
            raise Failed("no answer to %r: %r" % (line, answer))
        return answer[:-1]

    def expect(self, line, wanted):
        answer = self.ask(line)
        if answer != wanted:
            raise Failed("%r: %r, not %r" % (line, answer, wanted))

    def close(self):
        self.answers.close()
        self.s.close()


class Machine:
    """A guest, its messages and trace in a file, and its control socket in the same folder."""

    def __init__(self, args, command):
        self.dir = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.dir.name, "control")
        self.err = open(os.path.join(self.dir.name, "stderr"), "w+b")
        command += ["--control", self.socket, "--trace", "sdei*"]
        self.g = Guest(command, args.timeout, stderr=self.err)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.g.__exit__()
        if kind is Failed:
            sys.stderr.write(self.messages()[-3000:])
        self.err.close()
        self.dir.cleanup()

    def messages(self):
        with open(self.err.name, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def calls(self, start=0):
        """(vCPU, function, result) of each call from message @start on."""
        return [tuple(map(int, m)) for m in
                re.findall(r"^sdei_call: vcpu (\d+) function (\d+) args .*: (-?\d+)$",
                           self.messages()[start:], re.M)]

    def recreated(self):
        """After the end."""
        m = re.search(r"restored (\d+) times", self.messages())
        return int(m.group(1)) if m else 0


def linux(args, cpus=4, sdei=True, extra=()):
    return Machine(args, guest.armature(args.program, cpus, extra=[*["--sdei"] * sdei, *extra]))


def check_boot(m, cpus, start=0):
    """A kernel that has booted: VERSION, all private resets, the shared one, all are unmasked."""
    calls = m.calls(start)
    wanted = [[VERSION], [PRIVATE_RESET] * cpus, [SHARED_RESET], [UNMASK] * cpus]
    seen = [c[1] for c in calls[:2 * cpus + 2]]
    if seen != sum(wanted, []):
        raise Failed("calls at boot: %s" % calls)
    for part in (calls[1:cpus + 1], calls[cpus + 2:2 * cpus + 2]):
        if sorted(part) != [(n, part[0][1], 0) for n in range(cpus)]:
            raise Failed("not a call on each of %d CPUs: %s" % (cpus, calls))
    if calls[0][2] != 1 << 48 | 1 << 32:
        raise Failed("VERSION is %#x" % calls[0][2])
    if any(c[2] < 0 for c in calls):
        raise Failed("calls that failed: %s" % calls)


def check_dmesg(g):
    text = g.run("dmesg | grep -i sdei")
    if not re.fullmatch(r"\[ *[\d.]+\] sdei: SDEIv1\.1 \(0x0\) detected in firmware\.", text):
        g.fail("the kernel's word on SDEI: %r" % text)


def boot(args):
    """The kernel finds SDEI 1.1, and sets up every CPU; without --sdei it finds nothing."""
    for cpus in (1, 4):
        with linux(args, cpus) as m:
            m.g.shell()
            check_dmesg(m.g)
            check_boot(m, cpus)
            m.g.power_off()
    with linux(args, 1, sdei=False) as m:
        m.g.shell()
        if m.g.run("dmesg | grep -i sdei || true") or m.calls():
            m.g.fail("SDEI without --sdei")
        c = Control(m.socket)
        c.expect("nmi", "error: the guest has no SDEI: start it with --sdei")
        c.close()
        m.g.power_off()
    return "found, and not where it is not"


def off_and_on(m, n):
    """A CPU leaves masked, is reset, and comes back unmasked."""
    start = len(m.messages())
    m.g.run("echo 0 > /sys/devices/system/cpu/cpu%d/online" % n)
    # The answer 1: it was not masked before.
    if m.calls(start) != [(n, MASK, 1)]:
        raise Failed("CPU %d offline: %s" % (n, m.calls(start)))
    m.g.run("echo 1 > /sys/devices/system/cpu/cpu%d/online" % n)
    if m.calls(start)[1:] != [(n, UNMASK, 0)]:
        raise Failed("CPU %d online: %s" % (n, m.calls(start)))
    text = m.messages()[start:]
    text = text[text.index("sdei_call: vcpu %d function %d " % (n, MASK)):]
    if "sdei_reset: vcpu %d " % n not in text[:text.index("function %d " % UNMASK)]:
        raise Failed("CPU %d was not reset on its way:\n%s" % (n, text))


def hotplug(args):
    """CPUs go and come back, also while the machine is saved and restored all the time."""
    with linux(args) as m:
        m.g.shell()
        for n in (1, 2, 3, 1):
            off_and_on(m, n)
        m.g.power_off()
    times = 0
    with linux(args, extra=["--recreate-every", "15"]) as m:
        m.g.shell()
        check_boot(m, 4)
        for i in range(24):
            off_and_on(m, i % 3 + 1)
        m.g.power_off()
        times = m.recreated()
    if times < 50:
        raise Failed("saved and restored %d times only" % times)
    return "28 times, and restored %d times" % times


def load(args):
    """The load of recreate.py with SDEI there."""
    args.every = 30
    times, text = recreate.linux(args, 4, ["--sdei"], 10)
    return "restored %d times; %s" % (times, text)


def reboot(args):
    """A kernel that reboots masks its CPUs and resets events; the next one finds all as new."""
    with linux(args) as m:
        m.g.shell()
        start = len(m.messages())
        m.g.send("reboot -f\n")
        m.g.output = b""
        m.g.shell()
        check_dmesg(m.g)
        calls = m.calls(start)
        at = next((i for i, c in enumerate(calls) if c[1] == VERSION), 0)
        last = [c for c in calls[:at] if c[1] == MASK]
        if sorted({c[0] for c in last}) != [0, 1, 2, 3]:
            raise Failed("not all CPUs were masked before the reboot: %s" % calls)
        check_boot(m, 4, start + m.messages()[start:].index("function %d args" % VERSION) - 20)
        m.g.power_off()
    return "masked, and started again"


def unregistered(args):
    """What Linux has not registered reaches its rules and no further."""
    with linux(args) as m:
        m.g.shell()
        c = Control(m.socket)
        for line in ("nmi", "sdei 0", "sdei 0 cpu 3", "sdei 0x10 0x80000001", "sdei 0x11 2",
                     "sdei 0x12", "sdei 0x13"):
            c.expect(line, NOT_REGISTERED)
        c.expect("sdei 0 0x100", "error: no CPU has this affinity")
        c.expect("sdei 0 cpu 4", 'error: give "cpu" and a number from 0 to 3')
        wrong = "error: no such event, or a shared one, which goes where the guest wants it"
        for line in ("sdei 1", "sdei 0x12 cpu 0", "sdei 0x40000000", "sdei 0x80000000"):
            c.expect(line, wrong)
        raised = re.findall(r"^sdei_raise: vcpu (-?\d+) event (\S+): -11$", m.messages(), re.M)
        if raised != [("0", "0x0"), ("0", "0x0"), ("3", "0x0"), ("1", "0x10"), ("2", "0x11"),
                      ("-1", "0x12"), ("-1", "0x13")]:
            raise Failed("raised: %s" % raised)
        c.expect("status", "ok: state=running accel=armature cpus=4 sdei=on restored=0")
        c.expect("quit", "ok")
        m.g.wait(6)
        c.close()
        if os.path.exists(m.socket):
            raise Failed("the socket is still there")
    return "no event comes"


# ---- A guest that handles events ----

def nmi_command(args, cpus, extra=()):
    return [args.program, "run", "--kernel", args.guest, "--memory", "64M", "--cpus", str(cpus),
            "--no-reboot", *extra]


def mark(event, cpu):
    return {0: "abcd", 0x10: "efgh", 0x11: "ijkl", 0x12: "y" * 4, 0x13: "z" * 4}[event][cpu]


def restored(c):
    return int(re.search(r"restored=(\d+)", c.ask("status")).group(1))


def raise_events(m, c, cpus, rounds, restores, rng):
    """One, or several at once: each must come once and nothing else. Returns how many did."""
    private = [(e, n) for e in (0, 0x10, 0x11) for n in range(cpus)]
    every = private + [(0x12, 0), (0x13, 0)]
    count = 0
    while rounds > 0 or restored(c) < restores:
        rounds -= 1
        some = rng.sample(every, rng.choice((1, 1, 2, 4, len(every))))
        start = len(m.g.output)
        for event, n in some:
            where = "" if event >= 0x12 else rng.choice((" cpu %d", " 0x8000000%x")) % n
            c.expect("sdei %#x%s" % (event, where), "ok")
        wanted = sorted(mark(*x) for x in some)
        end = time.monotonic() + m.g.timeout
        while len(m.g.output) - start < len(wanted) and m.g.read(end):
            pass
        got = sorted(m.g.output[start:].decode())
        if got != wanted:
            m.g.fail("events %s: %s came, not %s" % (some, got, wanted))
        count += len(some)
    return count


def handled(args):
    """Each event comes once, with interrupts masked, to CPUs that compute and that sleep."""
    rng = random.Random(7)
    texts = []
    for cpus, restores in ((1, 0), (4, 0), (1, args.times), (4, args.times)):
        every = ["--recreate-every", "5"] if restores else []
        with Machine(args, nmi_command(args, cpus, ["--sdei", *every])) as m:
            m.g.wait_for(b"ready\n")
            c = Control(m.socket)
            n = raise_events(m, c, cpus, 100, restores, rng)
            start = len(m.g.output)
            c.expect("nmi", "ok")
            m.g.wait_for(b"a", start)
            c.expect("quit", "ok")
            m.g.wait(6)
            c.close()
            if m.g.output[start:] != b"a" or b"!" in m.g.output:
                m.g.fail("more than was raised, or something was wrong")
            texts.append("%d on %d CPUs, restored %d times" % (n + 1, cpus, m.recreated()))
    return "; ".join(texts)


def typed(args, extra, keys, wanted):
    """@wanted in what a terminal shows after @keys."""
    master, slave = pty.openpty()
    p = subprocess.Popen(nmi_command(args, 2, extra), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""

    def wait_for(text, at=0):
        nonlocal seen
        end = time.monotonic() + 30
        while text not in seen[at:]:
            if not select.select([master], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed("no %r in %r" % (text, seen))
            seen += os.read(master, 4096)

    try:
        wait_for(b"ready\r\n" if "--sdei" in extra else b"!")
        at = len(seen)
        os.write(master, keys)
        wait_for(wanted, at)
        os.write(master, b"\x01x")
        if p.wait(30) != 6:
            raise Failed("Ctrl-A x: status %d" % p.returncode)
    finally:
        p.kill()
        p.wait()
        os.close(master)


def keys(args):
    """Ctrl-A n raises event 0 at the first CPU, says so if it cannot, and Ctrl-A h lists it."""
    typed(args, ["--sdei"], b"\x01n", b"a")
    typed(args, ["--sdei"], b"\x01h", b"Ctrl-A n raises an NMI")
    typed(args, [], b"\x01n", b"Ctrl-A n: the guest has no SDEI: start it with --sdei")
    return "Ctrl-A n"


SCENARIOS = {f.__name__: f for f in (boot, hotplug, load, reboot, unregistered, handled, keys)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="+", choices=SCENARIOS)
    parser.add_argument("--program", default=os.path.join(guest.ROOT, "build/src/vmm/armature"))
    parser.add_argument("--guest", default=os.path.join(guest.ROOT, "build/tests/boot/nmi.img"))
    parser.add_argument("--times", type=int, default=300,
                        help="how often \"handled\" saves and restores (default 300)")
    parser.add_argument("--timeout", type=float, default=180)
    args = parser.parse_args()
    args.program = os.path.abspath(args.program)
    if set(args.scenario) - {"handled", "keys"}:
        guest.prepare()
    guest.run_scenarios(args.scenario, lambda name: SCENARIOS[name](args))


if __name__ == "__main__":
    main()
