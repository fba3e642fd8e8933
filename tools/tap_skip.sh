#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a test program; cmocka 1.1.5 writes a skipped case as "not ok N # SKIP", which TAP (and Meson) take for a failure. Used with meson test --wrapper.
set -o pipefail
"$@" | sed -u -E 's/^not ok ([0-9]+ .*# SKIP)/ok \1/'
