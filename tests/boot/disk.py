#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots Debian's kernel with disks (armature run --disk), and looks whether data, interrupts and
the devices beside them are right: what the guest reads is what the host has, what it writes is
there afterwards, and the MSIs arrive where the guest sends them.

Each scenario is one aspect, named below. "--qemu" runs the same against QEMU's emulation, which
has the same devices: a check of the test itself.
"""
import argparse
import hashlib
import os
import re
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disks  # noqa: E402
import guest  # noqa: E402
from disks import MIB, Load  # noqa: E402
from guest import Failed, Guest  # noqa: E402


class Runner:
    def __init__(self, program, timeout, use_qemu, folder):
        self.program = program
        self.timeout = timeout
        self.use_qemu = use_qemu
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, expect_trouble=False, gic=3, **kw):
        if self.use_qemu:
            kw.pop("extra", None)
            command = guest.qemu(gic=gic, **kw)
        else:
            kw["extra"] = [*kw.get("extra", ()), "--gic-version", str(gic)]
            command = guest.armature(self.program, **kw)
        return Guest(command, self.timeout, expect_trouble=expect_trouble)


class Line:
    """One line of /proc/interrupts."""

    def __init__(self, words, cpus):
        self.number = int(words[0].rstrip(":"))
        self.counts = [int(w) for w in words[1:1 + cpus]]
        self.chip = words[1 + cpus]
        self.name = words[-1]
        self.text = " ".join(words)


def interrupts(g, cpus):
    """The devices' interrupts by name. (INTx: several devices may share a line.)"""
    text = g.run("cat /proc/interrupts")
    lines = [Line(l.split(), cpus) for l in text.split("\n") if re.match(r" *\d+:", l)]
    return {l.name: l for l in lines}


def only(g, lines, pattern):
    found = [l for name, l in sorted(lines.items()) if re.fullmatch(pattern, name)]
    if not found:
        g.fail("no interrupt is called %s: %s" % (pattern, sorted(lines)))
    return found


def growth(after, before):
    return [a - b for a, b in zip(after.counts, before.counts)]


def expect(g, what, got, wanted):
    if got != wanted:
        g.fail("%s: %r, not %r" % (what, got, wanted))


def read_on(g, cpu, disk, pieces=20):
    g.run("taskset -c %d dd if=/dev/%s of=/dev/null bs=4k count=%d iflag=direct 2>/dev/null" %
          (cpu, disk, pieces))


# ---- Scenarios ----

def root(r):
    """Root on a disk; MSIs through the ITS, on several CPUs, and moved among them."""
    cpus = 4
    image = disks.make_root(r.path("root.img"))
    with r.start(cpus=cpus, append="quiet root=/dev/vda rw", disks=[image]) as g:
        g.shell()
        expect(g, "what / is", g.run("awk '$2 == \"/\" {print $1, $3}' /proc/mounts"),
               "/dev/vda ext4")

        # Each CPU has its queue, or shares one: its requests are answered, by MSIs, to a CPU that
        # has this queue.
        used = [0] * cpus
        for cpu in range(cpus):
            before = interrupts(g, cpus)
            read_on(g, cpu, "vda")
            after = interrupts(g, cpus)
            queues = only(g, after, r"virtio\d+-req\.\d+")
            if any(q.chip != "ITS-MSI" for q in queues):
                g.fail("not an MSI: " + queues[0].text)
            grown = [sum(x) for x in zip(*(growth(q, before[q.name]) for q in queues))]
            if sum(grown) < 20:
                g.fail("20 requests on CPU %d, and interrupts: %s" % (cpu, grown))
            used = [u + n for u, n in zip(used, grown)]
        if sum(1 for n in used if n >= 20) < 2:
            g.fail("the disk's interrupts were all on one CPU: %s" % used)

        # The entropy device's can be sent to any CPU (a MOVI each time).
        for cpu in (3, 1, 0, 2):
            line = only(g, interrupts(g, cpus), r"virtio\d+-input")[0]
            g.run("echo %d > /proc/irq/%d/smp_affinity_list; "
                  "dd if=/dev/hwrng of=/dev/null bs=256 count=1 2>/dev/null" % (cpu, line.number))
            before = interrupts(g, cpus)[line.name]
            g.run("dd if=/dev/hwrng of=/dev/null bs=256 count=20 2>/dev/null")
            grown = growth(interrupts(g, cpus)[line.name], before)
            if grown[cpu] < 5 or sum(grown) != grown[cpu]:
                g.fail("%s is for CPU %d, and came as %s" % (line.name, cpu, grown))

        # A CPU goes, and with it its queue or its share in one; and comes back.
        g.run("echo 0 > /sys/devices/system/cpu/cpu1/online")
        before = interrupts(g, cpus - 1)
        for cpu in (0, 2, 3):
            read_on(g, cpu, "vda")
        if sum(sum(growth(l, before[l.name])) for l in
               only(g, interrupts(g, cpus - 1), r"virtio\d+-req\.\d+")) < 60:
            g.fail("fewer than 60 interrupts of 60 requests without CPU 1")
        g.run("echo 1 > /sys/devices/system/cpu/cpu1/online")
        read_on(g, 1, "vda")

        text = "written by the guest, read by the host\n"
        g.run("echo '%s' > /var/file; seq 1 100000 > /var/numbers; sync" % text.strip())
        g.run("mount -o remount,ro /")
        g.power_off()
    disks.run_tool("e2fsck", "-f", "-n", image)
    if text not in disks.run_tool("debugfs", "-R", "cat /var/file", image):
        raise Failed("/var/file is not as written")
    numbers = disks.run_tool("debugfs", "-R", "cat /var/numbers", image)
    if "".join("%d\n" % i for i in range(1, 100001)) not in numbers:
        raise Failed("/var/numbers is not as written")


def debian(r):
    """Root on a disk with Debian's own programs: dash, coreutils, perl, shared libraries."""
    image = r.path("debian.img")
    programs = os.path.join(disks.make_debian_root(image), "usr/bin")
    names = sorted(n for n in os.listdir(programs) if "a" <= n[0] <= "d" and
                   not os.path.islink(os.path.join(programs, n)))
    h = hashlib.sha256()
    for name in names:
        with open(os.path.join(programs, name), "rb") as f:
            h.update(f.read())
    with r.start(cpus=4, append="quiet root=/dev/vda", disks=[image]) as g:
        g.shell()
        expect(g, "the distribution", g.run(". /etc/os-release; echo $ID; readlink /bin/sh"),
               "debian\ndash")
        expect(g, "what / is", g.run("grep ' / ' /proc/mounts | cut -c 1-18"), "/dev/vda / ext4 ro")
        g.run("mount -o remount,rw /")
        # Files' bytes, as on the host.
        text = g.run("cd /usr/bin; find [a-d]* -type f | LC_ALL=C sort | tee /tmp/names | "
                     "xargs cat | sha256sum; wc -l < /tmp/names")
        expect(g, "checksum and number of files", text.split(),
               [h.hexdigest(), "-", str(len(names))])
        squares = g.run("perl -e 'print join \",\", map { $_ ** 2 } grep { $_ & 1 } 1 .. 9'")
        expect(g, "perl's squares", squares, "1,9,25,49,81")
        g.run("cp -a /usr/lib/aarch64-linux-gnu/perl-base /var/copy; sync; "
              "echo 3 > /proc/sys/vm/drop_caches; "
              "diff -r /usr/lib/aarch64-linux-gnu/perl-base /var/copy")
        g.run("mount -o remount,ro /")
        g.power_off()
    disks.run_tool("e2fsck", "-f", "-n", image)


def whole_disk(r):
    """Every byte read and written, in large and small pieces; a read-only disk stays as it is."""
    size = 8 * MIB
    a = disks.make_data(r.path("a.img"), size, seed=1)
    b = disks.make_data(r.path("b.img"), size, seed=2)
    c = disks.make_data(r.path("c.img"), MIB + 512, seed=3)
    os.chmod(c, 0o444)
    sums = [disks.digest(x) for x in (a, b, c)]
    with r.start(cpus=2, disks=[a, b, c + ",readonly"]) as g:
        g.shell()
        expect(g, "sizes", g.run("cat /sys/block/vd[abc]/size").split(),
               [str(size // 512), str(size // 512), "2049"])
        expect(g, "read-only", g.run("cat /sys/block/vd[abc]/ro").split(), ["0", "0", "1"])
        expect(g, "write cache", g.run("cat /sys/block/vda/queue/write_cache"), "write back")
        for n, (disk, options) in enumerate((("vda", "bs=64k"), ("vdb", "bs=1M iflag=direct"),
                                             ("vdc", "bs=512 iflag=direct"))):
            got = g.run("dd if=/dev/%s %s 2>/dev/null | sha256sum" % (disk, options))
            expect(g, "sha256 of " + disk, got.split()[0], sums[n])
        g.run("! dd if=/dev/zero of=/dev/vdc bs=512 count=1 conv=fsync 2>/dev/null")

        # One disk over the other; then a sector each here and there.
        flushes = "awk '{print $16}' /sys/block/vdb/stat"
        before = int(g.run(flushes))
        g.run("dd if=/dev/vda of=/dev/vdb bs=256k conv=fsync 2>/dev/null")
        if int(g.run(flushes)) <= before:
            g.fail("fsync() without a flush")
        sectors = [0, 1, 7, 4095, 8193, size // 512 - 1]
        for i in sectors:
            g.run("yes 'sector %d' | head -c 512 > /tmp/s; dd if=/tmp/s of=/dev/vda bs=512 seek=%d "
                  "conv=notrunc oflag=direct 2>/dev/null" % (i, i))
        # Beyond the end.
        g.run("! dd if=/tmp/s of=/dev/vda bs=512 seek=%d 2>/dev/null" % (size // 512))
        g.power_off()
    wanted = bytearray(disks.random_bytes(size, 1))
    with open(b, "rb") as f:
        if f.read() != wanted:
            raise Failed("vdb is no copy of vda")
    for i in sectors:
        wanted[i * 512:i * 512 + 512] = (b"sector %d\n" % i * 64)[:512]
    with open(a, "rb") as f:
        if f.read() != wanted:
            raise Failed("vda has not the sectors that were written")
    expect_files(((c, sums[2]),))


def expect_files(pairs):
    for path, wanted in pairs:
        if disks.digest(path) != wanted:
            raise Failed("%s has changed" % os.path.basename(path))


def flushed(r):
    """What was synced is in the file when the machine loses power: the program is killed."""
    a = disks.make_data(r.path("f.img"), 4 * MIB, seed=4)
    with r.start(cpus=2, disks=[a]) as g:
        g.shell()
        g.run("yes synced | head -c 1048576 | dd of=/dev/vda bs=4k seek=256 conv=notrunc "
              "2>/dev/null; sync")
        g.p.send_signal(signal.SIGKILL)
        g.p.wait()
    with open(a, "rb") as f:
        f.seek(MIB)
        if f.read(MIB) != (b"synced\n" * (MIB // 7 + 1))[:MIB]:
            raise Failed("what was synced is lost")


def four(r, gic, seconds=6):
    """Four disks at once on four CPUs: two written and read, two only read. With a GICv2 there are
    no MSIs: the devices' INTx lines do."""
    cpus = 4
    size = 8 * MIB
    images = [disks.make_data(r.path("%d-%d.img" % (gic, n)), size, seed=10 + n) for n in range(4)]
    load = Load({"vda": size, "vdb": size}, {"vdc": images[2], "vdd": images[3]})
    with r.start(cpus=cpus, gic=gic, disks=images[:3] + [images[3] + ",readonly"]) as g:
        g.shell()
        text = g.run(" ".join("md5sum /dev/vd%c & " % c for c in "abcd") + "wait")
        got = {line.split()[1][-1]: line.split()[0] for line in text.split("\n")}
        expect(g, "four checksums at once", got,
               {c: disks.digest(images[n], "md5") for n, c in enumerate("abcd")})
        load.start(g)
        time.sleep(seconds)
        passes = load.stop(g)
        lines = interrupts(g, cpus)
        if gic == 3:
            for name in sorted({l.name.split("-")[0] for l in only(g, lines, r"virtio\d+-req.*")}):
                if not sum(sum(l.counts) for l in only(g, lines, name + r"-req\.\d+")):
                    g.fail("no interrupt of " + name)
            its = [l for l in lines.values() if l.chip == "ITS-MSI"]
            busy = [sum(x) for x in zip(*(l.counts for l in its))]
            if sum(1 for n in busy if n) < 2:
                g.fail("all MSIs were on one CPU: %s" % busy)
        else:
            if [l.text for l in lines.values() if "MSI" in l.chip]:
                g.fail("MSIs with a GICv2")
            found = [l for l in lines.values() if re.fullmatch(r"virtio\d+", l.name)]
            if not found or not all(sum(l.counts) for l in found):
                g.fail("INTx lines: %s" % [l.text for l in found])
        bad = g.run("dmesg | grep -iE 'error|timeout|reset|nobody' | grep vd || true")
        if bad:
            g.fail("the kernel complains:\n" + bad)
        g.power_off()
    load.check("vda", images[0], 10)
    load.check("vdb", images[1], 11)
    for n in (2, 3):
        with open(images[n], "rb") as f:
            if f.read() != disks.random_bytes(size, 10 + n):
                raise Failed("disk %d has changed, and was only read" % n)
    return " ".join("%s:%d" % x for x in sorted(passes.items()))


def console(r):
    """A shell on hvc0, and random numbers."""
    if r.use_qemu:
        return
    with r.start(cpus=2, extra=["--console", "virtio"]) as g:
        g.shell()
        expect(g, "the terminal", g.run("readlink /proc/1/fd/0; awk '{print $1}' /proc/consoles | "
                                        "head -n 1").split()[-1], "hvc0")
        # Much in both directions.
        lines = b"".join(b"%06d there is more than one way to do it\n" % i for i in range(800))
        start = len(g.output)
        g.send("echo rea''dy; head -c %d | md5sum; echo do''ne\n" % len(lines))
        g.wait_for(b"ready", start)
        g.send(lines)
        at = g.wait_for(hashlib.md5(lines).hexdigest().encode(), start)
        g.wait_for(b"done", at)
        text = g.run("seq 1 10000")
        expect(g, "10000 lines of output", text.split("\n"), [str(i) for i in range(1, 10001)])
        found = only(g, interrupts(g, 2), r"virtio\d+-(input|output)")
        if not any(sum(l.counts) for l in found):
            g.fail("no interrupts of the console")
        expect(g, "the source of entropy", g.run("cat /sys/class/misc/hw_random/rng_current"),
               "virtio_rng.0")
        samples = {g.run("head -c 4096 /dev/hwrng | sha256sum") for _ in range(3)}
        expect(g, "different samples", len(samples), 3)
        packed = int(g.run("head -c 65536 /dev/hwrng | gzip -c | wc -c"))
        if packed < 65536:
            g.fail("64 KiB of entropy were compressed to %d bytes" % packed)
        g.power_off()


SCENARIOS = {
    "root": root,
    "debian": debian,
    "whole-disk": whole_disk,
    "flushed": flushed,
    "four": lambda r: four(r, 3),
    "gic-v2": lambda r: four(r, 2, 4),
    "console": console,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="*", help="default: all of " + " ".join(SCENARIOS))
    parser.add_argument("--program", default=os.path.join(guest.ROOT, "build/src/vmm/armature"))
    parser.add_argument("--timeout", type=float, default=180, metavar="SECONDS",
                        help="for any one step (default 180)")
    parser.add_argument("--qemu", action="store_true", help="test QEMU instead")
    args = parser.parse_args()
    unknown = [s for s in args.scenario if s not in SCENARIOS]
    if unknown:
        parser.error("no such scenario: %s (there are: %s)" %
                     (" ".join(unknown), " ".join(SCENARIOS)))
    guest.prepare()

    def run(name):
        with tempfile.TemporaryDirectory() as folder:
            return SCENARIOS[name](Runner(os.path.abspath(args.program), args.timeout, args.qemu,
                                          folder))

    guest.run_scenarios(args.scenario or SCENARIOS, run)


if __name__ == "__main__":
    main()
