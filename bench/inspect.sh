#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long `fettle inspect` takes where no kernel of a network is known yet, and where all are: every float network of ../shared/models on this CPU.
# Usage: bench/inspect.sh [PRECISION [RUNS [FOLDER]]]      default: int8, 3 runs, the median of each; prints seconds, the slowest last
set -euo pipefail
cd "$(dirname "$0")/.."
fettle=${FETTLE:-./fettle}
precision=${1:-int8} runs=${2:-3} models=${3:-${FETTLE_SHARED:-../shared}/models}
[ -d "$models" ] || { echo "skipped: $models is not there"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$folder
seconds() { # of one run; its output is kept for what is printed about the machine
    local start=$EPOCHREALTIME
    "$fettle" inspect "$1" --precision "$precision" >"$folder/table" 2>"$folder/errors" || { tail -n 1 "$folder/errors" >&2; return 1; }
    echo "$EPOCHREALTIME $start" | awk '{printf "%.2f\n", $1 - $2}'
}
while read -r model; do
    cold=() warm=()
    for ((i = 0; i < runs; i++)); do
        rm -rf "$folder/fettle"
        one=$(seconds "$model") || continue 2
        cold+=("$one") warm+=("$(seconds "$model")")
    done
    median() { printf '%s\n' "$@" | sort -n | sed -n "$(((runs + 1) / 2))p"; }
    printf '%8s %8s  %s\n' "$(median "${cold[@]}")" "$(median "${warm[@]}")" "${model#"$models"/}"
done < <(find "$models" -name '*.onnx' ! -name '*int8*' | sort) | sort -n >"$folder/all"
echo "    cold     warm  seconds, medians of $runs"
cat "$folder/all"
grep -m1 'measured on host' "$folder/table" || true
