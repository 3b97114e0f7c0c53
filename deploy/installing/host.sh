# shellcheck shell=bash disable=SC2034,SC2154  # part of install.sh, whose variables these are
# What a host must have, and what is made on it once: Python, the wheelhouse, the user, folders, the configuration.

need_root() {
    if [ "$dry" = yes ] || [ -n "$root" ]; then return; fi
    [ "$(id -u)" -eq 0 ] || fail "run it as root (or look first: --dry-run)" 2
}

is_python() {
    command -v "$1" >/dev/null && "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Sets `python`.
need_python() {
    local candidate
    for candidate in ${python:-python3.11 python3}; do
        if is_python "$candidate"; then
            python=$candidate
            return
        fi
    done
    [ -z "$python" ] || fail "$python is not Python 3.11 or newer with the module venv"
    if [ -n "$wheelhouse" ] || ! command -v apt-get >/dev/null; then
        fail "Python 3.11 or newer with the module venv is needed; on Debian 12: apt-get install python3 python3-venv"
    fi
    run apt-get update -qq
    run env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3 python3-venv
    python=python3
    [ "$dry" = yes ] || is_python python3 || fail "Debian's Python is older than 3.11: name another with --python"
}

# Every file must be as it was collected, and no wheel may lie there that was not.
need_wheelhouse() {
    local file extra
    if [ -z "$wheelhouse" ]; then
        [ -e "$checkout/pyproject.toml" ] || fail "run it in a checkout, or name a --wheelhouse"
        return 0
    fi
    [ -e "$wheelhouse/SHA256SUMS" ] || fail "$wheelhouse holds no SHA256SUMS: deploy/airgap/collect.sh makes a wheelhouse"
    (cd "$wheelhouse" && sha256sum --check --strict --quiet SHA256SUMS) ||
        fail "$wheelhouse is not as it was collected: nothing was changed"
    for file in "$wheelhouse"/*.whl; do
        grep -qF "  $(basename "$file")" "$wheelhouse/SHA256SUMS" || fail "$file was not collected: nothing was changed"
    done
    for extra in ${extras//,/ }; do
        grep -qw "$extra" "$wheelhouse/extras" || fail "$wheelhouse was collected without --$extra"
    done
    say "wheelhouse $wheelhouse, SHA256SUMS $(sha256sum <"$wheelhouse/SHA256SUMS" | cut -c 1-64)"
}

make_user() {
    [ -z "$root" ] || return 0
    run install -D -m 644 "$here/systemd/hounsfield.sysusers.conf" /usr/lib/sysusers.d/hounsfield.conf
    if getent passwd hounsfield >/dev/null; then return; fi
    if command -v systemd-sysusers >/dev/null; then
        run systemd-sysusers hounsfield.conf
    else
        run useradd --system --user-group --home-dir /var/lib/hounsfield --no-create-home --shell /usr/sbin/nologin hounsfield
    fi
}

make_folders() {
    local -a owner=() reader=()
    [ -n "$root" ] || owner=(-o hounsfield -g hounsfield) reader=(-g hounsfield)
    run install -d -m 755 "$base" "$venvs"
    run install -d -m 750 "${owner[@]}" "$home"
    run install -d -m 750 "${reader[@]}" "$(dirname "$config")"
}

# Sets `was_configured`: nothing starts with a configuration that was written just now and names nobody.
install_config() {
    local -a reader=()
    was_configured=yes
    if [ -e "$config" ]; then return; fi
    was_configured=no
    [ -n "$root" ] || reader=(-g hounsfield)
    run install -m 640 "${reader[@]}" "$here/config/hounsfield.toml" "$config"
}
