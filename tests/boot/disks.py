# SPDX-License-Identifier: MIT
"""Disk images for boot tests, and a load that a guest puts on disks.

    root = make_root(folder + "/root.img")          # ext4, busybox, boots to the usual shell
    root = make_debian_root(folder + "/debian.img") # the same of Debian's essential packages
    make_data(folder + "/a.img", 16 << 20, seed=1)  # random bytes
    load = Load({"vdb": 16 << 20}, {"vdc": folder + "/b.img"})
    with Guest(guest.armature(program, 4, append="quiet root=/dev/vda rw", disks=[...])) as g:
        g.shell()
        load.start(g)
        ...
        load.stop(g)
        g.power_off()
    load.check("vdb", folder + "/a.img", seed=1)    # the host reads what the guest has written

No image needs root privileges: mke2fs fills a file system from a folder.
"""
import hashlib
import os
import random
import shutil
import subprocess
import tempfile

import guest

MIB = 1 << 20

# The init of a root on a disk, busybox's or Debian's. The initramfs has mounted /dev, /proc, /sys.
INIT = """#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=linux
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
hostname disk
cd /root
echo 'armature: shell ready, on a disk.'
export PS1='disk# '
read -r tty </sys/class/tty/console/active
tty=${tty##* }
setsid -c sh <>/dev/$tty >&0 2>&1
poweroff -f
"""

# Debian's essential packages have no poweroff.
POWEROFF = """#!/bin/sh
echo o >/proc/sysrq-trigger
sleep 60
"""


def tool(name):
    """mke2fs and its like are not in everybody's PATH."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
    if not path:
        raise SystemExit("%s is missing: tools/install-deps test" % name)
    return path


def run_tool(*command):
    p = subprocess.run([tool(command[0]), *command[1:]], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if p.returncode:
        raise guest.Failed("%s: status %d\n%s" % (" ".join(command), p.returncode,
                                                  p.stdout.decode("utf-8", "replace")))
    return p.stdout.decode("utf-8", "replace")


def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def make_file_system(path, folder, size):
    """An ext4 file system of @size bytes with what is in the folder."""
    with open(path, "wb") as f:
        f.truncate(size)
    run_tool("mke2fs", "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0,lazy_itable_init=1",
             "-L", "armature", "-d", folder, path)


def make_root(path, size=32 * MIB):
    """A root file system: what the initramfs has, and an init that gives the usual shell."""
    with tempfile.TemporaryDirectory() as root:
        # Not its device nodes, which only root may make.
        subprocess.run("gzip -dc '%s' | cpio -i --quiet --no-preserve-owner -f 'dev/*' init" %
                       guest.INITRD, shell=True, cwd=root, check=True)
        write(os.path.join(root, "sbin/init"), INIT, 0o755)
        make_file_system(path, root, size)
    return path


def make_debian_root(path, size=192 * MIB):
    """A root file system of Debian's essential packages. Returns the folder it is made of."""
    p = subprocess.run([os.path.join(guest.ROOT, "tools/fetch-guest"), "--root"],
                       stdin=subprocess.DEVNULL)
    if p.returncode:
        raise SystemExit("cannot get Debian's packages: see the messages above")
    folder = os.path.join(guest.CACHE, "debian-root")
    make_file_system(path, folder, size)
    with tempfile.TemporaryDirectory() as d:
        write(os.path.join(d, "init"), INIT, 0o755)
        write(os.path.join(d, "poweroff"), POWEROFF, 0o755)
        write(os.path.join(d, "commands"), "cd usr/sbin\nwrite %s/init init\nwrite %s/poweroff "
              "poweroff\n" % (d, d))
        run_tool("debugfs", "-w", "-f", os.path.join(d, "commands"), path)
    return folder


def random_bytes(size, seed):
    """Always the same ones for a seed."""
    return random.Random(seed).randbytes(size)


def make_data(path, size, seed):
    """A file of random_bytes(). Returns its path."""
    with open(path, "wb") as f:
        f.write(random_bytes(size, seed))
    return path


def digest(path, name="sha256"):
    with open(path, "rb") as f:
        h = hashlib.new(name)
        for piece in iter(lambda: f.read(MIB), b""):
            h.update(piece)
    return h.hexdigest()


# ---- A load ----

SLOT = 256 << 10

# Writes slot after slot of a disk through the page cache, many requests at once, and reads each
# back past the cache, in small requests, for as long as nobody creates /tmp/stop. What pass N
# writes follows from N, so its number tells what must be on the disk.
WRITER = """
writer() {
i=0; while [ ! -e /tmp/stop ]; do at=$((i % $2));
yes "$1 pass $i" | head -c @SLOT@ > /tmp/$1.data;
dd if=/tmp/$1.data of=/dev/$1 bs=64k seek=$((at * @SLOT@ / 65536)) conv=notrunc,fsync
 2>/tmp/$1.err || { echo "$1: bad write $i"; cat /tmp/$1.err; };
dd if=/dev/$1 bs=16k skip=$((at * @SLOT@ / 16384)) count=$((@SLOT@ / 16384)) iflag=direct
 2>/dev/null | cmp - /tmp/$1.data || echo "$1: bad read $i";
i=$((i + 1)); done; echo "$1 passes $i"; }
"""

# Reads a whole disk again and again, past the cache; it must have the given md5.
READER = """
reader() {
i=0; while [ ! -e /tmp/stop ]; do
[ "$(dd if=/dev/$1 bs=128k iflag=direct 2>/dev/null | md5sum)" = "$2  -" ] ||
 echo "$1: bad sum in pass $i";
i=$((i + 1)); done; echo "$1 passes $i"; }
"""


def content(disk, number):
    """What pass @number of the writer puts in its slot."""
    line = b"%s pass %d\n" % (disk.encode(), number)
    return (line * (SLOT // len(line) + 1))[:SLOT]


class Load:
    """@writable: size of each disk that is overwritten, by the guest's name for it. @readable: the
    image of each disk that is only read."""

    def __init__(self, writable, readable=None):
        self.writable = writable
        self.readable = {d: digest(path, "md5") for d, path in (readable or {}).items()}
        self.passes = {}

    def start(self, g):
        def one_line(script):
            return script.strip().replace("\n", " ").replace("@SLOT@", str(SLOT))

        g.run("rm -f /tmp/stop /tmp/load.*")
        g.run("cat > /tmp/load <<'END'\n%s\n%s\n\"$@\"\nEND\n:" %
              (one_line(WRITER), one_line(READER)))
        for disk, size in self.writable.items():
            g.run("sh /tmp/load writer %s %d > /tmp/load.%s 2>&1 & :" % (disk, size // SLOT, disk))
        for disk, md5 in self.readable.items():
            g.run("sh /tmp/load reader %s %s > /tmp/load.%s 2>&1 & :" % (disk, md5, disk))

    def stop(self, g, timeout=None):
        """Ends the load. Returns the number of passes of each disk, none of which is 0."""
        disks = [*self.writable, *self.readable]
        text = g.run("touch /tmp/stop; while [ $(cat /tmp/load.vd* | grep -c passes) -lt %d ]; do "
                     "sleep 0.1; done; cat /tmp/load.vd*" % len(disks), timeout)
        self.passes = {}
        for line in text.split("\n"):
            words = line.split()
            if len(words) == 3 and words[0] in disks and words[1] == "passes":
                self.passes[words[0]] = int(words[2])
            else:
                g.fail("the load says:\n%s" % text)
        if len(self.passes) != len(disks) or 0 in self.passes.values():
            g.fail("the load has not used each disk:\n%s" % text)
        return self.passes

    def check(self, disk, path, seed):
        """The image has what the guest has written, and elsewhere what make_data() put there."""
        wanted = bytearray(random_bytes(os.path.getsize(path), seed))
        slots = self.writable[disk] // SLOT
        for i in range(max(0, self.passes[disk] - slots), self.passes[disk]):
            at = i % slots * SLOT
            wanted[at:at + SLOT] = content(disk, i)
        with open(path, "rb") as f:
            got = f.read()
        if got != wanted:
            at = next(i for i in range(len(wanted)) if got[i:i + 1] != wanted[i:i + 1])
            raise guest.Failed("%s, byte %d (slot %d after %d passes): %r, not %r" %
                               (path, at, at // SLOT, self.passes[disk], got[at:at + 48],
                                bytes(wanted[at:at + 48])))
