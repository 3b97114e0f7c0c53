#!/bin/sh
# Build the wheel of a checkout, which stays as it is: build-wheel.sh PYTHON CHECKOUT FOLDER
# The same sources give the same bytes: no time of day gets into the wheel.
set -eu
python=$1 checkout=$2 folder=$3

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
for name in pyproject.toml MANIFEST.in README.md LICENSE daemon storage model; do
    cp -R "$checkout/$name" "$copy/"
done
find "$copy" -name __pycache__ -type d -prune -exec rm -rf {} +
find "$copy" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
SOURCE_DATE_EPOCH=315532800 "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps \
    --constraint "$checkout/constraints.txt" --wheel-dir "$folder" "$copy"
