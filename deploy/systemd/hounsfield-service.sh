#!/bin/sh
# The command `hounsfield` with the user, the home and the configuration of the service, for root. install.sh puts it
# into /usr/local/sbin/hounsfield-service.
set -eu
umask 077
if [ "$(id -u)" -ne 0 ]; then
    echo "hounsfield-service: run it as root (sudo hounsfield-service ...)" >&2
    exit 2
fi
exec runuser -u hounsfield -- env HOME=/var/lib/hounsfield HOUNSFIELD_STORAGE__HOME=/var/lib/hounsfield \
    HOUNSFIELD_CONFIG=/etc/hounsfield/hounsfield.toml /opt/hounsfield/venv/bin/hounsfield "$@"
