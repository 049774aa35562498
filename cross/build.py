#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library for LD_PRELOAD, built for another architecture: a second build folder of the same
project, which its own ninja keeps up to date. The copy in the first one changes only when the
library does.

usage: cross/build.py MESON SOURCE-FOLDER BUILD-FOLDER CROSS-FILE OUTPUT [OPTION...]
"""
import filecmp
import os
import shutil
import subprocess
import sys

LIBRARY = "src/preload/libarmature-kvm.so"


def run(*command):
    """Says nothing unless it fails. CC and the like are meant for the first build."""
    env = {k: v for k, v in os.environ.items() if k not in ("CC", "CFLAGS", "LDFLAGS")}
    result = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.stderr.write(result.stdout)
        sys.exit(f"{' '.join(command)}: status {result.returncode}")


def main():
    meson, source, build, cross, output = sys.argv[1:6]
    options = ["--cross-file", cross, "-Dpreload_only=true", *sys.argv[6:]]
    if not os.path.exists(os.path.join(build, "build.ninja")):
        shutil.rmtree(build, ignore_errors=True)
        run(meson, "setup", build, source, *options)
    run("ninja", "-C", build, LIBRARY)
    built = os.path.join(build, LIBRARY)
    if not os.path.exists(output) or not filecmp.cmp(built, output, shallow=False):
        shutil.copy2(built, output + ".new")
        os.replace(output + ".new", output)


if __name__ == "__main__":
    main()
