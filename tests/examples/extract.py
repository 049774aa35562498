#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the C examples of a Markdown file, one to each of the files named after it."""
import re
import sys


def main(markdown, *outputs):
    with open(markdown, encoding="utf-8") as f:
        blocks = re.findall(r"^```c\n(.*?)^```$", f.read(), re.M | re.S)
    if len(blocks) != len(outputs):
        sys.exit(f"{markdown} has {len(blocks)} examples, not {len(outputs)}")
    for path, block in zip(outputs, blocks):
        with open(path, "w", encoding="utf-8") as f:
            f.write(block)


if __name__ == "__main__":
    main(*sys.argv[1:])
