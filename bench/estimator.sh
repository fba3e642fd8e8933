#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How well a network's latency is predicted on this CPU: at most 1,500 kernels and 30 minutes of measuring, then unseen networks measured whole (twice: the noise floor) against the prediction.
# Networks: half from the demo's space, a quarter from another template configuration, a quarter derived from published networks (../shared/models; without them from the two spaces alone).
#
#     bench/estimator.sh [int8|bf16] [NETWORKS]     default: int8 200, as the bars say; everything is kept in $FETTLE_BENCH_DIR, and a killed run goes on
#
# STEPS="probe fit measure kernels judge" (default: all) runs some of the steps alone. `kernels` measures what the networks contain and the 1,500 do not: the figure a complete table would give.
set -euo pipefail
cd "$(dirname "$0")/.."
precision=${1:-int8}
n=${2:-200}
fettle=${FETTLE:-./fettle}
networks=${NETWORKS:-build/bench/bench_estimator_networks}
work=${FETTLE_BENCH_DIR:-/tmp/fettle-estimator}
models=${FETTLE_SHARED:-../shared}/models
steps=${STEPS:-probe fit measure kernels judge}
mkdir -p "$work"
work=$(cd "$work" && pwd)

sets=("examples/fashion/job.yaml:$((n / 2))" "bench/estimator/other.yaml:$((n / 4))")
names=(derived-vww-float derived-mnv2-035-96 stm-person-mobilenetv2 stm-flowers-mobilenetv2-035 yunet-n-320)
found=()
for name in "${names[@]}"; do [ -f "$models/$name/model.onnx" ] && found+=("$name"); done
for i in "${!found[@]}"; do
    job="$work/${found[i]}.yaml"
    cat >"$job" <<JOB
task: {kind: imitate, data: {kind: images, path: none}}
base: {onnx: $(realpath "$models/${found[i]}/model.onnx")}
device: {name: host, precision: int8}
space: {curate: device, decisions: [{fuse: blocks}, {skip: blocks}, {width: stages, options: 0.5..1.5}]}
goal: {maximise: quality, minimise: [latency]}
JOB
    sets+=("$job:$((n / 4 / ${#found[@]} + (i < n / 4 % ${#found[@]})))")
done
spaces=()
for set in "${sets[@]}"; do spaces+=(--space "${set%:*}"); done

has() { [[ " $steps " == *" $1 "* ]]; }
grep -m1 'model name' /proc/cpuinfo || true
echo "$precision, $n networks; $("$fettle" --version)"
export XDG_CACHE_HOME="$work/probed"
# Staircases (about 500 kernels, found first) and the plan stay within 1,500 together; all are measured at a second time. Of each space ten networks are measured whole.
if has probe; then timeout -k 60 1900 "$fettle" device probe host --precision "$precision" "${spaces[@]}" --kernels 990 --whole 70 --budget 25min | tail -20; fi
table=$(ls "$work"/probed/fettle/host-*.kernels 2>/dev/null | grep -E "host-(s8|bf16)-" | grep -- "-${precision/int8/s8}-" | head -1 || true)
[ -z "$table" ] || echo "kernels the prediction may know: $(grep -vc '^#' "$table")"
estimate="$work/$precision.estimate"
if has fit; then "$fettle" device fit host --precision "$precision" --splits 5 --outside widen --output "$estimate"; fi
if has measure; then "$networks" measure "$work" "$precision" "${sets[@]}"; fi
if has judge; then "$networks" judge "$work" "$precision" "DEVICE=$estimate" "${sets[@]}"; fi
# The rest of the kernels go into a table of their own: the first stays what a user has after probing.
export XDG_CACHE_HOME="$work/complete"
if has kernels || has judge; then
    mkdir -p "$XDG_CACHE_HOME/fettle"
    cp -n "$work"/probed/fettle/* "$XDG_CACHE_HOME/fettle/"
fi
if has kernels; then "$networks" kernels "$work" "$precision" "${sets[@]}"; fi
if has judge; then "$networks" judge "$work" "$precision" "${sets[@]}"; fi
