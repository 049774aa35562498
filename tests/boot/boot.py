#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots Debian's arm64 kernel and looks whether the machine it finds itself on is a good one.

Each scenario is one aspect, named below, and fails with the guest's last words. "--qemu" runs the
same against QEMU's emulation, where what it means stays the same: a check of the test itself.
"""
import argparse
import gzip
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest  # noqa: E402
from guest import Failed, Guest  # noqa: E402


class Runner:
    def __init__(self, program, timeout, use_qemu):
        self.program = program
        self.timeout = timeout
        self.use_qemu = use_qemu

    def start(self, expect_trouble=False, **kw):
        if self.use_qemu:
            extra = kw.pop("extra", ())
            command = guest.qemu(**kw)
            if "--no-reboot" in extra:
                command.append("-no-reboot")
        else:
            command = guest.armature(self.program, **kw)
        return Guest(command, self.timeout, expect_trouble=expect_trouble)


def expect(g, what, got, wanted):
    if got != wanted:
        g.fail("%s: %r, not %r" % (what, got, wanted))


def check_interrupts(g, text, cpus, gic="GICv3"):
    """Every CPU has had timer interrupts through the GIC; the UART is on INTID 33."""
    timer = re.search(r"^ *\d+:((?: +\d+){%d}) +%s +27 +Level +arch_timer" % (cpus, gic), text,
                      re.M)
    if not timer or 0 in map(int, timer.group(1).split()):
        g.fail("no timer interrupts on every one of %d CPUs:\n%s" % (cpus, text))
    if not re.search(gic + r" +33 +Level +uart-pl011", text):
        g.fail("no UART interrupt:\n%s" % text)


def default(r):
    """tools/run with commands in a pipe that has ended before the guest boots; status 0."""
    if r.use_qemu:
        return
    env = dict(os.environ, ARMATURE=r.program)
    env.pop("CPUS", None)
    p = subprocess.run([os.path.join(guest.ROOT, "tools", "run")], env=env, stdout=subprocess.PIPE,
                       input=b"uname -m; nproc; cat /proc/interrupts; poweroff -f\n",
                       timeout=r.timeout)
    text = p.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
    if p.returncode:
        raise Failed("tools/run: status %d\n%s" % (p.returncode, text[-3000:]))
    for wanted in (r"^aarch64$", r"^2$", r"GICv3 +27 +Level +arch_timer", r"Machine model|Linux"):
        if not re.search(wanted, text, re.M):
            raise Failed("tools/run: no match for %r in\n%s" % (wanted, text[-3000:]))


def cpus(r, n):
    """N CPUs come up, each runs programs, each takes interrupts."""
    with r.start(cpus=n) as g:
        g.shell()
        expect(g, "uname -m", g.run("uname -m"), "aarch64")
        expect(g, "nproc", g.run("nproc"), str(n))
        for i in range(n):
            mask = "%x" % (1 << i)
            expect(g, "program on CPU %d" % i,
                   g.run("taskset %s sh -c 'cut -d\" \" -f39 /proc/self/stat'" % mask), str(i))
        check_interrupts(g, g.run("cat /proc/interrupts"), n)
        g.power_off()


def gic_v2(r):
    """Eight CPUs on a GICv2: timers, IPIs, the UART."""
    if r.use_qemu:
        return
    with r.start(cpus=8, extra=["--gic-version", "2"]) as g:
        g.shell()
        expect(g, "nproc", g.run("nproc"), "8")
        for i in range(8):
            mask = "%x" % (1 << i)
            expect(g, "program on CPU %d" % i,
                   g.run("taskset %s sh -c 'cut -d\" \" -f39 /proc/self/stat'" % mask), str(i))
        check_interrupts(g, g.run("cat /proc/interrupts"), 8, "GIC-0")
        g.power_off()


def redist_regions(r, regions, seen):
    """A CPU for each redistributor; what the guest finds are the regions @seen."""
    if r.use_qemu:
        return
    cpus = sum(int(x.split(",")[1]) for x in regions)
    with r.start(cpus=cpus, extra=["--redist-region=" + x for x in regions]) as g:
        g.shell()
        expect(g, "nproc", g.run("nproc"), str(cpus))
        expect(g, "regions", re.findall(r"(\S+)-\S+ : GICR", g.run("cat /proc/iomem")), seen)
        check_interrupts(g, g.run("cat /proc/interrupts"), cpus)
        found = g.run("dmesg | grep -c 'GICv3: CPU.*: found redistributor'")
        expect(g, "redistributors found", found, str(cpus))
        g.power_off()


def many_cpus(r, n):
    """N CPUs come up and run programs."""
    with r.start(cpus=n) as g:
        g.shell()
        expect(g, "nproc", g.run("nproc"), str(n))
        text = g.run("i=0; while [ $i -lt %d ]; do taskset -c $i cut -d' ' -f39 /proc/self/stat; "
                     "i=$((i+1)); done" % n)
        expect(g, "where programs ran", text.split(), [str(i) for i in range(n)])
        check_interrupts(g, g.run("cat /proc/interrupts"), n)
        g.power_off()


def memory(r, size, low, high):
    """The guest has the memory asked for (KiB, after the kernel's own), and can use it."""
    with r.start(cpus=2, memory=size) as g:
        g.shell()
        total = int(g.run("awk '/MemTotal/{print $2}' /proc/meminfo"))
        if not low <= total <= high:
            g.fail("MemTotal %d kB with --memory %s" % (total, size))
        g.power_off()


def check_memory(g, first, end, size):
    """The guest's RAM goes from @first to @end, it can be written without loss."""
    ranges = [tuple(int(x, 16) for x in m) for m in
              re.findall(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM", g.run("cat /proc/iomem"), re.M)]
    expect(g, "System RAM", (hex(ranges[0][0]), hex(ranges[-1][1] + 1)), (hex(first), hex(end)))
    total = int(g.run("awk '/MemTotal/{print $2}' /proc/meminfo"))
    # The kernel's own: its image, and 1/64 for page structures.
    if not size // 1024 * 62 // 64 - 90000 <= total <= size // 1024:
        g.fail("MemTotal %d kB of %d" % (total, size // 1024))
    text = g.run("yes 0123456789abcde | head -c 1048576 > /tmp/a; "
                 "dd if=/dev/zero of=/tmp/b bs=1M count=100 2>/dev/null; md5sum < /tmp/a")
    expect(g, "md5sum", text.split()[0], hashlib.md5(b"0123456789abcde\n" * (1 << 16)).hexdigest())


def ipa_bits(r, bits):
    """RAM where it always is, in an address space of another size."""
    if r.use_qemu:
        return
    with r.start(cpus=2, extra=["--ipa-bits", str(bits)]) as g:
        g.shell()
        check_memory(g, 1 << 30, (1 << 30) + (512 << 20), 512 << 20)
        g.power_off()


def ram_at_top(r, bits):
    """RAM ends with the address space. (Linux looks at each 2 MiB below RAM: with 48 bits the
    first message takes seconds.)"""
    if r.use_qemu:
        return
    with r.start(cpus=2, extra=["--ipa-bits", str(bits), "--ram-base", "top"]) as g:
        g.shell()
        check_memory(g, (1 << bits) - (512 << 20), 1 << bits, 512 << 20)
        check_interrupts(g, g.run("cat /proc/interrupts"), 2)
        g.power_off()


def ram_across(r):
    """RAM on both sides of 4 GiB, as with much of it, but less."""
    if r.use_qemu:
        return
    base = (4 << 30) - (256 << 20)
    with r.start(cpus=2, extra=["--ram-base", hex(base)]) as g:
        g.shell()
        check_memory(g, base, base + (512 << 20), 512 << 20)
        g.power_off()
    with r.start(cpus=2, memory="5G") as g:
        g.shell()
        check_memory(g, 1 << 30, 6 << 30, 5 << 30)
        g.power_off()


def fork_storm(r):
    """Four shells at once, on two CPUs, each making and reaping several hundred processes."""
    each = 150
    with r.start(cpus=2) as g:
        g.shell()
        text = g.run("for w in 1 2 3 4; do (i=0; bad=0; while [ $i -lt %d ]; do "
                     "[ \"$(echo $i)\" = $i ] || bad=1; busybox true || bad=1; i=$((i+1)); done; "
                     "echo worker $w did $i bad $bad) & done; wait" % each)
        expect(g, "workers", sorted(re.findall(r"worker.*", text)),
               ["worker %d did %d bad 0" % (w, each) for w in (1, 2, 3, 4)])
        forks = int(g.run("awk '/^processes/{print $2}' /proc/stat"))
        if forks < 8 * each:
            g.fail("only %d processes were made" % forks)
        g.power_off()


def checksums(r):
    """md5sum over 64 MiB of known data, and two others over less: integer code, and pipes."""
    line = b"The quick brown fox 0123456789\n"
    size = 64 << 20
    data = (line * (size // len(line) + 1))[:size]
    with r.start(cpus=2) as g:
        g.shell()
        make = "yes '%s'" % line.decode().strip()
        # The data is the same in a file, so memory is in it and not only a pipe.
        g.run("%s | head -c %d > /tmp/data" % (make, size))
        got = g.run("md5sum < /tmp/data")
        expect(g, "md5sum", got.split()[0], hashlib.md5(data).hexdigest())
        for tool, n in (("sha256sum", 8 << 20), ("sha512sum", 4 << 20)):
            got = g.run("head -c %d /tmp/data | %s" % (n, tool))
            expect(g, tool, got.split()[0], hashlib.new(tool[:-3], data[:n]).hexdigest())
        g.power_off()


def floating_point(r):
    """Series summed by awk: every digit as on the host."""
    n = 200000
    s = t = 0.0
    for i in range(1, n + 1):
        s += 1 / (i * i)
        t += (1 if i % 2 else -1) / i
    wanted = "%.17g %.17g" % (s, t)
    with r.start(cpus=2) as g:
        g.shell()
        got = g.run("awk 'BEGIN { for (i = 1; i <= %d; i++) { s += 1 / (i * i); "
                    "t += (i %% 2 ? 1 : -1) / i }; printf \"%%.17g %%.17g\", s, t }'" % n)
        expect(g, "awk's sums", got, wanted)
        # Newton's method for a root, and the series of e, remainders and conversions.
        x, e, f = 1.0, 0.0, 1.0
        for i in range(1, 31):
            x = (x + 7 / x) / 2
            e += f
            f /= i
        got = g.run("awk 'BEGIN { x = 1; f = 1; for (i = 1; i <= 30; i++) { x = (x + 7 / x) / 2; "
                    "e += f; f /= i }; printf \"%.17g %.17g %.17g %d %.3e\", x, e, "
                    "1e15 % 7.25, -2.75e6, 1 / 3e300 }'")
        expect(g, "awk's iterations", got, "%.17g %.17g %.17g %d %.3e" %
               (x, e, 1e15 % 7.25, -2.75e6, 1 / 3e300))
        g.power_off()


def sleep_accuracy(r):
    """sleep takes as long as it says, by the guest's clock and by the host's; the date is right."""
    with r.start(cpus=2) as g:
        g.shell()
        for seconds in (1, 3):
            start = time.monotonic()
            text = g.run("read a b < /proc/uptime; sleep %d; read c d < /proc/uptime; echo $a $c"
                         % seconds)
            outside = time.monotonic() - start
            a, c = map(float, text.split())
            # Upwards a loaded host may add anything; by the guest's clock, less.
            if not seconds - 0.02 <= c - a <= seconds + 0.7:
                g.fail("sleep %d took %.2f s by the guest's clock" % (seconds, c - a))
            if not seconds <= outside <= seconds + 3:
                g.fail("sleep %d took %.2f s by the host's clock" % (seconds, outside))
        date = int(g.run("date +%s"))
        if abs(date - time.time()) > 5:
            g.fail("the guest's date is %d s off" % (date - time.time()))
        g.power_off()


def reboot(r):
    """A reset starts the guest again; with --no-reboot it ends with status 4."""
    with r.start(cpus=2) as g:
        g.shell()
        g.run("echo leftover > /tmp/file")
        at = len(g.output)
        g.send("reboot -f\n")
        at = g.wait_for(guest.READY, at)
        g.wait_for(b"# ", at)
        g.output = b""
        g.send("stty -echo; echo quiet''now; sh 2>&1 | cat\n")
        g.wait_for(b"quietnow")
        expect(g, "files from before", g.run("ls /tmp"), "")
        expect(g, "nproc", g.run("nproc"), "2")
        g.power_off()
    with r.start(cpus=2, extra=["--no-reboot"]) as g:
        g.shell()
        g.send("reboot -f\n")
        g.wait(0 if r.use_qemu else 4)


def panic(r):
    """A panic with panic=-1 is a reset: status 4 with --no-reboot. So is a boot without a disk."""
    with r.start(expect_trouble=True, cpus=2, append="quiet panic=-1",
                 extra=["--no-reboot"]) as g:
        g.shell()
        g.send("echo c > /proc/sysrq-trigger\n")
        g.wait(0 if r.use_qemu else 4)
        if b"Kernel panic" not in g.output:
            g.fail("no panic was reported")
    if r.use_qemu:
        return
    command = [r.program, "run", "--kernel", guest.KERNEL, "--no-reboot", "--append", "panic=-1"]
    with Guest(command, r.timeout, expect_trouble=True) as g:
        g.wait(4)
        if b"Unable to mount root fs" not in g.output:
            g.fail("no initrd, but not the panic about it")


def long_input(r):
    """192 KiB typed at the console as fast as it takes them: none lost, none changed."""
    lines = b"".join(b"%06d all work and no play makes Jack a dull boy\n" % i for i in range(4096))
    with r.start(cpus=2) as g:
        g.shell()
        g.send("echo rea''dy; head -c %d | md5sum; echo do''ne\n" % len(lines))
        # The shell reads the console line by line, so what follows its command is head's.
        g.wait_for(b"ready")
        g.send(lines)
        at = g.wait_for(hashlib.md5(lines).hexdigest().encode())
        g.wait_for(b"done", at)
        g.power_off()


def compressed_kernel(r):
    """The same kernel through gzip."""
    if r.use_qemu:
        return
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "Image.gz")
        with open(guest.KERNEL, "rb") as src, gzip.open(path, "wb", 1) as dst:
            dst.write(src.read())
        with r.start(kernel=path) as g:
            g.shell()
            expect(g, "uname -m", g.run("uname -m"), "aarch64")
            g.power_off()


def boot_and_off(r):
    """The shortest useful run: for --repeat."""
    with r.start(cpus=2) as g:
        g.shell()
        expect(g, "nproc", g.run("nproc"), "2")
        g.power_off()


SCENARIOS = {
    "default": default,
    "cpus-1": lambda r: cpus(r, 1),
    "cpus-2": lambda r: cpus(r, 2),
    "cpus-4": lambda r: cpus(r, 4),
    "cpus-8": lambda r: cpus(r, 8),
    "cpus-64": lambda r: many_cpus(r, 64),
    "cpus-128": lambda r: many_cpus(r, 128),
    "gic-v2": gic_v2,
    "redist-3": lambda r: redist_regions(r, ["0x100a0000,2", "0x4000000000,1", "0x20000000,3"],
                                         ["100a0000", "20000000", "4000000000"]),
    # The second and third adjoin, the wrong way round: one region to the guest.
    "redist-adjoining": lambda r: redist_regions(
        r, ["0x10000000,2", "0x10140000,2", "0x10100000,2"], ["10000000", "10100000"]),
    "memory-256M": lambda r: memory(r, "256M", 180000, 262144),
    "memory-4G": lambda r: memory(r, "4G", 3900000, 4194304),
    "ipa-36": lambda r: ipa_bits(r, 36),
    "ipa-40": lambda r: ipa_bits(r, 40),
    "ipa-48": lambda r: ipa_bits(r, 48),
    "ram-across-4G": ram_across,
    "ram-top-36": lambda r: ram_at_top(r, 36),
    "ram-top-40": lambda r: ram_at_top(r, 40),
    "ram-top-48": lambda r: ram_at_top(r, 48),
    "fork-storm": fork_storm,
    "checksums": checksums,
    "floating-point": floating_point,
    "sleep": sleep_accuracy,
    "reboot": reboot,
    "panic": panic,
    "long-input": long_input,
    "gzip": compressed_kernel,
    "boot": boot_and_off,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="*", help="default: all of " + " ".join(SCENARIOS))
    parser.add_argument("--program", default=os.path.join(guest.ROOT, "build/src/vmm/armature"))
    parser.add_argument("--repeat", type=int, default=1, metavar="N",
                        help="run each scenario N times, and say how long they took")
    parser.add_argument("--timeout", type=float, default=180, metavar="SECONDS",
                        help="for any one step (default 180)")
    parser.add_argument("--qemu", action="store_true", help="test QEMU instead")
    args = parser.parse_args()
    unknown = [s for s in args.scenario if s not in SCENARIOS]
    if unknown:
        parser.error("no such scenario: %s (there are: %s)" %
                     (" ".join(unknown), " ".join(SCENARIOS)))
    guest.prepare()
    runner = Runner(os.path.abspath(args.program), args.timeout, args.qemu)
    names = [name if args.repeat == 1 else "%s %d/%d" % (name, i + 1, args.repeat)
             for name in args.scenario or SCENARIOS for i in range(args.repeat)]
    guest.run_scenarios(names, lambda name: SCENARIOS[name.split()[0]](runner))


if __name__ == "__main__":
    main()
