#!/usr/bin/env bash
# Install Hounsfield on a Debian host without containers; run again, it brings it up to date. deploy/README.md
set -euo pipefail
umask 022

usage() {
    cat <<'END'
usage: deploy/install.sh [options]         as root, in a checkout or in a folder that deploy/airgap/collect.sh made

what runs on this host
  (nothing)             the whole daemon as one service, `hounsfield`
  --role ROLE           a service of its own for this role: receiver, assembler, worker, courier or console;
                        may be repeated
  --all                 a service of its own for each of the five
what is installed
  --postgres            also what talks to PostgreSQL
  --onnx                also what runs ONNX bundles
  --train               also what training and evaluation need
  --gpu                 also what TensorFlow needs for an NVIDIA GPU (several GB)
  --wheelhouse FOLDER   from this folder alone, without network
  --python PROGRAM      with this Python: 3.11, which the lock is made for, or newer (python3.11 or python3 without)
how
  --no-start            start and stop nothing
  --no-backup           do not back up the database before its schema changes
  --prefix FOLDER       below this folder, to try it out: no user is made, no service touched
  --dry-run             say what would be done, and do nothing
instead of installing
  --rollback            go back to the version that was in use before
  --uninstall           remove programs and services; configuration, data and user stay

Without options, a host that has it already keeps what was chosen before. A configuration is never overwritten.
END
}

ROLES="receiver assembler worker courier console"
action=install services="" extras="" wheelhouse="" python="" root="" start=yes backup=yes dry=no

say() { echo "$1"; }

fail() { # what is wrong, exit status
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

run() {
    if [ "$dry" = yes ]; then echo "would run: $*"; else "$@"; fi
}

read_options() {
    local role
    while [ $# -gt 0 ]; do
        case $1 in
            --role) choose_role "${2-}"; shift ;;
            --all) for role in $ROLES; do choose_role "$role"; done ;;
            --postgres | --onnx | --train | --gpu) add_extra "${1#--}" ;;
            --wheelhouse) wheelhouse=$(folder_of "$1" "${2-}"); shift ;;
            --prefix) root=$(folder_of "$1" "${2-}"); shift ;;
            --python) python=${2-}; [ -n "$python" ] || fail "--python needs a program" 2; shift ;;
            --no-start) start=no ;;
            --no-backup) backup=no ;;
            --dry-run) dry=yes ;;
            --rollback | --uninstall) action=${1#--} ;;
            --help | -h) usage; exit 0 ;;
            *) fail "there is no option $1 (--help)" 2 ;;
        esac
        shift
    done
}

choose_role() {
    case " $ROLES " in *" ${1:-?} "*) ;; *) fail "--role takes one of: $ROLES" 2 ;; esac
    case " $services " in *" hounsfield@$1.service "*) return ;; esac
    services="${services:-hounsfield.target} hounsfield@$1.service"
}

add_extra() {
    case ",$extras," in *",$1,"*) ;; *) extras="${extras:+$extras,}$1" ;; esac
}

folder_of() { # option, folder
    [ -d "$2" ] || fail "$1 needs a folder that is there${2:+, not $2}" 2
    (cd "$2" && pwd)
}

name_places() {
    checkout=$(dirname "$here")
    base=$root/opt/hounsfield    # programs
    venvs=$base/venvs            # a virtual environment per version
    current=$base/venv           # a link to the one in use,
    previous=$base/venv.previous # and to the one before
    choices=$base/choices
    config=$root/etc/hounsfield/hounsfield.toml
    home=$root/var/lib/hounsfield
    units=$root/etc/systemd/system
    if [ -z "$wheelhouse" ] && [ -e "$checkout/SHA256SUMS" ]; then wheelhouse=$checkout; fi
}

recall_choices() {
    if [ -e "$choices" ]; then
        [ -n "$services" ] || services=$(sed -n 's/^services=//p' "$choices")
        [ -n "$extras" ] || extras=$(sed -n 's/^extras=//p' "$choices")
    elif [ -z "$extras" ] && [ -n "$wheelhouse" ] && [ -e "$wheelhouse/extras" ]; then
        extras=$(cat "$wheelhouse/extras")
    fi
    services=${services:-hounsfield.service}
}

remember_choices() {
    [ "$dry" = yes ] || printf 'services=%s\nextras=%s\n' "$services" "$extras" >"$choices"
}

install_it() {
    need_wheelhouse
    need_python
    say_systemd
    make_user
    make_folders
    make_venv
    install_config
    take_over
    bring_into_use
    remember_choices
    say_next
}

say_next() {
    say ""
    if [ "$dry" = yes ]; then
        say "Nothing was done (--dry-run)."
        return
    fi
    say "Installed: $("$new/bin/hounsfield" --version) in $new, services: ${services#hounsfield.target }"
    if [ "$was_configured" = no ]; then
        say "Next, as root:"
        say "  edit $config        at least [dicom], [[peer]] and [[destination]]"
        say "  hounsfield-service config check"
        say "  systemctl start ${services%% *}"
    elif [ -L "$previous" ]; then
        say "Back to the version before: deploy/install.sh --rollback"
    fi
    say "How it stands: hounsfield-service doctor; journalctl --unit 'hounsfield*' --follow"
    say "The whole way on generated images, as any user: hounsfield demo"
}

uninstall() {
    say_systemd
    disable_services
    remove_units
    run rm -rf "$base"
    say "Programs and services are gone. What holds images of patients stays:"
    say "  $home        and storage.shared, if it was set"
    say "So do $(dirname "$config") and the user hounsfield."
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/installing/host.sh
. "$here/installing/host.sh"
# shellcheck source=deploy/installing/services.sh
. "$here/installing/services.sh"
# shellcheck source=deploy/installing/versions.sh
. "$here/installing/versions.sh"

read_options "$@"
name_places
need_root
recall_choices
case $action in
    install) install_it ;;
    rollback) roll_back ;;
    uninstall) uninstall ;;
esac
