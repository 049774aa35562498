#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures a boot of Debian's arm64 kernel: wall time from start to the shell's banner, beside
QEMU's emulation with the same kernel, initramfs, CPU count and memory in the same run; and the
resident memory that is not the guest's own. Prints a JSON object.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "tests", "boot"))
import guest  # noqa: E402
from guest import Guest  # noqa: E402


def seconds_to_shell(command, measure=None):
    """Boots, and returns the time; @measure is called with the process id at the shell."""
    with Guest(command, timeout=300) as g:
        g.wait_for(guest.READY)
        took = time.monotonic() - g.started
        if measure:
            measure(g.p.pid)
        g.wait_for(b"# ")
        g.send("poweroff -f\n")
        g.wait(0)
    return took


def rss_beyond(pid, ram):
    """Resident bytes of all mappings but the guest's RAM, which is the one of at least its size."""
    total = ram_seen = 0
    size = 0
    with open("/proc/%d/smaps" % pid) as f:
        for line in f:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                start, end = (int(x, 16) for x in words[0].split("-"))
                size = end - start
            elif words[0] == "Rss:":
                kib = int(words[1])
                # Advice can split the mapping; no other one comes near it in size.
                if size >= ram // 4:
                    ram_seen += kib
                else:
                    total += kib
    if not ram_seen:
        raise SystemExit("boot_bench: the guest's RAM was not found in smaps")
    return total * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", default=os.path.join(guest.ROOT, "build/src/vmm/armature"))
    parser.add_argument("--runs", type=int, default=3, help="boots of each, of which the median "
                        "counts (default 3)")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", type=int, default=1024, metavar="MIB")
    args = parser.parse_args()
    guest.prepare()

    memory = "%dM" % args.memory
    beyond = []
    ours, theirs = [], []
    have_qemu = shutil.which("qemu-system-aarch64") is not None
    if not have_qemu:
        print("boot_bench: no qemu-system-aarch64, so no ratio to it", file=sys.stderr)
    # Alternately, so that what else the machine does meets both.
    for _ in range(args.runs):
        ours.append(seconds_to_shell(
            guest.armature(args.program, args.cpus, memory),
            lambda pid: beyond.append(rss_beyond(pid, args.memory << 20))))
        if have_qemu:
            theirs.append(seconds_to_shell(guest.qemu(args.cpus, memory)))

    result = {
        "boot.seconds": {"value": round(statistics.median(ours), 3), "unit": "s"},
        "boot.rss_beyond_ram": {"value": int(statistics.median(beyond)), "unit": "bytes"},
    }
    if theirs:
        tcg = statistics.median(theirs)
        result["boot.tcg_seconds"] = {"value": round(tcg, 3), "unit": "s"}
        result["boot.ratio_to_tcg"] = {"value": round(statistics.median(ours) / tcg, 3),
                                       "unit": "times TCG's time"}
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
