# shellcheck shell=bash disable=SC2034,SC2154  # part of install.sh, whose variables these are
# A virtual environment per version, and the way from one to another and back, with the database.

# Sets `new`. The name tells what is inside, so that a second run finds it.
make_venv() {
    local work wheel version extra
    local -a from=() locks=("${wheelhouse:-$checkout}/deploy/requirements/base.txt")
    if [ "$dry" = yes ]; then
        new=$venvs/NEW
        say "would install hounsfield${extras:+ with $extras} from ${wheelhouse:-$checkout} into a virtual environment: $new"
        return
    fi
    work=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now
    trap "rm -rf '$work'" EXIT
    if [ -n "$wheelhouse" ]; then
        wheel=$(echo "$wheelhouse"/hounsfield-*.whl)
        from=(--isolated --no-index --find-links "$wheelhouse")
    else
        "$here/tools/build-wheel.sh" "$python" "$work"
        wheel=$(echo "$work"/hounsfield-*.whl)
    fi
    for extra in ${extras//,/ }; do locks+=("${locks[0]%/*}/$extra.txt"); done
    version=$(basename "$wheel" | cut -d - -f 2)
    new=$venvs/$version-$({ cat "$wheel" "${locks[@]}"; "$python" --version; } | sha256sum | cut -c 1-10)
    if [ -e "$new/.complete" ]; then
        say "hounsfield $version is there already: $new"
    else
        fill_venv "$wheel" "${from[@]}" "${locks[@]/#/--requirement=}"
    fi
}

# Only files whose hash the lock knows, then our own wheel and nothing besides.
fill_venv() { # wheel, options that say where from and what
    local wheel=$1
    local -a pip=("$new/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile)
    shift
    say "Installing $(basename "$wheel")${extras:+ with $extras} into $new (TensorFlow is large: some minutes) ..."
    rm -rf "$new"
    "$python" -m venv "$new"
    "${pip[@]}" --require-hashes --only-binary :all: "$@"
    "${pip[@]}" --isolated --no-index --no-deps "$wheel"
    "$new/bin/python" -m compileall -q -j 0 "$new/lib" >/dev/null || true # some packages hold files of other Pythons
    "$new/bin/hounsfield" --version >/dev/null
    touch "$new/.complete"
}

point() { # link, virtual environment
    run ln -sfn "venvs/$(basename "$2")" "$1.new"
    run mv -T "$1.new" "$1"
}

# An environment that was made by hand becomes one like the others.
take_over() {
    if [ -d "$current" ] && [ ! -L "$current" ]; then
        run mv "$current" "$venvs/by-hand"
        point "$current" "$venvs/by-hand"
    fi
}

# --- the program as the service runs it

hounsfield_of() { # virtual environment, arguments
    local program=$1/bin/python
    local -a as_service=()
    shift
    [ -n "$root" ] || as_service=(runuser -u hounsfield --)
    (cd / && umask 077 && "${as_service[@]}" env "HOME=$home" "HOUNSFIELD_STORAGE__HOME=$home" \
        "HOUNSFIELD_CONFIG=$config" "$program" -m hounsfield.daemon.cli.main "$@")
}

# Print what the database is to this version. absent: there is none yet; empty: there is nothing in it; same: it has the
# schema that is needed; other: it has another; unknown: it cannot be asked.
schema_for() { # virtual environment
    local said status=0
    said=$(hounsfield_of "$1" db check --json 2>/dev/null) || status=$?
    case $status,$said in
        0,*) echo same ;;
        4,*) echo absent ;;
        *,*'"current": null'*) echo empty ;;
        *,?*) echo other ;;
        *) echo unknown ;;
    esac
}

uses_postgresql() { # virtual environment
    hounsfield_of "$1" config show --json | grep -q '"storage.database_url", "value": "\\"postgres'
}

# --- from one version to the next

bring_into_use() {
    local old="" was_active
    [ ! -L "$current" ] || old=$(readlink -f "$current")
    was_active=$(active_services)
    if [ "$old" != "$new" ]; then
        switch_from "$old"
    fi
    install_units
    enable_services
    # What was stopped on purpose stays so, and nothing starts before its configuration was looked at.
    if [ "$was_configured" = yes ] && { [ -n "$was_active" ] || [ -z "$old" ]; }; then
        # shellcheck disable=SC2086  # a list of names
        start_services $services
    fi
}

# shellcheck disable=SC2086  # lists of names
switch_from() { # the virtual environment in use, empty at the first time
    local old=$1
    if [ "$dry" = yes ]; then
        [ "$was_configured" = no ] || say "would stop the services, back up the database and bring its schema up to date"
        point "$current" "$new"
        return
    fi
    if [ "$was_configured" = yes ]; then
        hounsfield_of "$new" config check || fail "this version does not take $config: nothing was changed" 3
        refuse_unsaved "${old:-$new}"
        refuse_trouble
        stop_services $was_active
        if ! back_up "${old:-$new}" || ! upgrade_database; then
            start_services $was_active
            fail "the database was not brought up to date: ${old:-nothing} is in use as before"
        fi
    fi
    [ -z "$old" ] || point "$previous" "$old"
    point "$current" "$new"
    forget_older
}

wants_backup() { # virtual environment that can ask
    [ "$backup" = yes ] || return 1
    case $(schema_for "$1") in absent | empty) return 1 ;; esac
}

# PostgreSQL is backed up by its own tool, and only its administrator knows where to.
refuse_unsaved() { # virtual environment that can ask
    if wants_backup "$1" && uses_postgresql "$1"; then
        fail "back up PostgreSQL first (pg_dump), then run this again with --no-backup: nothing was changed"
    fi
}

# That the service uses the database is no trouble: it is stopped next.
refuse_trouble() {
    local trouble
    trouble=$(hounsfield_of "$new" doctor --upgrade --json 2>/dev/null | grep '"level": "problem"' |
        grep -v '"check": "in use"' | sed 's/.*"message": "\([^"]*\)".*/  \1/') || true
    [ -z "$trouble" ] || fail "nothing was changed, because of what hounsfield doctor --upgrade says:
$trouble"
}

back_up() { # virtual environment that can ask
    local file
    wants_backup "$1" || return 0
    file=$home/backups/before-$(basename "$new")-$(date +%Y%m%d-%H%M%S).db
    hounsfield_of "$1" db backup "$file" || return 1
    echo "$file" >"$new/.database-before"
}

upgrade_database() {
    [ "$(schema_for "$new")" = absent ] || hounsfield_of "$new" db upgrade
}

# Two environments stay, of 2 GB each.
forget_older() {
    local folder
    for folder in "$venvs"/*; do
        case $folder in
            "$(readlink -f "$current")" | "$(readlink -f "$previous")") ;;
            *) rm -rf "$folder" ;;
        esac
    done
}

# --- and back

# shellcheck disable=SC2086  # lists of names
roll_back() {
    local old was_active schema
    [ -L "$previous" ] || fail "there is no version before this one here"
    old=$(readlink -f "$previous")
    say_systemd
    hounsfield_of "$old" config check || fail "the version before does not take $config: nothing was changed" 3
    schema=$(schema_for "$old")
    [ "$schema" != unknown ] || fail "the database cannot be asked: nothing was changed"
    was_active=$(active_services)
    stop_services $was_active
    if [ "$schema" = other ] && ! take_database_back "$old"; then
        start_services $was_active
        fail "the database cannot go back: the version in use stays. PostgreSQL: put your dump of before the upgrade in place
(pg_restore), then run this again"
    fi
    point "$current" "$old"
    run rm -f "$previous"
    start_services $was_active
    say "In use: $old. The newer version comes back when install.sh runs again where it came from."
}

# The newer program knows the way and keeps every row; the backup of before the upgrade is the second choice.
take_database_back() { # the virtual environment before
    local now wanted file
    now=$(readlink -f "$current")
    wanted=$(hounsfield_of "$1" db check --json 2>/dev/null | sed -n 's/.*"head": "\([^"]*\)".*/\1/p') || true
    if run hounsfield_of "$now" db downgrade --to "$wanted" --yes; then return 0; fi
    file=$(cat "$now/.database-before" 2>/dev/null) || return 1
    say "putting the backup of before the upgrade in place: $file"
    run hounsfield_of "$1" db restore --yes "$file"
}
