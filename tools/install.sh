#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of the named sections of tools/packages.list that are missing; installs nothing when all are there.
# As root it installs; otherwise it prints the exact command and stops with exit code 3.     Usage: tools/install.sh build test
set -uo pipefail
list="$(dirname "$0")/packages.list"
stop() { echo "install: $1" >&2; exit "${2:-1}"; }
[ $# -gt 0 ] || stop "usage: tools/install.sh SECTION... (build, demo, test, dev, bench)" 2

missing=()
for section in "$@"; do
    grep -q "^$section " "$list" || stop "$list has no section '$section'" 2
    while read -r _ package command; do
        [ -n "$command" ] && command -v "$command" >/dev/null && continue
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) && [ "$status" = installed ] && continue
        case " ${missing[*]-} " in *" $package "*) ;; *) missing+=("$package") ;; esac
    done < <(grep "^$section " "$list")
done
[ ${#missing[@]} -eq 0 ] && exit 0

command -v apt-get >/dev/null || stop "these Debian packages are missing, and there is no apt-get here to install them: ${missing[*]}"
if [ "$(id -u)" != 0 ]; then
    echo "install: ${#missing[@]} Debian packages are missing; run this, then the same command again:" >&2
    echo "    sudo apt-get install --no-install-recommends -y ${missing[*]}" >&2
    exit 3
fi

log=$(mktemp "${TMPDIR:-/tmp}/fettle-install.XXXXXX")
export DEBIAN_FRONTEND=noninteractive
last_error() { grep -E '^(E|dpkg: error)' "$log" | tail -n 1; }
update() {
    apt-get -q update >"$log" 2>&1 || stop "apt-get update failed: $(last_error) (full log: $log)"
}
install() { apt-get -q install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; }

if [ -n "$(dpkg --audit 2>/dev/null)" ] || [ -n "$(ls -A /var/lib/dpkg/updates 2>/dev/null)" ]; then
    stop "an earlier package installation was interrupted; run 'dpkg --configure -a && apt-get -f install' first, then the same command again"
fi
compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || { echo "install: fetching the lists of packages"; update; }
echo "install: ${#missing[@]} Debian packages: ${missing[*]}"
# A second try with fresh lists: old lists name versions that the archive no longer has.
if ! install; then
    grep -qE 'Could not get lock|Unable to acquire' "$log" && stop "another package manager is running (its lock is taken); wait for it, then run the same command again"
    update
    install || stop "apt-get install failed: $(last_error) (full log: $log)"
fi
rm -f "$log"
