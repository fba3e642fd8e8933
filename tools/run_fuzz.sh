#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzzer of a build folder for some seconds, one after another, from the seeds in tests/fuzz/corpus.     Usage: tools/run_fuzz.sh BUILD SECONDS [FUZZER]
# The ONNX reader also starts from real models: those of $FETTLE_SHARED/models (../shared/models) that are not too large to be mutated, and libonnx-testdata's node cases.
# A finding is left in BUILD/fuzz/NAME/ and ends the run with exit code 1.
set -euo pipefail
build=$1 seconds=$2 only=${3:-}
shared=${FETTLE_SHARED:-$(dirname "$0")/../../shared}
copy_models() { # into the folder $1, each under a name of its own
    local n=0 file
    while IFS= read -r file; do cp "$file" "$1/model$((n++)).onnx"; done < <(
        { find "$shared/models" -name '*.onnx' -size -512k; find /usr/share/libonnx-testdata/data/node -name model.onnx -size -64k; } 2>/dev/null | sort)
    echo "fuzz: $n models as seeds"
}
mapfile -t fuzzers < <(find "$build/tests" -type f -name 'fuzz_*' -perm -u+x | sort)
[ ${#fuzzers[@]} -gt 0 ] || { echo "fuzz: no fuzzer was built in $build/tests" >&2; exit 1; }
for fuzzer in "${fuzzers[@]}"; do
    name=$(basename "$fuzzer")
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    folder="$build/fuzz/$name"
    mkdir -p "$folder/corpus"
    corpora=("$folder/corpus") # the first one receives what is found
    seeds="$(dirname "$0")/../tests/fuzz/corpus/$name"
    [ -d "$seeds" ] && corpora+=("$seeds")
    if [ "$name" = fuzz_onnx ]; then
        mkdir -p "$folder/models"
        copy_models "$folder/models"
        corpora+=("$folder/models")
    fi
    echo "fuzz: $name for $seconds s"
    "$fuzzer" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 -artifact_prefix="$folder/" \
        "${corpora[@]}" >"$folder/log" 2>&1 || { tail -n 20 "$folder/log"; echo "fuzz: $name found something: $folder" >&2; exit 1; }
    grep -E 'number_of_executed_units|peak_rss' "$folder/log"
done
