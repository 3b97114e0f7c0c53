"""What users and releasers are told: where to report, what a release holds, how it is signed and verified."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import lockfiles
import pytest
from support.peers import require_binary

ROOT = lockfiles.ROOT
RELEASE = ROOT / "deploy" / "release"
SUPPLY_CHAIN = ROOT / "docs" / "supply-chain.md"
SIGNED = ("SHA256SUMS", "RELEASE-NOTES.md")


def block(document: Path, program: str) -> str:
    """The commands of the first block that begins with the program, or with a loop over it."""
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    return next(text for text in blocks if re.match(rf"(for .*; do )?{program} ", text))


def shell(commands: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-eu", "-c", commands]
    return subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A checkout's dist folder with the files of a release, not yet signed."""
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "hounsfield-1.0.0-py3-none-any.whl").write_bytes(b"wheel")
    (folder / "RELEASE-NOTES.md").write_text("# Hounsfield 1.0.0\n")
    assert shell("sha256sum -- *.whl > SHA256SUMS", folder).returncode == 0
    return folder


def verified(dist: Path, program: str, **variables: str) -> bool:
    return shell(block(SUPPLY_CHAIN, program), dist, **variables).returncode == 0


def test_what_gnupg_signs_as_the_checklist_says_a_user_verifies_as_the_document_says(
    tmp_path: Path, dist: Path
) -> None:
    require_binary("gpg")
    # The agent's socket has a short limit to its path, and the agent has to end with the test.
    home = Path(os.environ.get("TMPDIR", "/tmp")) / f"hounsfield-gpg-{os.getpid()}"
    home.mkdir(mode=0o700)
    try:
        key = ["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "Releases <releases@example.org>", "ed25519"]
        subprocess.run(key, env=os.environ | {"GNUPGHOME": str(home)}, capture_output=True, check=True)
        done = shell(block(RELEASE / "RELEASE.md", "gpg"), tmp_path, GNUPGHOME=str(home))
        assert done.returncode == 0, done.stderr
        assert verified(dist, "gpg", GNUPGHOME=str(home))
        (dist / "RELEASE-NOTES.md").write_text("# Hounsfield 1.0.0, other\n")
        assert not verified(dist, "gpg", GNUPGHOME=str(home))
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def test_what_minisign_signs_as_the_checklist_says_a_user_verifies_as_the_document_says(
    tmp_path: Path, dist: Path
) -> None:
    require_binary("minisign")
    public = dist / "hounsfield.pub"
    made = shell(f"minisign -G -W -p {public} -s {tmp_path / '.minisign' / 'minisign.key'}", tmp_path)
    assert made.returncode == 0, made.stderr
    done = shell(block(RELEASE / "RELEASE.md", "minisign"), tmp_path, HOME=str(tmp_path), VERSION="1.0.0")
    assert done.returncode == 0, done.stderr
    assert verified(dist, "minisign")
    (dist / "hounsfield-1.0.0-py3-none-any.whl").write_bytes(b"another wheel")
    assert not verified(dist, "minisign")


def test_the_lock_comes_out_of_the_sdist_as_the_document_says(tmp_path: Path) -> None:
    (tmp_path / "hounsfield-1.0.0" / "deploy" / "requirements").mkdir(parents=True)
    (tmp_path / "hounsfield-1.0.0" / "deploy" / "requirements" / "base.txt").write_text("h11==1\n")
    packed = shell("tar -czf hounsfield-1.0.0.tar.gz hounsfield-1.0.0 && rm -r hounsfield-1.0.0", tmp_path)
    assert packed.returncode == 0
    done = shell(block(SUPPLY_CHAIN, "tar"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "deploy" / "requirements" / "base.txt").read_text() == "h11==1\n"


def test_the_security_policy_has_a_contact_to_fill_in_and_deadlines_and_forbids_patient_data() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert "SECURITY CONTACT (to be named by whoever publishes this project)" in text
    assert re.findall(r"^\| (\d+) (?:working )?days \|", text, re.MULTILINE) == ["3", "10", "90"]
    assert "Never send patient data" in text


def test_the_checklist_and_the_notes_name_every_file_of_a_release() -> None:
    recipe = (ROOT / "Makefile").read_text()
    assert re.search(r"^release: dist sbom ", recipe, re.MULTILINE)
    notes = (RELEASE / "release-notes.md").read_text()
    for name in ("-py3-none-any.whl", ".tar.gz", ".cdx.json", "SHA256SUMS", "FINGERPRINT"):
        assert name in notes
    assert "Not a medical device" in notes
    checklist = (RELEASE / "RELEASE.md").read_text()
    for command in ("make audit", "make check-lock", "make release", "make torture", ".ci/run", "CHANGELOG.md"):
        assert command in checklist
    for name in SIGNED:
        assert name in block(RELEASE / "RELEASE.md", "gpg")
        assert name in block(RELEASE / "RELEASE.md", "minisign")


def test_every_extra_of_the_lock_is_told_about() -> None:
    told = re.findall(r"^\| `(\w+)\.txt` \|", SUPPLY_CHAIN.read_text(), re.MULTILINE)
    assert set(told) == {"base", "build", "gpu", "onnx", "postgres", "train"}
    assert set(told) <= set(lockfiles.groups())
