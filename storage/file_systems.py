"""What kind of file system a folder lies on, as the kernel says it (``/proc/self/mountinfo``, proc(5))."""

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "lustre", "ceph", "glusterfs", "beegfs", "gpfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.s3fs", "fuse.rclone", "fuse.davfs"),
    }
)
_LOCKS_STAY_HERE = frozenset({"nolock", "nobrl", "local_lock=all", "local_lock=flock"})
"""Options of mounts whose locks other hosts do not see."""
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """What a folder lies on."""

    point: Path
    kind: str
    """``ext4``, ``nfs4``, ...; empty where the kernel does not say."""
    options: frozenset[str] = frozenset()

    @property
    def is_network(self) -> bool:
        """Whether other hosts may see it, later than this one."""
        return self.kind in _NETWORK

    @property
    def keeps_locks_to_itself(self) -> bool:
        """Whether a lock that we hold there is none for other hosts."""
        return self.is_network and bool(self.options & _LOCKS_STAY_HERE)


def mount_of(folder: Path, mounts: Path = MOUNTS) -> Mount:
    """Return what a folder lies on; of one that is not there, the nearest of those above it."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    there = there.resolve()
    found = Mount(point=Path("/"), kind="")
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return found
    for line in lines:
        mount = _read(line)
        # Of several at one place the last one is seen.
        if mount is not None and there.is_relative_to(mount.point) and len(mount.point.parts) >= len(found.point.parts):
            found = mount
    return found


def _read(line: str) -> Mount | None:
    before, _, behind = line.partition(" - ")
    left, right = before.split(" "), behind.split(" ")
    if len(left) < 6 or len(right) < 3:
        return None
    point = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), left[4])
    options = frozenset((*left[5].split(","), *right[2].split(",")))
    return Mount(point=Path(point), kind=right[0], options=options)
