#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same job on two targets of one CPU, int8 on AMX tiles and int8 on AVX-512 VNNI: with the tiles a fused block pays in early layers, without them it never does, so
# the searches choose different networks. Prints both final tables and the networks chosen.   Usage: bench/two_targets.sh [JOB] (from the checkout; about ten minutes each)
# Finished studies are kept in out/targets and only shown again.
set -euo pipefail
cd "$(dirname "$0")/.."
job=${1:-examples/fashion/job.yaml}
grep -q 'isa: auto' "$job" || { echo "bench/two_targets.sh: $job: expected \"isa: auto\" in its device, to put each target in its place" >&2; exit 2; }
if ! grep -qw amx_int8 /proc/cpuinfo; then echo "bench/two_targets.sh: this CPU has no AMX, so there is one int8 target only"; exit 0; fi
mkdir -p out/targets
for isa in amx avx512_vnni; do
    folder=out/targets/$isa
    sed "s/isa: auto/isa: $isa/" "$job" >"out/targets/$isa.yaml"
    if ! ./fettle report "$folder" >/dev/null 2>&1; then
        ./fettle search "out/targets/$isa.yaml" --output "$folder" $([ -e "$folder/study.sqlite" ] && echo --resume)
    fi
    echo "== $isa"
    ./fettle report "$folder"
    ./fettle study export "$folder" --format json | python3 -c '
import json, sys
document = json.load(sys.stdin)
for variant in document["variants"]:
    mark = "->" if variant["name"] == document.get("chosen") else "  "
    print(mark, variant["name"], variant["description"] or "the base")
print("machine:", document["machine"], "versions:", document["versions"], "seed:", document["seed"])'
done
