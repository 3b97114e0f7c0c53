"""systemd as the first process of namespaces and cgroups of its own, in a Debian of support.debian: a running host."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.debian import PATH, Debian
from support.waiting import wait_until

_CGROUPS = Path("/sys/fs/cgroup")
_CONTROLLERS = ("systemd", "memory", "pids", "devices")
_SYSTEMD = "/lib/systemd/systemd"
# pivot_root rather than chroot: the kernel gives a process in a chroot no user namespace (PrivateUsers=).
_BOOT = """
set -e
root=$1; shift
ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"; mount --bind /dev/$name "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
else
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    for name in memory pids devices; do
        mkdir "$root/sys/fs/cgroup/$name"; mount -t cgroup -o $name cgroup "$root/sys/fs/cgroup/$name"
    done
    mkdir "$root/sys/fs/cgroup/systemd"; mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
while [ $# -gt 0 ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; shift 2; done
cd "$root"
mkdir -p mnt/old
pivot_root . mnt/old
umount -l /mnt/old
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """A Debian that runs."""

    pid: int
    """Of its systemd, as we see it."""

    def run(self, command: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a line of shell as root beside its services; the exit status is the caller's."""
        kinds = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd")
        enter = ["nsenter", "--target", str(self.pid), *kinds, "--", "env", "-i", PATH, "HOME=/root", "LC_ALL=C.UTF-8"]
        return subprocess.run(
            [*enter, "sh", "-c", command], capture_output=True, text=True, check=False, timeout=seconds
        )

    def state(self, unit: str) -> str:
        """Return what systemd says of a unit: active, activating, failed ..."""
        return self.run(f"systemctl is-active {unit}").stdout.strip()


@contextmanager
def booted(debian: Debian) -> Iterator[Booted]:
    """Start its systemd, and end it with all that it started."""
    cgroups = [folder / f"hounsfield-test-{os.getpid()}" for folder in _hierarchies()]
    for cgroup in cgroups:
        cgroup.mkdir()
    join = "".join(f"echo $$ >{cgroup}/cgroup.procs; " for cgroup in cgroups)
    spaces = "unshare --mount --pid --fork --kill-child --net --uts --ipc --cgroup --"
    boot = f"{_BOOT}\nexec env -i container=test {PATH} {_SYSTEMD} --log-target=null --unit=multi-user.target"
    binds = [part for bind in debian.binds.items() for part in bind]
    process = subprocess.Popen(["sh", "-c", f'{join}exec {spaces} sh -c "$@"', "sh", boot, "sh", debian.root, *binds])
    try:
        wait_until(lambda: _is_systemd(_first_child(process.pid)) or process.poll() is not None, 60)
        yield Booted(pid=_first_child(process.pid))
    finally:
        process.kill()
        process.wait(30)
        for cgroup in cgroups:
            wait_until(lambda cgroup=cgroup: _is_removed(cgroup), 30)


def _hierarchies() -> list[Path]:
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [_CGROUPS / name for name in _CONTROLLERS]


def _first_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


def _is_systemd(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"
    except OSError:
        return False


def _is_removed(cgroup: Path) -> bool:
    """Remove what is left of it from below; its processes take a moment to go."""
    for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
        try:
            folder.rmdir()
        except OSError:
            return False
    try:
        cgroup.rmdir()
    except OSError:
        return False
    return True
