# SPDX-License-Identifier: MIT
"""Compares transcripts of KVM's answers: what Linux said, and what we say.

A transcript is lines "case = answer", indented below the case they belong to. A case is known by
its path from the outermost line, so that an answer is compared with the answer to the same
question, wherever lines are missing or added. Lines that may differ are listed, with the reason, in
a file of rules; a rule that no longer describes a difference is a mistake too.
"""
import collections
import fnmatch
import os

ABSENT = "(absent)"

# Which of their files a rule is about; shell patterns for the case's path, Linux's answer and ours;
# the kind of difference, and why.
Rule = collections.namedtuple("Rule", "file case linux ours kind why line")
# Of a rule that "varies" there may be no difference: it depends on where the test runs.
KINDS = ("host", "varies", "missing")

Comparison = collections.namedtuple("Comparison", "different listed unexpected")


def read_rules(path):
    rules = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = [field.strip() for field in line.split("|")]
            if len(fields) != 6 or fields[4] not in KINDS or not fields[5]:
                raise ValueError(f"{path}:{number}: want: file | case | Linux | ours | "
                                 f"{' or '.join(KINDS)} | why")
            rules.append(Rule(*fields, number))
    return rules


def parse(path):
    """Path of the case: answer, in the file's order."""
    answers, parents, seen = {}, [], collections.Counter()
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
    except OSError:
        lines = []
    for line in lines:
        depth = (len(line) - len(line.lstrip(" "))) // 2
        case, _, answer = line.strip().partition(" = ")
        path = "/".join([*parents[:depth], case])
        seen[path] += 1
        if seen[path] > 1:
            case, path = f"{case}#{seen[path]}", f"{path}#{seen[path]}"
        parents[depth:] = [case]
        answers[path] = answer
    return answers


def compare_file(name, linux, ours, rules, used):
    """Differing cases, how many of them are listed, and those that are not."""
    different, listed, unexpected = 0, 0, []
    for case in [*linux, *(c for c in ours if c not in linux)]:
        theirs, mine = linux.get(case, ABSENT), ours.get(case, ABSENT)
        if theirs == mine:
            continue
        different += 1
        for rule in rules:
            if (rule.file == name and fnmatch.fnmatchcase(case, rule.case)
                    and fnmatch.fnmatchcase(theirs, rule.linux)
                    and fnmatch.fnmatchcase(mine, rule.ours)):
                used.add(rule)
                listed += 1
                break
        else:
            unexpected.append(f"{name}: {case}: Linux {theirs}, ours {mine}")
    return different, listed, unexpected


def compare(linux_folder, our_folder, files, rules):
    """One area. Its rules that describe nothing count as unexpected."""
    different, listed, unexpected, used = 0, 0, [], set()
    for name in files:
        d, n, u = compare_file(name, parse(os.path.join(linux_folder, name)),
                               parse(os.path.join(our_folder, name)), rules, used)
        different, listed, unexpected = different + d, listed + n, unexpected + u
    stale = [f"rule in line {r.line} describes no difference: {r.case}"
             for r in rules if r.file in files and r not in used and r.kind != "varies"]
    return Comparison(different, listed, unexpected + stale)
