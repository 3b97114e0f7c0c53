"""What a folder lies on is read from the kernel's list of mounts."""

from pathlib import Path

import pytest

from hounsfield.storage.file_systems import mount_of

LINES = (
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
    "40 22 0:50 / {root}/net rw,relatime shared:1 - nfs4 server:/export rw,vers=4.2,local_lock=none",
    "41 22 0:51 / {root}/old rw - nfs server:/export rw,vers=3,nolock",
    "42 22 0:52 / {root}/with\\040blank rw - cifs //server/share rw,nobrl",
    "43 40 8:2 / {root}/net/inside rw - xfs /dev/sdb1 rw",
    "damaged line",
)


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    for name in ("net/inside", "old", "with blank", "here"):
        (tmp_path / name).mkdir(parents=True)
    file = tmp_path / "mountinfo"
    file.write_text("\n".join(LINES).format(root=tmp_path))
    return file


@pytest.mark.parametrize(
    ("folder", "kind", "is_network"),
    [
        ("here", "ext4", False),
        ("net", "nfs4", True),
        ("net/not/there/yet", "nfs4", True),
        ("net/inside", "xfs", False),
        ("old/x", "nfs", True),
        ("with blank", "cifs", True),
    ],
)
def test_the_innermost_mount_counts(tmp_path: Path, mounts: Path, folder: str, kind: str, is_network: bool) -> None:
    found = mount_of(tmp_path / folder, mounts)
    assert (found.kind, found.is_network) == (kind, is_network)


def test_a_kernel_that_does_not_say_is_no_network(tmp_path: Path) -> None:
    assert not mount_of(tmp_path, tmp_path / "not there").is_network
