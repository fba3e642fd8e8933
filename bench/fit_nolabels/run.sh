#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Faster forms of two networks that somebody else trained, from unlabelled images alone: candidates learn to give what the original gives. For each: the search's table, the relative
# error of every output on the test images (f32), and the original and the network to take, measured in turns here and in ONNX Runtime (where npm's onnxruntime-node is installed).
# Usage: bench/fit_nolabels/run.sh [ultraface|sinet]...   (from the checkout). Needs the models and images of $FETTLE_SHARED (default ../shared). 6 and about 25 minutes on 2 cores; what
# was interrupted goes on, what is finished is shown again. Exit code 77: the models or images are not there.
set -euo pipefail
cd "$(dirname "$0")/../.."
fettle=${FETTLE:-./fettle} speed=${ORT_SPEED:-build/bench/bench_ort_speed}
shared=$(realpath -m "${FETTLE_SHARED:-../shared}")
out=out/nolabels
[ -d "$shared/models" ] && [ -d "$shared/data" ] || { echo "fit_nolabels: skipped, $shared is not on this machine"; exit 77; }
[ $# -gt 0 ] || set -- ultraface sinet
mkdir -p "$out"
for name in "$@"; do
    sed "s#SHARED#$shared#g" "bench/fit_nolabels/$name.yaml" >"$out/$name.yaml"
    start=$(date +%s)
    "$fettle" search "$out/$name.yaml" --output "$out/$name" $([ -e "$out/$name/study.sqlite" ] && echo --resume)
    echo "$name: $(($(date +%s) - start)) s on $(nproc) cores"
    # Figures of the final table's rows, and the file to take.
    python3 - "$out/$name" "$fettle" <<'PY'
import json, os, shutil, subprocess, sys
folder, fettle = sys.argv[1:]
document = json.loads(subprocess.run([fettle, "study", "export", folder, "--format", "json"], capture_output=True, text=True, check=True).stdout)
rows = {row["name"]: row for row in document["variants"]}
test = [t["figures"] for t in document["trials"] if t["series"] == "test"]
for name, figures in zip(rows, test):
    errors = [f"output {k.rsplit('_', 1)[1]}: {f['value'] * 100:.2f} %" for k, f in sorted(figures.items()) if k.startswith("test_error_")]
    print(f"{name}: relative error on test, {', '.join(errors)}; latency {rows[name]['latency']['value']:.3f} ms, {rows[name]['reduction']['value'] * 100:.1f} % less")
files = {"original": rows[document["base"]]["file"], "fit": rows.get(document.get("chosen") or "fit", {}).get("file")}
for name, file in files.items():
    if not file: continue
    place = os.path.join(folder, "ort", name)
    os.makedirs(place, exist_ok=True)
    shutil.copyfile(os.path.join(folder, file), os.path.join(place, "model.onnx"))
PY
    "$speed" "$out/$name/ort" 1000 || [ $? = 77 ]
done
