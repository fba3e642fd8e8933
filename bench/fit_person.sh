#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Half the latency of a published human-presence network at its accuracy: examples/person/job.yaml for several seeds. The base is the network fitted to the same images with the same recipe, and
# trained as long as the finalists, which start from it. Prints, for each seed, the final table, both networks in the other precisions of this CPU (sum of kernels, test accuracy), and at the end whether the bar is met:
# the measured latency at least 50 % lower and test accuracy not below the base's.
# Usage: bench/fit_person.sh [SEED...]   (from the checkout, which has ../shared beside it; default seeds 1 2 3). Studies are kept in out/person-SEED: what was interrupted goes on, what is finished is shown again.
set -euo pipefail
cd "$(dirname "$0")/.."
fettle=${FETTLE:-./fettle}
job=examples/person/job.yaml
[ -e ../shared/models/stm-person-mobilenetv2/model.onnx ] && [ -d ../shared/data/presence-indoor ] || { echo "bench/fit_person.sh: skipped: no stm-person-mobilenetv2 and presence-indoor in ../shared" >&2; exit 0; }
seeds=${*:-1 2 3}
# What stands between kernels, measured before anything is trained: a search that learns it itself does so while its first worker trains the base beside it.
"$fettle" device probe host --precision f32 --space "$job" --kernels 300 --whole 40 --again 0 --budget 5min >/dev/null
for seed in $seeds; do
    out=out/person-$seed
    finished=$("$fettle" study export "$out" --format json 2>/dev/null | grep -c '"chosen_reason"' || true)
    if [ "$finished" != 1 ]; then
        "$fettle" search "$job" --seed "$seed" --output "$out" $([ -e "$out/study.sqlite" ] && echo --resume) >/dev/null
    fi
    echo "== seed $seed"
    "$fettle" report "$out"
done
FETTLE=$fettle python3 - $seeds <<'EOF'
import json, os, subprocess, sys

fettle, seeds = os.environ["FETTLE"], sys.argv[1:]
DATA = ["--data", "image_folder:../shared/data/presence-indoor", "--mean", "127.5", "--std", "127.5"]
with open("/proc/cpuinfo") as file:
    flags = set(next((line for line in file if line.startswith("flags")), "").split())
precisions = ["f32", "int8"] + (["bf16"] if flags & {"amx_bf16", "avx512_bf16"} else [])


def run(*arguments):
    done = subprocess.run([fettle, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench/fit_person.sh: {' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def percent(share):
    return f"{100 * share:.2f} %"


print("\n== both networks in each precision of this CPU: sum of kernels, and test accuracy (95 % interval)")
met = []
for seed in seeds:
    document = run("study", "export", f"out/person-{seed}", "--format", "json")
    rows = {v["name"]: v for v in document["variants"]}
    base = rows[document["base"]]
    name = document.get("chosen") or next(n for n in rows if n != document["base"])
    found = rows[name]
    reduction = found["reduction"]["value"]
    accuracy, before = found["test_int8"], base["test_int8"]
    for precision in precisions:
        for label, row in (("base", base), (name, found)):
            model = f"out/person-{seed}/{row['file']}"
            us = 1e3 * run("inspect", model, "--precision", precision, "--json")["latency_ms"]
            e = run("eval", model, *DATA, "--precision", precision, "--json")
            print(f"seed {seed} {precision:5} {label:8} {us:8.1f} us  {percent(e['accuracy'])} ({percent(e['accuracy_low'])} to {percent(e['accuracy_high'])})")
    model, original = (f"out/person-{seed}/{row['file']}" for row in (found, base))
    against = run("eval", model, *DATA, "--against", original, "--json")["against"]
    print(f"seed {seed}: the same test images in f32, {name} against the base: {100 * against['difference']:+.2f} points (95 % interval {100 * against['low']:+.2f} to {100 * against['high']:+.2f}); {against['only_this']} that only {name} gets "
          f"right, {against['only_that']} only the base; equally good networks would differ as much in {100 * against['p']:.0f} % of draws")
    is_met = reduction >= 0.5 and accuracy["value"] >= before["value"]
    met.append(is_met)
    print(f"seed {seed}: {found['description']}")
    print(f"seed {seed}: latency, measured whole: {percent(reduction)} lower ({1e3 * base['latency']['value']:.1f} -> {1e3 * found['latency']['value']:.1f} us); test accuracy "
          f"{percent(before['value'])} ({' to '.join(percent(x) for x in before['interval'])}) -> {percent(accuracy['value'])} ({' to '.join(percent(x) for x in accuracy['interval'])}); "
          f"{document['spent']['wall_s'] / 60:.1f} min on {document['spent']['cores']} cores: {'met' if is_met else 'not met'}")
print(f"\n>= 50 % lower latency at no lower test accuracy: {sum(met)} of {len(met)} seeds; {document['machine']['device']}; versions {document['versions']}")
EOF
