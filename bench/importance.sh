#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whether narrower networks start better with the channels that data call for ("importance: taylor") than with those of large weights ("magnitude"): the same networks, drawn at random from
# narrower forms of the demo's, trained for hardly any time and for as long as a search trains its candidates. Prints, for each seed and training, the mean accuracy on val (int8) by both and
# how many networks are better by which.
# Usage: bench/importance.sh [SEED...]   (from the checkout; default 1 2). About 6 minutes a seed on 2 cores. Finished studies are kept in out/importance and shown again.
set -euo pipefail
cd "$(dirname "$0")/.."
fettle=${FETTLE:-./fettle} out=out/importance
[ -d /usr/share/datasets/fashion-mnist ] || { echo "bench/importance.sh: skipped: apt-get install dataset-fashion-mnist"; exit 0; }
mkdir -p "$out"
grep -m1 'model name' /proc/cpuinfo || true
"$fettle" --version
for seed in ${*:-1 2}; do
    for epochs in 0.01 0.15; do
        for importance in magnitude taylor; do
            name=$seed-$epochs-$importance
            sed "s/importance: IMPORTANCE/importance: $importance/; s/EPOCHS$/$epochs/; s/SEED/$seed/" bench/importance.yaml >"$out/$name.yaml"
            "$fettle" search "$out/$name.yaml" --quiet --output "$out/$name" $([ -e "$out/$name/study.sqlite" ] && echo --resume) >/dev/null
            "$fettle" study export "$out/$name" --format json >"$out/$name.json"
        done
        python3 - "$out/$seed-$epochs" <<'PY'
import json, sys

by = []
for importance in ("magnitude", "taylor"):
    document = json.load(open(f"{sys.argv[1]}-{importance}.json"))
    by.append({t["genome"]: t["figures"]["val_device_accuracy"]["value"] for t in document["trials"] if t["series"] == "V1" and t["state"] == "done"})
both = sorted(set(by[0]) & set(by[1]))
differences = [by[1][g] - by[0][g] for g in both if by[1][g] != by[0][g]]
mean = [100 * sum(b[g] for g in both) / len(both) for b in by]
seed, epochs = sys.argv[1].split("/")[-1].split("-")
print(f"seed {seed}, {epochs} epochs: {len(both)} networks, mean accuracy by magnitude {mean[0]:.2f} %, by data {mean[1]:.2f} %; "
      f"better by data {sum(d > 0 for d in differences)}, by magnitude {sum(d < 0 for d in differences)}")
PY
    done
done
