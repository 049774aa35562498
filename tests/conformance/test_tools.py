#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The judgement of "make conformance" itself: every way in which a result can differ from what is
expected is noticed."""
import importlib.machinery
import importlib.util
import os
import sys
import tarfile
import tempfile
import time
import unittest
import unittest.mock

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "tools")
sys.path.insert(0, TOOLS)
import conformance_source as source  # noqa: E402 (found by the line above)
import conformance_transcript as transcript  # noqa: E402 (found by the line above)


def load_script(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(TOOLS, name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


conformance = load_script("conformance")

LINUX = """\
limit = 52
create type=0 = ok
  slot = 0
  its = -E2BIG
create type=1 = ok
  slot = 0
  its = -E2BIG
"""


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


class Transcripts(Folder):
    def compare(self, ours, rules=""):
        self.write("linux/a.txt", LINUX)
        self.write("ours/a.txt", ours)
        return transcript.compare(os.path.join(self.folder.name, "linux"),
                                  os.path.join(self.folder.name, "ours"), ["a.txt"],
                                  transcript.read_rules(self.write("rules", rules)))

    def test_equal(self):
        self.assertEqual(self.compare(LINUX), (0, 0, []))

    def test_changed_line(self):
        found = self.compare(LINUX.replace("52", "48"))
        self.assertEqual(found.unexpected, ["a.txt: limit: Linux 52, ours 48"])

    def test_line_under_another_case(self):
        """The same line below the wrong parent is two differences."""
        found = self.compare("limit = 52\ncreate type=0 = ok\n  slot = 0\n  its = -E2BIG\n"
                             "  slot = 0\ncreate type=1 = ok\n  its = -E2BIG\n")
        self.assertEqual(len(found.unexpected), 2)

    def test_missing_and_added(self):
        found = self.compare(LINUX.replace("  slot = 0\n", "", 1) + "more = 1\n")
        self.assertEqual(found.unexpected, [
            "a.txt: create type=0/slot: Linux 0, ours (absent)",
            "a.txt: more: Linux (absent), ours 1"])

    def test_no_transcript(self):
        self.assertEqual(self.compare("").different, 7)

    def test_listed(self):
        found = self.compare(LINUX.replace("-E2BIG", "-ENOSYS"),
                             "a.txt | create type=*/its | -E2BIG | -ENOSYS | missing | no device\n")
        self.assertEqual(found, (2, 2, []))

    def test_listed_with_another_answer(self):
        found = self.compare(LINUX.replace("52", "40"), "a.txt | limit | 52 | 48 | host | CPU\n")
        self.assertEqual(found.unexpected, [
            "a.txt: limit: Linux 52, ours 40",
            "rule in line 1 describes no difference: limit"])

    def test_stale_rule(self):
        found = self.compare(LINUX, "a.txt | limit | 52 | 48 | host | CPU\n")
        self.assertEqual(len(found.unexpected), 1)

    def test_rule_that_varies(self):
        rule = "a.txt | limit | 52 | * | varies | number of CPUs\n"
        self.assertEqual(self.compare(LINUX, rule).unexpected, [])
        self.assertEqual(self.compare(LINUX.replace("52", "4"), rule).unexpected, [])

    def test_bad_rules(self):
        for bad in ("a.txt | limit | 52 | 48 | host |", "a.txt | limit | 52 | 48 | x | why",
                    "a.txt | limit | 52 | 48"):
            with self.assertRaises(ValueError):
                transcript.read_rules(self.write("rules", bad))


class Expectations(Folder):
    def read(self, text):
        return conformance.read_expected(self.write("expected", text))

    def test_row(self):
        row = self.read("a | fail 3 | 90 | 30 | -s 5 | because\n")["a"]
        self.assertEqual(row, ("a", "fail", False, 3, 90, "30", [], ["-s", "5"], "because"))

    def test_options_of_exec(self):
        for text, words in (("--x 1 -- -s", (["--x", "1"], ["-s"])), ("--y 2", ([], ["--y", "2"])),
                            ("--x --", (["--x"], []))):
            self.assertEqual(self.read(f"a | pass | | | {text} |")["a"][6:8], words)

    def test_refused(self):
        for bad in ("a | fail | | | |", "a | skip | | | |", "a | well | | | |", "a | pass",
                    "a | skip and pass | | | | x", "a | skip or pass | | | |",
                    "a | pass | | | |\na | pass | | | |"):
            with self.assertRaises(ValueError):
                self.read(bad)

    def test_in_qemu(self):
        """What only qemu-aarch64 cannot do passes where the test runs without it."""
        for machine, result in (("x86_64", "fail"), ("aarch64", "pass")):
            with unittest.mock.patch("platform.machine", return_value=machine):
                row = self.read("a | fail in qemu | | | | no such call\n")["a"]
            self.assertEqual(row.result, result)

    def test_or_pass(self):
        rows = self.read("a | skip or pass | | | | if there is one\nb | skip | | | | none\n")
        for name, result, same in (("a", "skip", True), ("a", "pass", True), ("a", "fail", False),
                                   ("b", "skip", True), ("b", "pass", False)):
            found = conformance.Result(name, result, 0, 0, "")
            self.assertEqual(conformance.agrees(rows[name], found), same)

    def test_agreement(self):
        row = self.read("a | fail 3 | | | | because\n")["a"]
        for result, count, same in (("fail", 3, True), ("fail", 2, False), ("pass", 0, False),
                                    ("skip", 0, False)):
            found = conformance.Result("a", result, count, 0, "")
            self.assertEqual(conformance.agrees(row, found), same)

    def test_accept(self):
        kept = ["b | pass | | | |", "d | fail in qemu | | | | no such call",
                "e | skip or pass | | | | sometimes", "f | skip or pass | | | | sometimes"]
        path = self.write("expected",
                          "# x\na | fail 3 | | | | because\n" + "\n".join(kept) + "\n")
        results = {n: conformance.Result(n, r, 0, 0, "") for n, r in
                   (("a", "pass"), ("b", "pass"), ("c", "fail"), ("d", "fail"), ("e", "skip"),
                    ("f", "pass"))}
        conformance.accept(path, results)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read().splitlines(),
                             ["# x", "a | pass | | | |", *kept, "c | fail | | | |"])
        with self.assertRaises(ValueError):
            conformance.read_expected(path)


class Sources(Folder):
    def setUp(self):
        super().setUp()
        self.old, self.new = source.RELEASES

    def test_wanted(self):
        for name, old, new in (("tools/testing/selftests/kvm/steal_time.c", True, True),
                               ("arch/arm64/tools/sysreg", False, True),
                               ("arch/arm64/tools/sysreg.txt", False, False),
                               ("kernel/fork.c", False, False)):
            self.assertEqual(source.wanted(self.old, name), old)
            self.assertEqual(source.wanted(self.new, name), new)

    def archive(self, members):
        path = os.path.join(self.folder.name, "a.tar")
        with tarfile.open(path, "w") as archive:
            for name, link in members:
                member = tarfile.TarInfo(name)
                member.type = tarfile.SYMTYPE if link else tarfile.REGTYPE
                member.linkname = link
                archive.addfile(member)
        return tarfile.open(path)

    def test_unpack(self):
        """Only what is wanted, and nothing outside the folder."""
        kvm = "linux/tools/testing/selftests/kvm/"
        with self.archive(((kvm + "a.c", ""), (kvm + "../../../../../../up.c", ""),
                           (kvm + "link.c", "/etc/passwd"), ("linux/mm/slab.c", ""))) as archive:
            source.unpack_wanted(self.new, archive, os.path.join(self.folder.name, "out", "src"))
        found = [os.path.relpath(os.path.join(at, name), self.folder.name)
                 for at, _, names in os.walk(self.folder.name) for name in names]
        self.assertEqual(sorted(found),
                         ["a.tar", "out/src/tools/testing/selftests/kvm/a.c"])

    def test_names(self):
        """A test that both have is not the same test."""
        path = self.write("aarch64/vgic_irq", "")
        os.chmod(path, 0o755)
        self.write("aarch64/vgic_irq.o", "")
        self.assertEqual(source.tests(self.old, self.folder.name), {"vgic_irq": path})
        self.assertEqual(source.tests(self.new, self.folder.name), {"6.12/vgic_irq": path})

    def test_nothing_to_fetch(self):
        """A complete source is taken as it is, without a network; that of the other release is not."""
        self.write("6.12/version", "6.12.1-1\n")
        where = os.path.join(self.folder.name, "6.12")
        with unittest.mock.patch("conformance_source.download",
                                 side_effect=source.SourceError) as download:
            self.assertEqual(source.fetch(self.new, where),
                             (os.path.join(where, "source"), "6.12.1-1"))
            with self.assertRaises(source.SourceError):
                source.fetch(self.old, os.path.join(self.folder.name, "6.1"))
        self.assertEqual(download.call_count, 1)


class Runs(Folder):
    def judged(self, script, limit=20):
        log = os.path.join(self.folder.name, "log")
        status, seconds = conformance.run(["/bin/sh", "-c", script], limit, log)
        self.assertLess(seconds, 15)
        return conformance.judge(status, limit, conformance.read_log(log))

    def test_status(self):
        self.assertEqual(self.judged("echo fine"), ("pass", ""))
        self.assertEqual(self.judged("echo '1..0 # SKIP - no such thing'; exit 4"),
                         ("skip", "no such thing"))
        self.assertEqual(self.judged("echo oh; exit 254"), ("fail", "oh"))
        self.assertEqual(self.judged("exit 1"), ("fail", "status 1"))
        self.assertEqual(self.judged("kill -SEGV $$"), ("fail", "ended by SIGSEGV"))

    def test_time_limit(self):
        """What the program started ends as well."""
        self.assertEqual(self.judged("sleep 60 & echo $!; sleep 60", 1),
                         ("fail", "not finished after 1 s"))
        child = conformance.read_log(os.path.join(self.folder.name, "log")).strip()
        for _ in range(100):
            try:
                with open(f"/proc/{child}/stat", encoding="utf-8") as f:
                    alive = f.read().rpartition(")")[2].split()[0] not in "ZX"
            except OSError:
                alive = False
            if not alive:
                break
            time.sleep(0.1)
        self.assertFalse(alive)

    def test_assertion(self):
        text = "==== Test Assertion Failure ====\n  x.c:1: a == b\n  pid=1 tid=1 errno=0\n" \
               "     1\t0x1: ?? ??:0\n  a was 3\n"
        self.assertEqual(conformance.judge(254, 9, text), ("fail", "x.c:1: a was 3"))


if __name__ == "__main__":
    unittest.main()
