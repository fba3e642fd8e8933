#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A search for an accelerator that exists only as a description: nothing is measured and nothing says so, and the same job gives the same trials.

Usage: test_described_job.py FETTLE      TAP on stdout. Needs Debian's dataset-fashion-mnist; skipped without it.
"""
import csv
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_resume import DATA, JOB, Tap, difference, identity, run, trials_of  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def write_job(folder, name):
    job = JOB.replace("{name: host, precision: int8}", "{name: chip.yaml, precision: int8}").replace("trials: 11", "trials: 3").replace("finalists: 2", "finalists: 1")
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w") as file:
        file.write(job % (DATA, os.path.join(folder, name)))
    return path


def export(folder):
    return json.loads(subprocess.run([sys.argv[1], "study", "export", folder, "--format", "json"], capture_output=True, text=True, check=True).stdout)


def precision(fettle, folder):
    """Trouble when figures of a device that computes in int8 are not said to be quantised, those of one of bf16 are, or a network is drawn as chosen where none is."""
    path = write_job(folder, "bf16")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("{name: chip.yaml, precision: int8}", "{name: npu-32-bf16, precision: bf16}"))
    done = run(fettle, path)
    if done.returncode:
        return done.stderr.strip()
    for name, source in (("one", "quantised"), ("taylor", "quantised"), ("bf16", "trained")):
        facts = export(os.path.join(folder, name))
        said = {v["test_int8"]["source"] for v in facts["variants"]}
        if said != {source}:
            return f"{name}: figures are said to be {said}, not {source}"
        if (facts["chosen"] is None) != (facts["layers"]["chosen"] == []):
            return f"{name}: chosen is {facts['chosen']}, with {len(facts['layers']['chosen'])} layers"
    return None


def lock(folder):
    """Trouble when the base is not what a locked search's networks are compared with, or one of them is not as locked, or could not be trained."""
    base, *found = export(folder)["variants"]
    if base["description"] != "base":
        return f"the base is said to differ from itself: {base['description']}"
    if not found or any("stage1.block1=fused" not in v["description"] for v in found):
        return f"a network is not as locked: {[v['description'] for v in found]}"
    failed = [t for t in trials_of(folder) if t[4] != 2]  # FET_TRIAL_DONE
    return f"failed: {failed[0]}" if failed else None


def by_data(fettle, folder):
    """
    Channels kept by what data say of them: scores of every group, kept with the study; a damaged file is one line that names it. With a lock
    that leaves the base out of what is searched.
    """
    path = write_job(folder, "taylor")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("space: {", "space: {importance: taylor, lock: {stage1.block1: fused}, ", 1))
    done = run(fettle, path)
    if done.returncode:
        return done.stderr.strip()
    trouble = lock(os.path.join(folder, "taylor"))
    if trouble:
        return trouble
    kept = os.path.join(folder, "taylor", "trials", "base-0.importance")
    with open(kept) as file:
        lines = [line.split() for line in file]
    if len(lines) < 3 or any(len(line) != 2 + int(line[1]) for line in lines) or any(not max(map(float, line[2:])) > 0 for line in lines):
        return f"{kept}: {len(lines)} lines, or one of them has not a score a channel, or nothing but zeros"
    with open(kept, "w") as file:
        file.write("0 3 1 nan 2\n")
    again = run(fettle, path, "--resume")
    said = again.stderr.strip()
    return None if again.returncode and "base-0.importance:1" in said and "\n" not in said else f"{again.returncode}: {said}"


def sources(folder):
    """Trouble when a latency of the report or the CSV comes from anything but the simulator."""
    facts = export(folder)
    figures = [v[k] for v in facts["variants"] for k in ("latency", "latency_predicted", "reduction")]
    figures += [t["figures"]["latency"] for t in facts["trials"] if "latency" in t["figures"]]
    wrong = [f for f in figures if f["source"] != "simulated"]
    if wrong or len(figures) < 12:
        return f"{len(figures)} figures, of which not simulated: {wrong[:2]}"
    if facts["latency_check"]:
        return "the report compares simulations with themselves as if they were measurements"
    layers = facts["layers"]["base"]
    total, whole = sum(k["us"] for k in layers), facts["variants"][0]["latency"]["value"] * 1e3
    if any(k["source"] != "simulated" for k in layers) or abs(total - whole) > 1e-3 * whole:
        return f"layers of the base sum to {total} us, the network takes {whole} us"
    for v in facts["variants"]:
        if abs(v["latency"]["value"] - v["latency_predicted"]["value"]) > 1e-9:
            return f"{v['name']}: searched by {v['latency_predicted']}, reported as {v['latency']}"
    with open(os.path.join(folder, "front.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    bad = [r for r in rows if r.get("latency source") not in ("simulated", "")]
    return f"front.csv: {bad[0]}" if bad or not rows else None


def against_base(folder):
    """Trouble when what a network and the base get right on the same samples does not make the difference of their accuracies, or no note says it."""
    facts = export(folder)
    base, *found = facts["variants"]
    if "against_base" in base or not found or len(facts["notes"]) != len(found):
        return f"{len(found)} networks, {len(facts['notes'])} notes, of the base {base.get('against_base')}"
    for v, note in zip(found, facts["notes"]):
        pair, apart = v["against_base"], v["test_int8"]["value"] - base["test_int8"]["value"]
        low, high = pair["interval"]
        if pair["samples"] != 10000 or abs((pair["only_it"] - pair["only_base"]) / pair["samples"] - apart) > 1e-9 or abs(pair["difference"] - apart) > 1e-9:
            return f"{v['name']}: {pair}, accuracies {apart} apart"
        if not (low <= apart <= high and 0 <= pair["p"] <= 1 and f"{pair['only_it']} that it alone" in note and note.startswith(v["name"])):
            return f"{v['name']}: {pair}; said: {note}"
    return None


def start_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[19]


def take_one(store_path, process):
    """A waiting trial becomes that process's, as if it were a worker; False: none is waiting (yet)."""
    owner = f"{socket.gethostname()}:{process.pid}:{start_of(process.pid)}"
    try:
        with sqlite3.connect(f"file:{store_path}?mode=rw", uri=True, timeout=10) as store:
            rows = store.execute("update trial set state = 1, attempts = attempts + 1, owner = ?, lease_until_s = ?, started_s = ? where id = "
                                 "(select id from trial where state = 0 limit 1)", (owner, time.time() + 600, time.time()))
            return rows.rowcount == 1
    except sqlite3.OperationalError:  # it is not made yet
        return False


def with_a_dead_worker(fettle, folder):
    """A search with two workers, beside which another one takes a trial, and dies a while after; how it ended."""
    job, other = write_job(folder, "two"), subprocess.Popen(["sleep", "1000"])
    search = subprocess.Popen([fettle, "search", job, "--quiet", "--workers", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    took = False
    while not took and search.poll() is None:
        time.sleep(0.02)
        took = take_one(os.path.join(folder, "two", "study.sqlite"), other)
    time.sleep(1)
    other.kill()
    other.wait()
    try:
        said = search.communicate(timeout=300)[1]
    except subprocess.TimeoutExpired:
        search.kill()
        said = "it still waits for a worker that is dead"
    return said.strip() or search.returncode or (None if took else "no trial was ever waiting")


def main():
    fettle = sys.argv[1] = os.path.abspath(sys.argv[1])
    if not os.path.isdir(DATA):
        print(f"1..0 # SKIP {DATA} is not there: apt-get install dataset-fashion-mnist")
        return 0
    tap = Tap(8)
    with tempfile.TemporaryDirectory(prefix="fettle-described-") as folder:
        os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
        chip = os.path.join(folder, "chip.yaml")
        shutil.copy(os.path.join(ROOT, "devices", "edge-tpu-like.yaml"), chip)
        one = run(fettle, write_job(folder, "one"), "--workers", "1")
        tap.check("a search on a described device ends well", None if one.returncode == 0 else one.stderr.strip() or one.returncode)
        if one.returncode != 0:
            return 1
        tap.check("every latency says that it is simulated", sources(os.path.join(folder, "one")))
        tap.check("networks are compared with the base on the same samples", against_base(os.path.join(folder, "one")))
        tap.check("no kernel was measured", "there is a kernel table" if os.path.isdir(os.path.join(folder, "cache", "fettle")) else None)
        trouble = with_a_dead_worker(fettle, folder)
        tap.check("two workers, and a third that dies, give the same trials",
                  trouble or difference(identity(trials_of(os.path.join(folder, "one"))), identity(trials_of(os.path.join(folder, "two")))))
        tap.check("importance by data is kept with the study, and checked", by_data(fettle, folder))
        tap.check("figures say whether they are quantised, and nothing is chosen where nothing qualifies", precision(fettle, folder))
        with open(chip, "a") as file:
            file.write("# another chip\n")
        changed = run(fettle, write_job(folder, "two"), "--resume")
        said = changed.stderr.strip()
        tap.check("a study does not go on with another description", None if changed.returncode and "put the device's file back" in said else f"{changed.returncode}: {said}")
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
