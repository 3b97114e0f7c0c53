# shellcheck shell=bash disable=SC2034,SC2154  # part of install.sh, whose variables these are
# The units and what systemd is told. Where it does not run, files and links are made all the same.

has_systemd() { [ -z "$root" ] && [ "$start" = yes ] && [ -d /run/systemd/system ]; }

say_systemd() {
    if has_systemd; then
        return
    elif [ -n "$root" ]; then
        say "below $root nothing is started or stopped"
    elif [ "$start" = no ]; then
        say "nothing is started or stopped (--no-start)"
    else
        say "systemd does not run here (a chroot or a container): nothing is started or stopped"
    fi
}

all_services() {
    local role
    echo hounsfield.service hounsfield.target
    for role in $ROLES; do echo "hounsfield@$role.service"; done
}

active_services() {
    local service
    has_systemd || return 0
    for service in $(all_services); do
        if systemctl is-active --quiet "$service"; then echo "$service"; fi
    done
}

stop_services() {
    if has_systemd && [ $# -gt 0 ]; then run systemctl stop "$@"; fi
}

start_services() {
    if has_systemd && [ $# -gt 0 ]; then run systemctl start "$@"; fi
}

# Without a running systemd its command still makes the links: in a chroot, for example.
has_links() { [ -z "$root" ] && command -v systemctl >/dev/null; }

enable_services() {
    local service
    has_links || return 0
    if has_systemd; then run systemctl daemon-reload; fi
    for service in $(all_services); do
        case " $services " in
            *" $service "*) run systemctl --quiet enable "$service" ;;
            *) disable_service "$service" ;;
        esac
    done
}

disable_services() {
    local service
    has_links || return 0
    for service in $(all_services); do disable_service "$service"; done
}

disable_service() {
    if has_systemd && systemctl --quiet is-active "$1"; then run systemctl stop "$1"; fi
    if systemctl --quiet is-enabled "$1" >/dev/null 2>&1; then run systemctl --quiet disable "$1"; fi
}

unit_files() {
    local role
    echo hounsfield.service hounsfield@.service hounsfield.target
    for role in $ROLES; do echo "hounsfield@$role.service.d/10-role.conf"; done
}

install_units() {
    local file
    for file in $(unit_files); do run install -D -m 644 "$here/systemd/$file" "$units/$file"; done
    run install -D -m 755 "$here/systemd/hounsfield-service.sh" "$root/usr/local/sbin/hounsfield-service"
    run install -d "$root/usr/local/bin"
    run ln -sfn /opt/hounsfield/venv/bin/hounsfield "$root/usr/local/bin/hounsfield"
}

# What an administrator wrote with `systemctl edit` stays.
remove_units() {
    local file role
    for file in $(unit_files); do run rm -f "$units/$file"; done
    for role in $ROLES; do
        file=$units/hounsfield@$role.service.d
        if [ -d "$file" ]; then run rmdir --ignore-fail-on-non-empty "$file"; fi
    done
    run rm -f "$root/usr/local/bin/hounsfield" "$root/usr/local/sbin/hounsfield-service" \
        "$root/usr/lib/sysusers.d/hounsfield.conf"
    if has_systemd; then run systemctl daemon-reload; fi
}
