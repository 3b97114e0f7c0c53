"""Takes a bundle's files from a folder or an archive that somebody else made: plain files only, and not too many."""

import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from hounsfield.daemon.bundles.installed import InstallRefused
from hounsfield.model.bundle_guard import files_in
from hounsfield.model.manifest import MANIFEST_NAME

MOST_BYTES = 8 * 2**30
"""Of all files of a bundle, unpacked."""
MOST_FILES = 10_000
_PLAIN = re.compile(r"[\w .+@=,()-]+")
_ENCRYPTED = 0x1


def take(source: Path, target: Path) -> None:
    """Copy the bundle at ``source``, a folder or a zip archive, into the empty folder ``target``.

    Nothing is written outside of ``target``. Raises InstallRefused for what is neither, for links, for names that lead
    out of the folder and for what is too large; BundleError for a folder with links.
    """
    if source.is_dir():
        _take_folder(source, target)
    elif source.is_file() and zipfile.is_zipfile(source):
        _take_archive(source, target)
    else:
        raise InstallRefused(f"{source}: is no bundle", "give a folder with a manifest.toml, or a zip archive of one")


def _take_folder(source: Path, target: Path) -> None:
    if not (source / MANIFEST_NAME).is_file():
        raise InstallRefused(f"{source}: has no {MANIFEST_NAME}", "give the folder that holds it")
    names = [MANIFEST_NAME, *files_in(source, MANIFEST_NAME)]
    _refuse_too_much(source, len(names), sum((source / name).lstat().st_size for name in names))
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name, follow_symlinks=False)


def _take_archive(source: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            members = _members(source, archive)
            for name, member in members.items():
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, place.open("xb") as file:
                    shutil.copyfileobj(packed, file)
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        FileExistsError,
        NotADirectoryError,
    ) as error:
        raise InstallRefused(f"{source}: is damaged or no plain zip archive ({type(error).__name__})") from error


def _members(source: Path, archive: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the files to unpack under their names in the bundle, all of them looked at before one is written."""
    entries = archive.infolist()
    _refuse_too_much(source, len(entries), sum(entry.file_size for entry in entries))
    files = {_safe(source, entry): entry for entry in entries if not entry.is_dir()}
    if len(files) != sum(not entry.is_dir() for entry in entries):
        raise InstallRefused(f"{source}: holds two files of one name")
    inner = _inner_folder(source, set(files))
    return {name.relative_to(inner): entry for name, entry in files.items()}


def _inner_folder(source: Path, names: set[PurePosixPath]) -> PurePosixPath:
    """Return where the manifest lies: at the top, or in the one folder that the archive holds."""
    tops = {name.parts[0] for name in names}
    for inner in (PurePosixPath(), *(PurePosixPath(top) for top in tops if len(tops) == 1)):
        if inner / MANIFEST_NAME in names:
            return inner
    raise InstallRefused(f"{source}: has no {MANIFEST_NAME}", "it lies at the top of the archive, or in its one folder")


def _safe(source: Path, entry: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.is_absolute() or not name.parts or not all(map(_is_plain, name.parts)):
        raise InstallRefused(f"{source}: {entry.filename[:80]!r} is no plain name below the bundle's folder")
    if kind not in (0, stat.S_IFREG):
        raise InstallRefused(f"{source}: {entry.filename[:80]!r} is a link or a device; allowed are plain files")
    if entry.flag_bits & _ENCRYPTED:
        raise InstallRefused(f"{source}: {entry.filename[:80]!r} is encrypted")
    return name


def _is_plain(part: str) -> bool:
    return part not in (".", "..") and len(part) <= 200 and _PLAIN.fullmatch(part) is not None


def _refuse_too_much(source: Path, files: int, size: int) -> None:
    if files > MOST_FILES or size > MOST_BYTES:
        raise InstallRefused(
            f"{source}: {files} files of {size} bytes are too much for a bundle",
            f"allowed are {MOST_FILES} files of {MOST_BYTES // 2**30} GiB in all",
        )
