# SPDX-License-Identifier: MIT
"""The project's files, for the check-* tools: what git tracks or would track, without what is
ignored. In a tree without git it is every file outside build folders."""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def project_files(root=ROOT):
    """Sorted paths relative to root."""
    # safe.directory: a container's root may look at a tree that another user owns.
    git = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others",
           "--exclude-standard"]
    try:
        names = subprocess.run(git, check=True, capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, files in os.walk(root):
            folders[:] = [f for f in folders if f not in (".git", ".cache", "__pycache__")
                          and not (folder == root and f.startswith("build"))]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(n for n in set(names) if n and os.path.isfile(os.path.join(root, n)))


def read(name, root=ROOT):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace", newline="") as f:
        return f.read()
