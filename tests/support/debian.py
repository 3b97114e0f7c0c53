"""A fresh Debian in a folder (debootstrap), entered without network: what a host looks like to an installer."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.peers import require_binary, skip_or_fail

RELEASE = "bookworm"
PACKAGES = "python3,python3-venv,systemd,systemd-sysv,dbus"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What a command finds its programs by."""
# A loopback of its own and nothing else; the mounts go with the last process.
_ENTER = """
set -e
root=$1; shift
ip link set lo up
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; shift 2; done
shift
exec chroot "$root" "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debian:
    """Its root folder, and which folders of ours it sees: ours, theirs."""

    root: Path
    binds: Mapping[Path, str] = field(default_factory=dict)

    def seeing(self, ours: Path, theirs: str) -> "Debian":
        """Return the same Debian with one more folder of ours in it."""
        return Debian(root=self.root, binds={**self.binds, ours: theirs})

    def run(self, command: str, user: str = "root", seconds: float = 900.0) -> subprocess.CompletedProcess[str]:
        """Run a line of shell as a user, in the user's home; the exit status is the caller's."""
        binds = [str(part) for bind in self.binds.items() for part in bind]
        home = "/root" if user == "root" else f"/home/{user}"
        as_user = ["env", "-i", PATH, f"HOME={home}", "LC_ALL=C.UTF-8", "runuser", "-u", user, "--"]
        inside = [*as_user, "sh", "-c", f"cd && {command}"]
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--"]
        return subprocess.run(
            [*unshare, "sh", "-c", _ENTER, "sh", self.root, *binds, "--", *inside],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def path(self, inside: str) -> Path:
        """Return where a file of it lies for us."""
        return self.root / inside.lstrip("/")


@contextmanager
def debian(packages: str = PACKAGES) -> Iterator[Debian]:
    """Make one and remove it afterwards: some hundred MB, and what is installed into it."""
    if os.geteuid() != 0:
        skip_or_fail("a Debian of our own needs root (chroot, namespaces)")
    folder = Path(tempfile.mkdtemp(prefix="hounsfield-debian-"))
    root = folder / "root"
    try:
        make = [require_binary("debootstrap"), "--variant=minbase", f"--include={packages}", RELEASE, root]
        done = subprocess.run(make, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stdout[-2000:]
        yield Debian(root=root)
    finally:
        assert str(folder) not in Path("/proc/self/mounts").read_text(), "what is mounted there would be removed too"
        shutil.rmtree(folder)
