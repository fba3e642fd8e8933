#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Half the latency of a published human-presence network at its accuracy: examples/person/job.yaml for several seeds. The base is the network fitted to the same images with the same recipe, and
# trained as long as the finalists, which start from it. Prints, for each seed, the final table, both networks in every precision of this CPU (measured whole, test accuracy), and whether the bar is met there:
# the measured latency at least 50 % lower and test accuracy not below the base's.
# Usage: bench/fit_person.sh [SEED...]   (from the checkout, which has ../shared beside it; default seeds 1 2 3). Studies are kept in out/person-SEED: what was interrupted goes on, what is finished is shown again.
set -euo pipefail
cd "$(dirname "$0")/.."
fettle=${FETTLE:-./fettle}
whole=${WHOLE:-build/bench/bench_whole}
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
FETTLE=$fettle WHOLE=$whole python3 - $seeds <<'EOF'
import json, os, subprocess, sys

fettle, seeds = os.environ["FETTLE"], sys.argv[1:]
DATA = ["--data", "image_folder:../shared/data/presence-indoor", "--mean", "127.5", "--std", "127.5"]
with open("/proc/cpuinfo") as file:
    flags = set(next((line for line in file if line.startswith("flags")), "").split())
precisions = ["f32", "int8"] + (["bf16"] if flags & {"amx_bf16", "avx512_bf16"} else [])


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench/fit_person.sh: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def run(*arguments):
    return json.loads(output(fettle, *arguments))


def percent(share):
    return f"{100 * share:.2f} %"


print("\n== both networks in each precision of this CPU, measured whole in turns; test accuracy (95 % interval), and the same images compared in pairs")
met, right = {p: 0 for p in precisions}, {p: [0, 0] for p in precisions}
for seed in seeds:
    document = run("study", "export", f"out/person-{seed}", "--format", "json")
    rows = {v["name"]: v for v in document["variants"]}
    base = rows[document["base"]]
    name = document.get("chosen") or next(n for n in rows if n != document["base"])
    found = rows[name]
    models = [f"out/person-{seed}/{row['file']}" for row in (base, found)]
    print(f"seed {seed}: {found['description']}; {document['spent']['wall_s'] / 60:.1f} min on {document['spent']['cores']} cores, {60 * document['spent']['core_hours']['value']:.0f} core-minutes")
    for precision in precisions:
        if precision == "f32":  # the search's own table has measured them
            us = [1e3 * row["latency"]["value"] for row in (base, found)]
        else:
            us = [json.loads(line)["us"] for line in output(os.environ["WHOLE"], precision, *models).splitlines()]
        before, after = (run("eval", model, *DATA, "--precision", precision, "--json") for model in models)
        pair = run("eval", models[1], "--against", models[0], *DATA, "--precision", precision, "--json")["against"]
        is_met = us[1] <= 0.5 * us[0] and after["accuracy"] >= before["accuracy"]
        met[precision] += is_met
        right[precision] = [n + e["correct"] for n, e in zip(right[precision], (before, after))]
        print(f"seed {seed} {precision:5} {us[0]:.1f} -> {us[1]:.1f} us, {percent(1 - us[1] / us[0])} less; accuracy {percent(before['accuracy'])} ({percent(before['accuracy_low'])} to {percent(before['accuracy_high'])}) -> "
              f"{percent(after['accuracy'])} ({percent(after['accuracy_low'])} to {percent(after['accuracy_high'])}): {'met' if is_met else 'not met'}; difference {100 * pair['difference']:+.2f} points ({100 * pair['low']:+.2f} to {100 * pair['high']:+.2f}), "
              f"{pair['only_this']} images only the new one gets right, {pair['only_that']} only the base, as much by chance in {100 * pair['p']:.0f} % of draws")
for precision in precisions:
    print(f"{precision}: >= 50 % less latency at no lower test accuracy in {met[precision]} of {len(seeds)} seeds; images right over all seeds {right[precision][0]} -> {right[precision][1]}")
print(f"{document['machine']['device']}; versions {document['versions']}")
EOF
