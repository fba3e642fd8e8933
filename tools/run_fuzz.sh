#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzzer of a build folder for some seconds, one after another, from the seeds in tests/fuzz/corpus.     Usage: tools/run_fuzz.sh BUILD SECONDS
# A finding is left in BUILD/fuzz/NAME/ and ends the run with exit code 1.
set -euo pipefail
build=$1 seconds=$2
mapfile -t fuzzers < <(find "$build/tests" -type f -name 'fuzz_*' -perm -u+x | sort)
[ ${#fuzzers[@]} -gt 0 ] || { echo "fuzz: no fuzzer was built in $build/tests" >&2; exit 1; }
for fuzzer in "${fuzzers[@]}"; do
    name=$(basename "$fuzzer")
    folder="$build/fuzz/$name"
    mkdir -p "$folder/corpus"
    corpora=("$folder/corpus") # the first one receives what is found
    seeds="$(dirname "$0")/../tests/fuzz/corpus/$name"
    [ -d "$seeds" ] && corpora+=("$seeds")
    echo "fuzz: $name for $seconds s"
    "$fuzzer" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 -artifact_prefix="$folder/" \
        "${corpora[@]}" >"$folder/log" 2>&1 || { tail -n 20 "$folder/log"; echo "fuzz: $name found something: $folder" >&2; exit 1; }
    grep -E 'number_of_executed_units|peak_rss' "$folder/log"
done
