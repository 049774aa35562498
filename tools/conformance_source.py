# SPDX-License-Identifier: MIT
"""Linux's KVM selftests: fetched as Debian's source packages and built outside their trees.

A package is downloaded by apt, which verifies it against the signed package lists, and is never
installed. Only the files that the build needs are unpacked, and only those are kept; with them
everything works offline. Nothing in them is changed: what Linux's build takes from elsewhere in a
full tree comes from Debian's cross packages (the kernel headers) or is written here.
"""
import collections
import os
import platform
import shutil
import subprocess
import tarfile

# A release of Linux: its package, the megabytes of that, and what the build needs beyond what all
# of them need: files, words for the compiler ("{source}" is the source's folder), words for make
# ("{out}": where it builds), and the prefix of its tests' names.
Release = collections.namedtuple("Release", "name package megabytes files flags make prefix")
RELEASES = (
    # It includes a header that the package's tools/include has not, and takes a name of another.
    Release("6.1", "linux-source-6.1", 139, (), ("-DTEST_ASSERT_EQ=ASSERT_EQ",), (), ""),
    # It wants headers of its own age, where Debian's are of 6.1, and writes one.
    Release("6.12", "linux-source-6.12", 153,
            ("arch/arm64/tools/gen-sysreg.awk", "arch/arm64/tools/sysreg"),
            ("-isystem {source}/tools/include/uapi",
             "-isystem {source}/tools/arch/arm64/include/uapi",
             "-DAT_RSEQ_FEATURE_SIZE=27", "-DAT_RSEQ_ALIGN=28"),
            ("abs_objdir={out}",), "6.12/"),
)
SELFTESTS = "tools/testing/selftests"
# Folders end with a slash.
WANTED = (
    f"{SELFTESTS}/kvm/", f"{SELFTESTS}/rseq/", f"{SELFTESTS}/kselftest.h",
    f"{SELFTESTS}/kselftest_harness.h", f"{SELFTESTS}/lib.mk",
    "tools/arch/arm64/", "tools/build/", "tools/include/", "tools/lib/", "tools/scripts/",
    "scripts/subarch.include",
)
# The header that 6.1 lacks; where there is one, it is found first.
BITFIELD = """\
/* SPDX-License-Identifier: MIT */
#define FIELD_PREP(mask, value) ((unsigned long)(value) << __builtin_ctzl(mask) & (mask))
#define FIELD_GET(mask, reg) (((reg) & (mask)) >> __builtin_ctzl(mask))
"""


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


def download(release, folder):
    """The package's file, by the system's package lists or, where they are missing or old, by
    fresh ones."""
    result = apt_get(folder, "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3",
                     "download", release.package)
    if result.returncode:
        say("the system's package lists do not help: fetching lists of our own")
        config = apt_config(os.path.join(folder, "apt"))
        apt_get(folder, *config, "update")
        result = apt_get(folder, *config, "download", release.package)
    debs = [f for f in os.listdir(folder) if f.endswith(".deb")]
    if result.returncode or len(debs) != 1:
        raise SourceError(f"cannot download {release.package} ({release.megabytes} MB; Debian 12 "
                          f"with its security updates has it). Is there a network?\n{result.stderr.strip()}")
    return os.path.join(folder, debs[0])


def wanted(release, name):
    return any(name.startswith(w) if w.endswith("/") else name == w
               for w in (*WANTED, *release.files))


def unpack_wanted(release, archive, folder):
    """Plain files and links that stay inside: whatever else there is, the build does not need."""
    for member in archive:
        name = member.name.partition("/")[2]
        if not wanted(release, name) or ".." in name.split("/"):
            continue
        path = os.path.join(folder, name)
        if member.isreg():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                shutil.copyfileobj(archive.extractfile(member), f)


def unpack(release, deb, folder):
    """An archive in an archive, both as streams: the whole kernel never touches the disk."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as package:
        with tarfile.open(fileobj=package.stdout, mode="r|") as outer:
            for member in outer:
                if member.name.endswith(f"/{release.package}.tar.xz"):
                    with tarfile.open(fileobj=outer.extractfile(member), mode="r|xz") as linux:
                        unpack_wanted(release, linux, folder)
                    break
        package.terminate()
    if not os.path.isfile(os.path.join(folder, SELFTESTS, "kvm", "Makefile")):
        raise SourceError(f"{release.package} has no KVM selftests")


def version_of(deb):
    return subprocess.run(["dpkg-deb", "-f", deb, "Version"], check=True, capture_output=True,
                          text=True).stdout.strip()


def fetch(release, cache, refresh=False):
    """The folder with the source, and its version. "version" is written last: it says complete."""
    source, stamp = os.path.join(cache, "source"), os.path.join(cache, "version")
    if refresh or not os.path.isfile(stamp):
        work = os.path.join(cache, "work")
        shutil.rmtree(cache, ignore_errors=True)
        os.makedirs(work)
        say(f"downloading {release.package} ({release.megabytes} MB, of which 7 MB are kept)")
        deb = download(release, work)
        version = version_of(deb)
        say(f"unpacking the selftests of {version}")
        unpack(release, deb, source)
        shutil.rmtree(work)
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(version + "\n")
    with open(stamp, encoding="utf-8") as f:
        return source, f.read().strip()


# ---- Building ----


def cross_prefix():
    return "" if platform.machine() == "aarch64" else "aarch64-linux-gnu-"


def build(release, source, out):
    """All tests of the KVM folder's Makefile for arm64, with the Makefile itself."""
    os.makedirs(os.path.join(out, "tools"), exist_ok=True)
    include = os.path.join(out, "include")
    os.makedirs(os.path.join(include, "linux"), exist_ok=True)
    header = os.path.join(include, "linux", "bitfield.h")
    if not os.path.isfile(header):
        with open(header, "w", encoding="utf-8") as f:
            f.write(BITFIELD)
    command = ["make", "-k", f"-j{os.cpu_count() or 1}", "ARCH=arm64",
               f"CROSS_COMPILE={cross_prefix()}", f"OUTPUT={out}",
               *(word.format(out=out) for word in release.make),
               "EXTRA_CFLAGS=" + " ".join(flag.format(source=source) for flag in (
                   f"-idirafter {include}", "-w", *release.flags))]
    # What a calling make puts into the environment is not meant for this one.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    log = os.path.join(out, "build.log")
    with open(log, "w", encoding="utf-8") as f:
        result = subprocess.run(command, cwd=os.path.join(source, SELFTESTS, "kvm"), check=False,
                                env=env, stdin=subprocess.DEVNULL, stdout=f,
                                stderr=subprocess.STDOUT)
    if result.returncode:
        with open(log, encoding="utf-8", errors="replace") as f:
            say("".join(line for line in f if "rror" in line).rstrip())
        say(f"not every selftest could be built: {log}")


def tests(release, out):
    """Name: program. A test's name is its file's, without the architecture's folder, and for all
    but the first release begins with the release's."""
    found = {}
    for folder in (out, os.path.join(out, "aarch64")):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                found[release.prefix + name] = path
    return found


def build_program(c_file, out):
    """One C file as a program for arm64, as the selftests are."""
    program = os.path.join(out, os.path.splitext(os.path.basename(c_file))[0])
    result = subprocess.run([cross_prefix() + "gcc", "-O2", "-w", "-o", program, c_file],
                            check=False, capture_output=True, text=True)
    if result.returncode:
        raise SourceError(f"cannot build {c_file}:\n{result.stderr}")
    return program
