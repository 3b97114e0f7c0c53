#!/bin/sh
# Draw the secrets of compose.site.yaml into the folder secrets beside this script. What is there already stays.
set -eu
folder=${1:-$(cd "$(dirname "$0")" && pwd)/secrets}

# Nobody but the owner gets through the folder; the files themselves are read inside containers, by other users.
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

drawn() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

keep() {
    [ -e "$folder/$1" ] && return
    cat >"$folder/$1.new"
    chmod 444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "$folder/$1"
}

drawn | keep postgres_password
drawn | keep grafana_password
# A service file of libpq rather than a password file, which libpq takes only from a file of the user's own.
printf '[hounsfield]\npassword=%s\n' "$(cat "$folder/postgres_password")" | keep pg_service.conf
