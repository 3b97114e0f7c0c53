#!/usr/bin/env bash
# Collect everything that an installation without network needs into one folder. Run it on a machine with network that
# is like the target: the same Debian, the same Python, the same architecture.
set -euo pipefail
umask 022

usage() {
    cat <<'END'
usage: deploy/airgap/collect.sh FOLDER [--postgres] [--onnx] [--train] [--gpu] [--python PROGRAM]

  FOLDER             where to: a new or an empty folder
  --postgres         also what talks to PostgreSQL
  --onnx             also what runs ONNX bundles
  --train            also what training and evaluation need
  --gpu              also what TensorFlow needs for an NVIDIA GPU (several GB)
  --python PROGRAM   the Python to collect for (python3.11 or python3 without)

On the target, as root: FOLDER/deploy/install.sh
END
}

fail() {
    echo "collect.sh: $1" >&2
    exit "${2:-1}"
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder="" python="" extras=""

while [ $# -gt 0 ]; do
    case $1 in
        --postgres | --onnx | --train | --gpu) extras+="${extras:+,}${1#--}" ;;
        --python) [ $# -gt 1 ] || fail "--python needs a program" 2; python=$2; shift ;;
        --help | -h) usage; exit 0 ;;
        -*) fail "there is no option $1 (--help)" 2 ;;
        *) [ -z "$folder" ] || fail "one folder, not two (--help)" 2; folder=$1 ;;
    esac
    shift
done
[ -n "$folder" ] || fail "name the folder to collect into (--help)" 2
if [ -e "$folder" ] && [ -n "$(ls -A "$folder" 2>&1)" ]; then
    fail "$folder is not an empty folder: name a new one" 2
fi
[ -n "$python" ] || python=$(command -v python3.11 || command -v python3) || fail "there is no Python here"

mkdir -p "$folder/deploy"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/tools/build-wheel.sh" "$python" "$folder"
wheel=$(basename "$folder"/hounsfield-*.whl)
echo "Collecting what $wheel${extras:+ with $extras} needs (TensorFlow is large: some minutes) ..."
mkdir "$folder/deploy/requirements"
for group in base ${extras//,/ }; do cp "$here/requirements/$group.txt" "$folder/deploy/requirements/"; done
locks=("$folder"/deploy/requirements/*.txt)
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    --dest "$folder" "${locks[@]/#/--requirement=}"

cp -R "$here/install.sh" "$here/installing" "$here/systemd" "$here/config" "$folder/deploy/"
printf '%s\n' "$extras" >"$folder/extras"
(cd "$folder" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum >"$work/sums")
mv "$work/sums" "$folder/SHA256SUMS"

echo "$folder: $(find "$folder" -name '*.whl' | wc -l) wheels, $(du -sm "$folder" | cut -f 1) MB, for $("$python" --version) on $(uname -m)"
echo "SHA256SUMS $(sha256sum <"$folder/SHA256SUMS" | cut -c 1-64)"
echo "Bring the folder to the target and, as root there, run deploy/install.sh in it. It prints the last line too: compare."
