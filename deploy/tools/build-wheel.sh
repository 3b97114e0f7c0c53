#!/bin/sh
# Build the wheel of these sources with what the lock names for it, byte for byte the wheel of `make dist`:
# build-wheel.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    --requirement "$here/../requirements/build.txt"
"$work/venv/bin/python" "$here/build_dist.py" --wheel "$folder"
