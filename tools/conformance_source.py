# SPDX-License-Identifier: MIT
"""Linux's KVM selftests: fetched as Debian's source package and built outside its tree.

The package is downloaded by apt, which verifies it against the signed package lists, and is never
installed. Only the files that the build needs are unpacked, and only those are kept; with them
everything works offline. Nothing in them is changed: what Linux's build takes from elsewhere in a
full tree comes from Debian's cross packages (the kernel headers) or is written here.
"""
import os
import platform
import shutil
import subprocess
import tarfile

PACKAGE = "linux-source-6.1"
SELFTESTS = "tools/testing/selftests"
# Folders end with a slash.
WANTED = (
    f"{SELFTESTS}/kvm/", f"{SELFTESTS}/rseq/", f"{SELFTESTS}/kselftest.h",
    f"{SELFTESTS}/kselftest_harness.h", f"{SELFTESTS}/lib.mk",
    "tools/arch/arm64/", "tools/build/", "tools/include/", "tools/lib/", "tools/scripts/",
    "scripts/subarch.include",
)
# A header that the tests include and the package's tools/include has not.
BITFIELD = """\
/* SPDX-License-Identifier: MIT */
#define FIELD_PREP(mask, value) ((unsigned long)(value) << __builtin_ctzl(mask) & (mask))
#define FIELD_GET(mask, reg) (((reg) & (mask)) >> __builtin_ctzl(mask))
"""
# Likewise a name under which the package's header has another.
RENAMED = ["-DTEST_ASSERT_EQ=ASSERT_EQ"]


class SourceError(Exception):
    """Cannot be fetched or built; the text says why."""


def say(text):
    print(f"conformance: {text}", flush=True)


# ---- Fetching ----


def apt_config(folder):
    """Options that give apt lists of its own, so that no root is needed to update them."""
    lists = os.path.join(folder, "lists")
    os.makedirs(os.path.join(lists, "partial"), exist_ok=True)
    os.makedirs(os.path.join(folder, "archives", "partial"), exist_ok=True)
    path = os.path.join(folder, "apt.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"""\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State::lists "{lists}";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
""")
    return ["-c", path]


def apt_get(folder, *args):
    try:
        return subprocess.run(["apt-get", "-qq", *args], cwd=folder, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as e:
        raise SourceError(f"apt-get: {e}: the source comes from a Debian 12 mirror") from e


def download(folder):
    """The package's file, by the system's package lists or, where they are missing or old, by
    fresh ones."""
    result = apt_get(folder, "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3",
                     "download", PACKAGE)
    if result.returncode:
        say("the system's package lists do not help: fetching lists of our own")
        config = apt_config(os.path.join(folder, "apt"))
        apt_get(folder, *config, "update")
        result = apt_get(folder, *config, "download", PACKAGE)
    debs = [f for f in os.listdir(folder) if f.endswith(".deb")]
    if result.returncode or len(debs) != 1:
        raise SourceError(f"cannot download {PACKAGE} (139 MB; Debian 12 has it). Is there a "
                          f"network?\n{result.stderr.strip()}")
    return os.path.join(folder, debs[0])


def wanted(name):
    return any(name.startswith(w) if w.endswith("/") else name == w for w in WANTED)


def unpack_linux(stream, folder):
    """Of Linux's archive, what WANTED names. Links stay inside the tree: extract() by name."""
    count = 0
    for member in tarfile.open(fileobj=stream, mode="r|xz"):
        name = member.name.partition("/")[2]
        if not wanted(name) or ".." in name.split("/") or not (member.isreg() or member.issym()):
            continue
        if member.issym() and (member.linkname.startswith("/") or ".." in member.linkname):
            continue
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if member.issym():
            os.symlink(member.linkname, path)
        else:
            with open(path, "wb") as f:
                shutil.copyfileobj(stream_of(member), f)
        count += 1
    return count


def unpack(deb, folder):
    """A stream in a stream: neither archive touches the disk."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as package:
        with tarfile.open(fileobj=package.stdout, mode="r|") as outer:
            for member in outer:
                if not member.name.endswith(f"/{PACKAGE}.tar.xz"):
                    continue
                with tarfile.open(fileobj=outer.extractfile(member), mode="r|xz") as linux:
                    unpack_wanted(linux, folder)
                break
        package.stdout.close()
        package.terminate()
    if not os.path.isfile(os.path.join(folder, SELFTESTS, "kvm", "Makefile")):
        raise SourceError(f"{PACKAGE} has no KVM selftests")
