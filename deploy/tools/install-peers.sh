#!/bin/sh
# Install the peer programs that the tests talk to, from Debian, and the OHIF viewer from npm, into the user's cache.
# Does nothing where they are all there. Without root or sudo it prints the line to run and exits 1.
set -eu

packages="dcmtk dicom3tools orthanc orthanc-dicomweb postgresql chromium-headless-shell prometheus shellcheck systemd gnupg minisign"
PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"

# The built site of the viewer, unpacked; tests/support/ohif.py looks for it at the same place.
viewer_package="@ohif/app@3.13.2"
viewer_sha256="b189d3963bfc58e9394a9db8c7be75d07beb029ec211dbb126d47b62969dd3f1"
cache="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/hounsfield-peers"
viewer="$cache/ohif-app-3.13.2"
[ -e "$viewer" ] || command -v npm >/dev/null || packages="$packages npm"
line="apt-get install --no-install-recommends -y $packages"

install_viewer() {
    echo "Installing the OHIF viewer into $viewer ..."
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/new.XXXXXX")
    if ! (cd "$work" && npm pack --silent "$viewer_package" >/dev/null); then
        echo "Could not fetch it. By hand: npm pack $viewer_package" >&2
        exit 1
    fi
    echo "$viewer_sha256  $(echo "$work"/*.tgz)" | sha256sum --check --quiet
    # neither its source maps nor the network that segments: two thirds of it, and no test asks for them
    tar -xzf "$work"/*.tgz -C "$work" --exclude='*.map' --exclude='package/dist/ort'
    mv "$work/package" "$viewer"
    rm -rf "$work"
}

missing=""
for package in $packages; do
    case $package in
        dcmtk) ok=$(command -v storescu && command -v dcmsend && command -v dsrdump) || ok="" ;;
        dicom3tools) ok=$(command -v dciodvfy) || ok="" ;;
        orthanc) ok=$(command -v Orthanc) || ok="" ;;
        orthanc-dicomweb) ok=$(ls /usr/share/orthanc/plugins/libOrthancDicomWeb.so 2>/dev/null) || ok="" ;;
        chromium-headless-shell) ok=$(command -v chromium-headless-shell) || ok="" ;;
        prometheus) ok=$(command -v promtool) || ok="" ;;
        shellcheck) ok=$(command -v shellcheck) || ok="" ;;
        systemd) ok=$(command -v systemd-analyze) || ok="" ;;
        gnupg) ok=$(command -v gpg) || ok="" ;;
        minisign) ok=$(command -v minisign) || ok="" ;;
        npm) ok="" ;;
        postgresql) ok=$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null || command -v initdb) || ok="" ;;
    esac
    [ -n "$ok" ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    [ -e "$viewer" ] || install_viewer
    exit 0
fi

become=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then become="sudo"; else become="none"; fi
fi
if [ "$become" = none ] || ! command -v apt-get >/dev/null; then
    echo "The tests need these peer programs:$missing. On Debian:" >&2
    echo "  sudo $line" >&2
    exit 1
fi

# Debian's packages start their services when they are installed; the tests start their own instances on private
# ports. A policy-rc.d that answers 101 (deb-systemd-invoke, invoke-rc.d) forbids it for the time of the installation.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$become rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | $become tee $policy >/dev/null
    $become chmod 755 $policy
fi
echo "Installing$missing from Debian ..."
log=$(mktemp)
# shellcheck disable=SC2086  # a list of words
if ! { $become env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    $become env DEBIAN_FRONTEND=noninteractive $line -qq; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "Could not install them. By hand: sudo $line" >&2
    exit 1
fi
rm -f "$log"
# Nor at the next boot: only what was not here before.
if [ -d /run/systemd/system ]; then
    for service in orthanc postgresql prometheus; do
        case $missing in *$service*) $become systemctl disable --quiet $service 2>/dev/null || true ;; esac
    done
fi
[ -e "$viewer" ] || install_viewer
