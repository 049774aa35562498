#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines that are stopped at random moments, saved, destroyed, and restored into a new VM again
and again (armature run --recreate-every), while their guests do not notice: no interrupt is lost,
none comes twice, no CPU stalls, and nothing that is computed, written or typed changes.

irqs is a bare-metal guest that counts its interrupts exactly (irqs.c); linux is Debian's kernel
under load; disks is the same with four disks that are written, read and checked, whose messages
come through the ITS and move between CPUs, or are the lines of a GICv2. With "-poison", all of the
ITS's tables that restoring has no business to read is garbage while it reads them.
"""
import argparse
import hashlib
import os
import re
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disks as images  # noqa: E402
import guest  # noqa: E402
from guest import Failed, Guest  # noqa: E402


class Counter:
    """Reads what the program says at its end about how often it was."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        self.text = b""
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while True:
            data = os.read(self.read_end, 65536)
            if not data:
                return
            self.text += data

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        os.close(self.write_end)
        self.thread.join()
        os.close(self.read_end)
        if kind is Failed:
            sys.stderr.write(self.text.decode("utf-8", "replace"))

    def count(self):
        m = re.search(rb"saved, destroyed and restored (\d+) times", self.text)
        if not m:
            raise Failed("no word about how often it was restored: %r" % self.text)
        return int(m.group(1))

    def garbage(self):
        """Bytes of garbage in tables, in all."""
        m = re.search(rb"with garbage in (\d+) bytes", self.text)
        return int(m.group(1)) if m else 0


def irqs(args, cpus, gic, seconds):
    """At least @seconds; returns how often the VM was made anew."""
    command = [args.program, "run", "--kernel", args.irqs, "--memory", "64M", "--cpus", str(cpus),
               "--gic-version", str(gic), "--no-reboot", "--recreate-every", str(args.every or 10)]
    typed = 0
    with Counter() as counter, Guest(command, args.timeout, stderr=counter.write_end) as g:
        g.wait_for(b"irqs: GICv%d" % gic)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            g.send(b"abcdefghijklmnopqrstuvwxyz".replace(b"q", b"Q"))
            typed += 26
            # Its dots must be read, or it waits.
            until = time.monotonic() + 0.2
            while g.read(until):
                if b"stalled" in g.output:
                    g.wait_for(b"\nend")
                    g.fail("a CPU waits in vain")
        g.send(b"q")
        g.wait(0)
        text = g.output.replace(b"\r", b"").decode().lstrip(".")
    rows = re.findall(r"^cpu (\d+) timer (\d+)/(\d+) sgi (\d+)/(\d+) spi (\d+)/(\d+) "
                      r"uart (\d+)/(\d+) ticks (\d+)/0 spurious (\d+)/(\d+) wrong (\d+)/0$",
                      text, re.M)
    rows = [[int(x) for x in row] for row in rows]
    end = text[-2000:]
    if [row[0] for row in rows] != list(range(cpus)):
        raise Failed("not a line for each of %d CPUs:\n%s" % (cpus, end))
    for name, made, got in (("timer", 1, 2), ("SGI", 3, 4), ("SPI", 5, 6), ("UART", 7, 8)):
        made, got = sum(r[made] for r in rows), sum(r[got] for r in rows)
        if made != got or not made:
            raise Failed("%s interrupts: %d made, %d arrived\n%s" % (name, made, got, end))
    if any(r[10] or r[11] or r[12] or not r[9] for r in rows):
        raise Failed("spurious or early interrupts, wrong states, or no ticks:\n%s" % end)
    if "\ntyped %d\n" % typed not in text:
        raise Failed("%d characters typed, but:\n%s" % (typed, end))
    return counter.count(), sum(r[2] + r[4] + r[6] + r[8] for r in rows)


def irqs_many(args, gic):
    times = interrupts = 0
    share = [1, 2, 4]
    for n, cpus in enumerate(share):
        want = args.times * (n + 1) // len(share)
        while times < want:
            seconds = (want - times) * (args.every or 10) / 1000 + 0.5
            t, i = irqs(args, cpus, gic, min(20.0, seconds))
            times += t
            interrupts += i
    return "%d times, %d interrupts counted" % (times, interrupts)


# ---- Linux ----

LINE = "all work and no play makes Jack a dull boy"

# Each ends with a line that says what it has computed.
LOADS = """
(i=0; while [ ! -e /tmp/stop ]; do sleep 0.01; i=$((i+1)); done; echo "sleeps $i") > /tmp/o1 &
(i=0; while [ ! -e /tmp/stop ]; do [ "$(echo $i | cat | cat)" = $i ] || echo bad; i=$((i+1)); done;
 echo "pipes $i") > /tmp/o2 &
(i=0; while [ ! -e /tmp/stop ]; do dd if=/tmp/data of=/tmp/copy bs=64k 2>/dev/null;
 cmp /tmp/data /tmp/copy || echo bad; i=$((i+1)); done; echo "copies $i") > /tmp/o3 &
(i=0; while [ ! -e /tmp/stop ]; do awk 'BEGIN { for (i = 1; i < 3000; i++) s += 1 / (i * i);
 printf "%.15f\\n", s }' | grep -q @SUM@ || echo bad; i=$((i+1)); done; echo "sums $i") > /tmp/o4 &
"""


def series():
    s = 0.0
    for i in range(1, 3000):
        s += 1 / (i * i)
    return "%.15f" % s


def count_interrupts(g, cpus):
    """The timer's interrupts of each CPU; none may have been spurious."""
    text = g.run("cat /proc/interrupts")
    m = re.search(r"^ *\d+:((?: +\d+){%d}) +GIC.*arch_timer" % cpus, text, re.M)
    if not m or not re.search(r"^Err: +0$", text, re.M):
        g.fail("interrupts:\n%s" % text)
    return [int(x) for x in m.group(1).split()]


def type_lines(g, n):
    """What is typed at the console arrives."""
    lines = b"".join(b"%06d %s\n" % (i, LINE.encode()) for i in range(n))
    start = len(g.output)
    g.send("echo rea''dy; head -n %d | md5sum; echo do''ne\n" % n)
    g.wait_for(b"ready", start)
    g.send(lines)
    at = g.wait_for(hashlib.md5(lines).hexdigest().encode(), start)
    g.wait_for(b"done", at)


def linux(args, cpus, extra, seconds):
    command = guest.armature(args.program, cpus, append="quiet",
                             extra=["--recreate-every", str(args.every or 30), *extra])
    with Counter() as counter, Guest(command, args.timeout, stderr=counter.write_end) as g:
        g.shell()
        g.run("yes %s | head -n 10000 > /tmp/data" % LINE.split()[0])
        before = count_interrupts(g, cpus)
        up = float(g.run("cut -d' ' -f1 /proc/uptime"))
        g.run(LOADS.replace("@SUM@", series()).replace("\n", " ") + "true")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            type_lines(g, 50)
        g.run("touch /tmp/stop; while [ $(cat /tmp/o[1234] | wc -l) -lt 4 ]; do sleep 0.1; done")
        text = g.run("cat /tmp/o[1234]")
        if not re.fullmatch(r"sleeps [1-9]\d*\npipes [1-9]\d*\ncopies [1-9]\d*\nsums [1-9]\d*",
                            text):
            g.fail("the load's results: %r" % text)
        after = count_interrupts(g, cpus)
        up = float(g.run("cut -d' ' -f1 /proc/uptime")) - up
        if any(b - a < up for a, b in zip(before, after)):
            g.fail("timer interrupts %s, then %s, in %.1f s" % (before, after, up))
        g.run("for f in /proc/irq/*/spurious; do grep -q 'unhandled 0' $f || cat $f; done")
        bad = g.run("dmesg | grep -E 'stall|lockup|hung|cared|spurious|WARNING|BUG' || true")
        if bad:
            g.fail("the kernel complains:\n%s" % bad)
        g.power_off()
    return counter.count(), text.replace("\n", ", ")


def linux_many(args, gic):
    """Several boots, each another machine."""
    machines = [(1, []), (2, []), (4, []), (4, ["--redist-region", "0x10000000,1",
                                             "--redist-region", "0x20000000,2",
                                             "--redist-region", "0x4000000000,3"])]
    if gic == 2:
        machines = [(n, ["--gic-version", "2"]) for n in (1, 2, 4, 8)]
    times = 0
    for n, (cpus, extra) in enumerate(machines):
        want = args.times * (n + 1) // len(machines)
        fresh = True
        while times < want or fresh:
            fresh = False
            t, text = linux(args, cpus, extra, 5)
            print("      %d CPUs: %d times; %s" % (cpus, t, text), flush=True)
            times += t
    return "%d times" % times


# ---- Linux with disks ----

# A disk's messages follow the CPUs that are there, and the random number generator's the mask that
# is written, as all lines do. None may get lost: then a command here, or the load, would wait for
# good.
MOVES = """
(i=0; until [ -e /tmp/stop -a $i -gt 0 ]; do c=$((i % (@CPUS@ - 1) + 1));
echo 0 > /sys/devices/system/cpu/cpu$c/online || echo bad; sleep 0.1;
echo 1 > /sys/devices/system/cpu/cpu$c/online || echo bad; sleep 0.2;
i=$((i+1)); done; echo "hotplugs $i") > /tmp/m1 2>&1 &
(i=0; irq=$(grep -E 'virtio.*-input|Level.*virtio' /proc/interrupts | head -n 1 | cut -d: -f1);
irq=${irq##* };
until [ -e /tmp/stop -a $i -gt 0 ]; do
echo $((1 << i % @CPUS@)) > /proc/irq/$irq/smp_affinity 2>/dev/null;
dd if=/dev/hwrng of=/dev/null bs=64 count=1 2>/dev/null || echo bad;
i=$((i+1)); done; echo "moves $i") > /tmp/m2 2>&1 &
"""

# What a kernel says of requests that were lost, failed or answered twice.
COMPLAINTS = ("stall|lockup|hung|cared|spurious|WARNING|BUG|blocked for more|I/O error|timeout|"
              "timed out|not a head|virtio.*fail")


def count_messages(g, disks, gic):
    """Of each disk, its requests' interrupts on each CPU: messages, or the disk's line."""
    text = g.run("cat /proc/interrupts")
    kind = r"ITS.* Edge +virtio(\d+)-req" if gic == 3 else r"GIC.* Level +virtio(\d+)"
    rows = re.findall(r"^ *\d+:((?: +\d+)+) +" + kind, text, re.M)
    counts = {}
    for row, n in rows:
        row = [int(x) for x in row.split()]
        counts[n] = [a + b for a, b in zip(row, counts.get(n, [0] * len(row)))]
    if len(counts) < disks:
        g.fail("not the interrupts of %d disks:\n%s" % (disks, text))
    return counts


def disks(args, cpus, gic, poison, seconds):
    """Returns how often the VM was made anew, and what the guest did."""
    writable, size = ("vda", "vdb", "vdc"), 8 << 20
    every = "%d%s" % (args.every or 40, ",poison" if poison else "")
    with tempfile.TemporaryDirectory() as folder, Counter() as counter:
        path = {d: images.make_data(os.path.join(folder, d), size, seed)
                for seed, d in enumerate((*writable, "vdd"))}
        load = images.Load({d: size for d in writable}, {"vdd": path["vdd"]})
        command = guest.armature(args.program, cpus, append="quiet",
                                 disks=[*(path[d] for d in writable), path["vdd"] + ",readonly"],
                                 extra=["--recreate-every", every, "--gic-version", str(gic)])
        with Guest(command, args.timeout, stderr=counter.write_end) as g:
            g.shell()
            before = count_messages(g, 4, gic)
            load.start(g)
            if cpus > 1:
                g.run(MOVES.replace("@CPUS@", str(cpus)).replace("\n", " ") + "true")
            time.sleep(seconds)
            passes = load.stop(g)
            text = "passes " + " ".join(map(str, passes.values()))
            if cpus > 1:
                g.run("while [ $(cat /tmp/m1 /tmp/m2 | wc -l) -lt 2 ]; do sleep 0.1; done")
                moved = g.run("cat /tmp/m1 /tmp/m2")
                if not re.fullmatch(r"hotplugs [1-9]\d*\nmoves [1-9]\d*", moved):
                    g.fail("interrupts that move: %r" % moved)
                text += ", " + moved.replace("\n", ", ")
            after = count_messages(g, 4, gic)
            new = {d: [b - a for a, b in zip(before[d], after[d])] for d in before}
            wanted = min(cpus, 2) if gic == 3 else 1
            per_cpu = [sum(counts) for counts in zip(*new.values())]
            if not all(sum(n) for n in new.values()) or sum(map(bool, per_cpu)) < wanted:
                g.fail("interrupts %s, then %s" % (before, after))
            bad = g.run("dmesg | grep -E '%s' || true" % COMPLAINTS)
            if bad:
                g.fail("the kernel complains:\n%s" % bad)
            g.power_off()
        for seed, d in enumerate(writable):
            load.check(d, path[d], seed)
        if images.digest(path["vdd"], "md5") != load.readable["vdd"]:
            raise Failed("a disk that can only be read has changed")
    text += "; interrupts " + " ".join(map(str, per_cpu))
    if poison:
        if counter.garbage() < 1000 * counter.count():
            raise Failed("garbage in %d bytes only" % counter.garbage())
        text += "; %d MiB of garbage" % (counter.garbage() >> 20)
    return counter.count(), text


def disks_many(args, gic, poison):
    times = 0
    share = [4, 1, 3] if poison else [2, 4, 1]
    for n, cpus in enumerate(share):
        want = args.times * (n + 1) // len(share)
        while times < want:
            t, text = disks(args, cpus, gic, poison, 5)
            print("      %d CPUs: %d times; %s" % (cpus, t, text), flush=True)
            times += t
    return "%d times" % times


SCENARIOS = {
    "irqs-v3": lambda args: irqs_many(args, 3),
    "irqs-v2": lambda args: irqs_many(args, 2),
    "linux-v3": lambda args: linux_many(args, 3),
    "linux-v2": lambda args: linux_many(args, 2),
    "disks": lambda args: disks_many(args, 3, False),
    "disks-v2": lambda args: disks_many(args, 2, False),
    "disks-poison": lambda args: disks_many(args, 3, True),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="+", choices=SCENARIOS)
    parser.add_argument("--program", default=os.path.join(guest.ROOT, "build/src/vmm/armature"))
    parser.add_argument("--irqs", default=os.path.join(guest.ROOT, "build/tests/boot/irqs.img"))
    parser.add_argument("--times", type=int, default=1000, help="in all (default 1000)")
    parser.add_argument("--every", type=int, metavar="MS",
                        help="(default: 10 for irqs, 30 for linux, 40 for disks)")
    parser.add_argument("--timeout", type=float, default=180)
    args = parser.parse_args()
    args.program = os.path.abspath(args.program)
    if any(not s.startswith("irqs") for s in args.scenario):
        guest.prepare()
    guest.run_scenarios(args.scenario, lambda name: SCENARIOS[name](args))


if __name__ == "__main__":
    main()
