"""What TensorFlow's libraries say of the machine is not for a person who watches a training."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.heavy


def said_by(code: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


def test_a_quiet_import_leaves_standard_error_to_us() -> None:
    code = """
import sys
from hounsfield.model.runtime import import_quietly
import_quietly()
print("ours", file=sys.stderr)
"""
    assert said_by(code) == (0, "ours\n")


def test_an_import_that_fails_shows_what_was_said() -> None:
    code = """
import os
from hounsfield.model import runtime
def broken():
    os.write(2, b"the library is missing\\n")
    raise ImportError("no TensorFlow")
runtime.tensorflow = broken
runtime.import_quietly()
"""
    status, said = said_by(code)
    assert status == 1
    assert said.startswith("the library is missing\n")
    assert "no TensorFlow" in said
