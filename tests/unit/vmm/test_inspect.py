#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command "armature inspect its": its arguments, exit statuses, text and JSON, on images of
memory made here.

usage: test_inspect.py ARMATURE
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "armature"
TIMEOUT = 30

BASE = 0x40000000
DEVICES, COLLECTIONS, ITT, PROPERTIES = 0x20000, 0x30000, 0x40000, 0x80000
BASER0 = 0x8107000000000200 | BASE + DEVICES
BASER1 = 0x8407000000000200 | BASE + COLLECTIONS
VALID = 1 << 63
USAGE, FILE, HOST = 2, 3, 5


def dte(itt, bits, step):
    return VALID | step << 49 | (BASE + itt) >> 8 << 5 | bits - 1


def ite(intid, icid, step):
    return step << 48 | intid << 16 | icid


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.image = os.path.join(self.dir.name, "ram")
        self.ram = bytearray(0x100000)
        self.put(COLLECTIONS, VALID | 0 << 16 | 0)
        self.put(COLLECTIONS + 8, VALID | 3 << 16 | 7)
        self.put(COLLECTIONS + 16, VALID | 0xffffffff << 16 | 9)
        self.put(DEVICES + 8 * 8, dte(ITT, 5, 8))
        self.put(DEVICES + 8 * 16, dte(ITT + 0x1000, 1, 0))
        self.put(ITT, ite(8192, 0, 1))
        self.put(ITT + 8, ite(8193, 7, 30))
        self.put(ITT + 8 * 31, ite(8223, 9, 0))
        self.ram[PROPERTIES:PROPERTIES + 4] = b"\xa1\x40\0\0"

    def tearDown(self):
        self.dir.cleanup()

    def put(self, at, value):
        self.ram[at:at + 8] = struct.pack("<Q", value)

    def command(self, *args):
        r = subprocess.run([PROGRAM, "inspect", *args], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=TIMEOUT, text=True)
        self.assertGreaterEqual(r.returncode, 0)
        return r

    def inspect(self, *args, memory=True, basers=(BASER0, BASER1)):
        with open(self.image, "wb") as f:
            f.write(self.ram)
        first = ["--memory", self.image, "--base", hex(BASE)] if memory else []
        return self.command("its", *first, "--baser0", hex(basers[0]), "--baser1", hex(basers[1]),
                            *args)

    def json(self, *args, **kw):
        r = self.inspect("--json", *args, **kw)
        self.assertEqual(r.stderr, "")
        return r.returncode, json.loads(r.stdout)


class Good(Base):
    def test_json(self):
        status, j = self.json()
        self.assertEqual(status, 0)
        self.assertEqual((j["format"], j["version"]), ("armature-inspect-its", 1))
        self.assertEqual(j["memory"], [{"base": "0x40000000", "size": 0x100000}])
        self.assertEqual(j["device_table"], {"baser": hex(BASER0), "valid": True,
                                             "base": "0x40020000", "size": 65536, "levels": 1})
        self.assertEqual(j["collections"], [
            {"address": "0x40030000", "icid": 0, "vcpu": 0},
            {"address": "0x40030008", "icid": 7, "vcpu": 3},
            {"address": "0x40030010", "icid": 9, "vcpu": None}])
        self.assertEqual(j["devices"], [
            {"address": "0x40020040", "device_id": 8, "itt": "0x40040000", "eventid_bits": 5,
             "next": 8, "events": [
                 {"address": "0x40040000", "event_id": 0, "intid": 8192, "icid": 0, "vcpu": 0,
                  "next": 1},
                 {"address": "0x40040008", "event_id": 1, "intid": 8193, "icid": 7, "vcpu": 3,
                  "next": 30},
                 {"address": "0x400400f8", "event_id": 31, "intid": 8223, "icid": 9,
                  "vcpu": None, "next": 0}]},
            {"address": "0x40020080", "device_id": 16, "itt": "0x40041000", "eventid_bits": 1,
             "next": 0, "events": []}])
        self.assertEqual((j["issues"], j["issues_by_kind"], j["level2_pages"]), ([], {}, []))
        self.assertEqual(j["summary"], {"collections": 3, "devices": 2, "events": 3, "lpis": 3,
                                        "issues": 0, "complete": True, "restore_error": None})

    def test_text(self):
        r = self.inspect()
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        for line in ("device table      0x40020000  64 KiB, room for 8192 devices",
                     "0x000040030008  collection     7  vCPU 3",
                     "0x000040030010  collection     9  unmapped",
                     "0x000040020040  device     8 (00:01.0)  ITT 0x40040000  32 events  next +8",
                     "  0x000040040008  event     1  LPI  8193  collection     7  vCPU 3",
                     "3 collections, 2 devices, 3 events, 3 LPIs: nothing is wrong"):
            self.assertIn(line, r.stdout.split("\n"))
        self.assertNotIn("!!", r.stdout)

    def test_either_register(self):
        """Which is which is their Type's to say."""
        self.assertEqual(self.json(basers=(BASER1, BASER0)), self.json())

    def test_hexadecimal_without_0x(self):
        r = self.command("its", "--memory", self.image, "--base", "1G", "--baser0", "%X" % BASER0,
                         "--baser1", "%x" % BASER1)
        self.assertEqual(r.returncode, FILE)  # there is no file yet, and nothing else to say
        self.inspect()
        r = self.command("its", "--memory", self.image, "--base", "1G", "--baser0", "%X" % BASER0,
                         "--baser1", "%x" % BASER1)
        self.assertEqual(r.returncode, 0)

    def test_propbaser(self):
        status, j = self.json("--propbaser", hex(BASE + PROPERTIES | 15))
        self.assertEqual(status, 0)
        events = j["devices"][0]["events"]
        self.assertEqual([(e["priority"], e["enabled"]) for e in events],
                         [(0xa0, True), (0x40, False), (0, False)])
        r = self.inspect("--propbaser", hex(BASE + PROPERTIES | 15))
        self.assertIn("vCPU 0    priority 0xa0 enabled\n", r.stdout)

    def test_not_valid(self):
        status, j = self.json(basers=(BASER0 & ~VALID, BASER1 & ~VALID))
        self.assertEqual((status, j["devices"], j["collections"]), (0, [], []))
        r = self.inspect(basers=(BASER0 & ~VALID, BASER1))
        self.assertIn("not valid: nothing is restored from it", r.stdout)

    def test_memory_in_pieces(self):
        """The pieces meet within an entry; their order does not matter."""
        whole = self.json()
        cut = ITT + 12
        names = [os.path.join(self.dir.name, n) for n in ("low", "high")]
        for name, part in zip(names, (self.ram[:cut], self.ram[cut:])):
            with open(name, "wb") as f:
                f.write(part)
        status, j = self.json("--memory", names[1], "--base", hex(BASE + cut),
                              "--memory", names[0], "--base", hex(BASE), memory=False)
        self.assertEqual([p["base"] for p in j["memory"]], [hex(BASE), hex(BASE + cut)])
        del j["memory"], whole[1]["memory"]
        self.assertEqual((status, j), whole)

    def test_sparse_file(self):
        """64 GiB of memory, of which there is little."""
        self.inspect()
        os.truncate(self.image, 64 << 30)
        r = self.command("its", "--memory", self.image, "--base", hex(BASE), "--baser0",
                         hex(BASER0), "--baser1", hex(BASER1))
        self.assertEqual(r.returncode, 0)

    def test_two_levels(self):
        self.ram[0x60000:0x70000] = self.ram[DEVICES:DEVICES + 0x10000]
        self.put(DEVICES + 8, VALID | BASE + 0x60000)
        status, j = self.json(basers=(BASER0 | 1 << 62, BASER1))
        self.assertEqual(status, 0)
        self.assertEqual([d["device_id"] for d in j["devices"]], [8200, 8208])
        self.assertEqual(j["level2_pages"], [{"address": "0x40020008", "page": "0x40060000",
                                              "first_device_id": 8192}])
        self.assertEqual(j["device_table"]["levels"], 2)


class Wrong(Base):
    def issue(self, *args, **kw):
        status, j = self.json(*args, **kw)
        self.assertEqual(status, 1)
        self.assertEqual(len(j["issues"]), 1, j["issues"])
        self.assertEqual(j["issues_by_kind"], {j["issues"][0]["kind"]: 1})
        self.assertEqual(j["summary"]["issues"], 1)
        self.assertEqual(j["summary"]["restore_error"], j["issues"][0]["restore_error"])
        return j["issues"][0]

    def test_event(self):
        self.put(ITT + 8, ite(8193, 8, 30))
        i = self.issue()
        self.assertEqual(
            (i["kind"], i["address"], i["device_id"], i["event_id"], i["restore_error"]),
            ("event_collection", "0x40040008", 8, 1, "EINVAL"))
        r = self.inspect()
        self.assertEqual(r.returncode, 1)
        self.assertIn("!! 0x000040040008  device 8 event 1: collection 8 is not in the collection "
                      "table [restore fails: EINVAL]\n", r.stdout)
        self.assertIn("3 LPIs: 1 inconsistency (event_collection 1); KVM's restore returns EINVAL\n",
                      r.stdout)

    def test_not_noticed_by_restore(self):
        self.put(DEVICES + 8 * 8, dte(ITT, 5, 9))
        i = self.issue()
        self.assertEqual((i["kind"], i["restore_error"]), ("device_chain_dangling", None))
        self.assertIn("[restore goes on]", self.inspect().stdout)
        self.assertIn("(device_chain_dangling 1); KVM's restore succeeds\n", self.inspect().stdout)

    def test_register(self):
        i = self.issue(basers=(BASER0 & ~0x300, BASER1))
        self.assertEqual((i["kind"], i["address"]), ("baser_page_size", None))

    def test_cpus(self):
        self.assertEqual(self.json("--cpus", "4")[0], 0)
        i = self.issue("--cpus", "3")
        self.assertEqual((i["kind"], i["address"]), ("collection_target", "0x40030008"))

    def test_duplicate(self):
        self.put(COLLECTIONS + 24, VALID | 7)
        i = self.issue()
        self.assertEqual((i["kind"], i["restore_error"]), ("collection_duplicate", "EEXIST"))

    def test_many_are_counted(self):
        for n in range(0, 65536, 8):
            self.put(DEVICES + n, 2)
        status, j = self.json()
        self.assertEqual(status, 1)
        self.assertEqual(len(j["issues"]), 1000)
        self.assertEqual(j["issues_by_kind"], {"reserved_bits": 8192})
        text = self.inspect().stdout
        self.assertEqual(text.count("!!"), 1000)
        self.assertIn("reserved_bits 8192, not all shown", text)

    def test_too_much(self):
        """65,536 devices that share one ITT of 65,536 zeroes: 2^32 entries. It ends soon."""
        self.ram += bytes(0x100000)
        self.ram[0x100000:0x180000] = b"".join(struct.pack("<Q", dte(ITT, 16, 1))
                                               for _ in range(65536))
        self.ram[ITT:ITT + 0x80000] = bytes(0x80000)
        start = time.monotonic()
        status, j = self.json(basers=(0x8107000000000207 | BASE + 0x100000, BASER1))
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(status, 1)
        self.assertFalse(j["summary"]["complete"])
        self.assertEqual(j["issues_by_kind"]["limit"], 1)
        self.assertIn("what KVM's restore returns is not known",
                      self.inspect(basers=(0x8107000000000207 | BASE + 0x100000, BASER1)).stdout)

    def test_noise_is_json(self):
        """Whatever is in memory, it is one document, and its counts agree."""
        for seed in range(12):
            self.ram = bytearray(b"".join(struct.pack("<Q", (n * 2 + 1 + seed) *
                                                      0x9e3779b97f4a7c15 % 2**64 | 1 << 63)
                                          for n in range(0x20000)))
            for indirect in 0, 1 << 62:
                status, j = self.json(basers=(BASER0 | indirect, BASER1))
                self.assertEqual(status, 1)
                self.assertEqual(sum(j["issues_by_kind"].values()), j["summary"]["issues"])
                self.assertEqual(len(j["collections"]), j["summary"]["collections"])
                self.assertEqual(len(j["devices"]), j["summary"]["devices"])
                self.assertEqual(sum(len(d["events"]) for d in j["devices"]),
                                 j["summary"]["events"])


class Usage(Base):
    def refused(self, status, text, *args, command="its"):
        with open(self.image, "wb") as f:
            f.write(self.ram)
        r = self.command(command, *args)
        self.assertEqual((r.returncode, r.stdout), (status, ""), r.stderr)
        self.assertIn(text, r.stderr)
        self.assertEqual(r.stderr.count("\n"), 1)

    def with_memory(self, status, text, *args):
        self.refused(status, text, "--memory", self.image, "--base", hex(BASE), *args)

    def test_help(self):
        for args in ("--help",), ("its", "--help"), ("its", "-h"):
            r = self.command(*args)
            self.assertEqual((r.returncode, r.stderr), (0, ""))
            for option in ("--memory", "--base ", "--baser0", "--propbaser", "--cpus", "--json"):
                self.assertIn(option, r.stdout)

    def test_what(self):
        self.refused(USAGE, "gic: nothing that can be inspected", command="gic")
        r = self.command()
        self.assertEqual(r.returncode, USAGE)

    def test_options(self):
        b = ["--baser0", hex(BASER0), "--baser1", hex(BASER1)]
        self.refused(USAGE, "no --memory", *b)
        self.with_memory(USAGE, "no --baser0")
        self.with_memory(USAGE, "no --baser1", *b[:2])
        self.refused(USAGE, "has no --base", *b, "--memory", self.image)
        self.refused(USAGE, "has no --base", "--memory", self.image, "--memory", self.image)
        self.refused(USAGE, "comes after the --memory", "--base", "0x40000000")
        self.with_memory(USAGE, "--baser1 needs a value", "--baser1")
        self.with_memory(USAGE, "--nonsense: not an option", "--nonsense")
        self.with_memory(USAGE, "word: not an option", *b, "word")
        for bad in ("", "0x", "xyz", "-1", "12 ", "0x-1"):
            self.with_memory(USAGE, "give a hexadecimal number", "--baser0", bad)
        self.with_memory(USAGE, "more than 64 bits", "--baser0", "1" * 17)
        for bad in ("0", "513", "-1", "x", "4x"):
            self.with_memory(USAGE, "--cpus", *b, "--cpus", bad)
        for bad in ("1234", "x", "0x"):
            self.refused(USAGE, "--base", "--memory", self.image, "--base", bad)
        self.refused(USAGE, "52 bits", "--memory", self.image, "--base", "0x10000000000000")

    def test_type(self):
        """Neither a device table nor a collection table, or twice the same."""
        self.with_memory(USAGE, "Type, bits [58:56], is 2", "--baser0", "0x8207000040020200",
                         "--baser1", hex(BASER1))
        self.with_memory(USAGE, "Type, bits [58:56], is 0", "--baser0", hex(BASER0), "--baser1",
                         "0x8007000040020200")
        self.with_memory(USAGE, "both have the Type of a device table", "--baser0", hex(BASER0),
                         "--baser1", hex(BASER0))

    def test_pieces_that_overlap(self):
        self.with_memory(USAGE, "shares addresses", "--memory", self.image, "--base",
                         hex(BASE + 0xfffff))
        self.with_memory(USAGE, "shares addresses", "--memory", self.image, "--base",
                         hex(BASE - 0xfffff))

    def test_too_many_pieces(self):
        pieces = []
        for n in range(65):
            pieces += ["--memory", self.image, "--base", hex(n * 0x100000)]
        self.refused(USAGE, "more than 64 --memory", *pieces)

    def test_files(self):
        base = ["--base", hex(BASE)]
        self.refused(FILE, "No such file", "--memory", self.image + "x", *base)
        self.refused(FILE, "not a file", "--memory", self.dir.name, *base)
        fifo = os.path.join(self.dir.name, "fifo")
        os.mkfifo(fifo)
        self.refused(FILE, "not a file", "--memory", fifo, *base)
        empty = os.path.join(self.dir.name, "empty")
        open(empty, "wb").close()
        self.refused(FILE, "empty", "--memory", empty, *base)

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        self.inspect()
        with open("/dev/full", "wb") as full:
            r = subprocess.run([PROGRAM, "inspect", "its", "--memory", self.image, "--base",
                                hex(BASE), "--baser0", hex(BASER0), "--baser1", hex(BASER1)],
                               stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT, text=True)
        self.assertEqual(r.returncode, HOST)
        self.assertIn("cannot be written", r.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
