#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same job on several targets chooses different networks. On every machine: this CPU in int8, this CPU in f32 on AVX2, and an accelerator that is only described (systolic-32x32,
# where fused blocks pay everywhere); where the CPU has AMX, also int8 on AMX tiles against int8 on AVX-512 VNNI. Prints each target's final table, the network it chose, what each
# chosen network takes on the other targets, and for each pair whether the networks differ.
# Usage: bench/two_targets.sh [JOB]   (from the checkout; default bench/two_targets.yaml, whose line "device: ..." is replaced). Finished studies are kept in out/targets and shown again.
set -euo pipefail
cd "$(dirname "$0")/.."
fettle=${FETTLE:-./fettle}
job=${1:-bench/two_targets.yaml}
out=out/targets
[ "$(grep -c '^device: ' "$job")" = 1 ] || { echo "bench/two_targets.sh: $job: expected one line \"device: {...}\", to put each target in its place" >&2; exit 2; }
declare -A device=([described]="systolic-32x32 int8 auto" [f32_avx2]="host f32 avx2")
targets="described f32_avx2"
if grep -qw amx_int8 /proc/cpuinfo; then
    device+=([int8_amx]="host int8 amx" [int8_vnni]="host int8 avx512_vnni")
    targets="int8_amx int8_vnni $targets"
else
    device+=([int8]="host int8 auto")
    targets="int8 $targets"
fi
mkdir -p "$out"
for target in $targets; do
    read -r name precision isa <<<"${device[$target]}"
    sed "s/^device: .*/device: {name: $name, precision: $precision, isa: $isa}/" "$job" >"$out/$target.yaml"
    finished=$("$fettle" study export "$out/$target" --format json 2>/dev/null | grep -c '"chosen_reason"' || true)
    if [ "$finished" != 1 ]; then
        "$fettle" search "$out/$target.yaml" --output "$out/$target" $([ -e "$out/$target/study.sqlite" ] && echo --resume) >/dev/null
    fi
    echo "== $target: $name, $precision${isa:+, $isa}"
    "$fettle" report "$out/$target"
done
FETTLE=$fettle python3 - "$out" $targets <<'EOF'
import itertools, json, os, subprocess, sys

fettle, out, targets = os.environ["FETTLE"], sys.argv[1], sys.argv[2:]


def run(*arguments):
    done = subprocess.run([fettle, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench/two_targets.sh: {' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def device_of(target):
    with open(os.path.join(out, target + ".yaml")) as file:
        line = next(l for l in file if l.startswith("device: "))
    return dict(part.split(": ") for part in line[len("device: {"):].strip().rstrip("}").split(", "))


chosen = {}
print("\n== what each target chose")
for target in targets:
    document = run("study", "export", os.path.join(out, target), "--format", "json")
    variant = next(v for v in document["variants"] if v["name"] == (document.get("chosen") or document["base"]))
    chosen[target] = variant
    print(f"{target:10} {variant['name']} {variant['genome']}: {variant['description'] or 'the base'}")
    print(f"{'':10} machine: {document['machine']['device']}; seed {document['seed']}; versions {document['versions']}")

print("\n== sum of kernels (described: simulated) of each chosen network on each target, us; a column's network is at home on the diagonal")
print(f"{'':12}" + "".join(f"{t:>12}" for t in targets))
for on in targets:
    device = device_of(on)
    row = []
    for target in targets:
        model = os.path.join(out, target, chosen[target]["file"])
        row.append(1e3 * run("inspect", model, "--device", device["name"], "--precision", device["precision"], "--isa", device["isa"], "--json")["latency_ms"])
    print(f"on {on:9}" + "".join(f"{us:12.1f}" for us in row))

print()
for a, b in itertools.combinations(targets, 2):
    same = chosen[a]["description"] == chosen[b]["description"]
    print(f"{a} against {b}: different: {'no' if same else 'yes'}")
EOF
