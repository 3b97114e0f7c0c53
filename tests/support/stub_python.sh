#!/bin/sh
# Stands in for Python in tests of deploy/install.sh: it writes what it was asked to $STUB_LOG, makes environments that
# are copies of itself, and plays `hounsfield` on a database that is one line, the name of its schema.
echo "$*" >>"$STUB_LOG"
database=$HOUNSFIELD_STORAGE__HOME/hounsfield.db

option() { # name, arguments: print what follows the name
    name=$1
    shift
    while [ "$1" != "$name" ]; do shift; done
    echo "$2"
}

play() {
    needed=$(cat "$(dirname "$0")/../schema")
    case "$1 $2" in
        "db check")
            [ -e "$database" ] || exit 4
            echo "{\"current\": \"$(cat "$database")\", \"head\": \"$needed\"}"
            [ "$(cat "$database")" = "$needed" ]
            ;;
        "db backup") mkdir -p "$(dirname "$3")" && cp "$database" "$3" ;;
        "db upgrade") [ "${STUB_UPGRADE:-good}" = good ] && echo "$needed" >"$database" ;;
        "db downgrade") [ "${STUB_DOWNGRADE:-good}" = good ] && echo "$4" >"$database" ;;
        "db restore") cp "$4" "$database" ;;
        "doctor --upgrade")
            echo '{"check": "in use", "level": "problem", "message": "the service lives"}'
            if [ "${STUB_DOCTOR:-good}" = bad ]; then echo '{"check": "size", "level": "problem", "message": "no room"}'; fi
            ;;
        "config show") echo "{\"key\": \"storage.database_url\", \"value\": \"${STUB_URL:-(hounsfield.db)}\"}" ;;
        "config check") ! grep -q unknown_key "$HOUNSFIELD_CONFIG" ;;
    esac
}

case "$1 $2" in
    "--version "*) echo "Python 3.11.2" ;;
    "-c "*) exit "${STUB_TOO_OLD:-0}" ;;
    "-m venv")
        mkdir -p "$3/bin" "$3/lib"
        cp "$0" "$3/bin/python"
        printf '#!/bin/sh\necho "hounsfield %s"\n' "$STUB_VERSION" >"$3/bin/hounsfield"
        chmod +x "$3/bin/hounsfield"
        echo "$STUB_SCHEMA" >"$3/schema"
        ;;
    "-m pip")
        case "$3" in
            download) echo numpy >"$(option --dest "$@")/numpy-2.2.0-cp311-cp311-manylinux.whl" ;;
        esac
        ;;
    *"/build_dist.py --wheel") echo "$STUB_VERSION" >"$3/hounsfield-$STUB_VERSION-py3-none-any.whl" ;;
    "-m hounsfield.daemon.cli.main") shift 2; play "$@" ;;
esac
