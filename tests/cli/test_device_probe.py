#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fettle device probe, run (device/kit/measure.h, run/probe.h): the plan, a run killed with -9 at random moments and gone on with, the budget, keys from a file.

Usage: test_device_probe.py FETTLE      TAP on stdout.
"""
import glob
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

JOB = """
task: {kind: classify, data: {kind: idx, path: /nowhere}}
base:
  template: ibn_classifier
  input: 3x16x16
  classes: 4
  stem: {channels: 16, kernel: 3, stride: 2}
  stages:
    - {blocks: 2, channels: 16, expansion: 2, stride: 1, kernel: 3}
    - {blocks: 1, channels: 32, expansion: 2, stride: 2, kernel: 3}
  head: 32
device: {name: host, precision: f32}
space: {curate: off, decisions: [{fuse: blocks}, {width: stages, options: 0.5..1.5}]}
goal: {maximise: quality, minimise: [latency]}
"""


class Probe:
    def __init__(self, fettle, folder):
        self.job = os.path.join(folder, "job.yaml")
        with open(self.job, "w") as file:
            file.write(JOB)
        self.environment = dict(os.environ, XDG_CACHE_HOME=folder, FETTLE_PATIENCE="0.1")  # the machine may be busy: what is tested is no figure
        self.folder = folder
        self.command = [fettle, "device", "probe", "host", "--precision", "f32", "--isa", "auto", "--quiet"]

    def run(self, *options, code=0):
        done = subprocess.run([*self.command, *options], env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, f"{options}: exit code {done.returncode}, expected {code}: {done.stderr}"
        return done

    def json(self, *options):
        return json.loads(self.run("--json", *options).stdout)

    def lines(self):
        """The kernel table's whole lines."""
        paths = glob.glob(os.path.join(self.folder, "fettle", "*.kernels"))
        if not paths:
            return []
        with open(paths[0]) as file:
            return [line for line in file.read().split("\n")[:-1] if not line.startswith("#")]


def check_plan(probe):
    options = ("--space", probe.job, "--kernels", "40", "--whole", "0", "--draws", "50")
    one, two = probe.json("--plan", *options), probe.json("--plan", *options)
    assert one == two and one["planned"] == 40 and one["known"] == 0, one
    assert probe.lines() == []
    assert {k["reason"] for k in one["kernels"]} == {"network", "sweep"}
    assert "kernel family" in probe.run("--plan", *options).stdout
    return options, [k["kernel"] for k in one["kernels"]]


def check_killed(probe, options, planned):
    """Nothing is measured twice, nothing lost, and the end is the plan."""
    random.seed(3)
    before = []
    for _ in range(5):
        process = subprocess.Popen([*probe.command, *options], env=probe.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted, until = len(before) + 1, time.monotonic() + 60
        while len(probe.lines()) < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(random.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        lines = probe.lines()
        assert lines[:len(before)] == before, "what was measured changed"
        before = lines
    last = probe.json(*options)
    lines = probe.lines()
    kernels = [line.split("\t")[0] for line in lines]
    assert lines[:len(before)] == before
    assert len(kernels) == len(set(kernels)), "a kernel was measured twice"
    assert sorted(kernels) == sorted(planned), "not what was planned"
    assert last["known_before"] == len(before) and last["measured"] == 40 - len(before) and last["left"] == 0 and last["outcome"] == "done", last
    again = probe.json(*options)
    assert again["measured"] == 0 and again["known_before"] == 40 and probe.lines() == lines


def check_budget(probe):
    done = probe.json("--space", probe.job, "--kernels", "4000", "--whole", "0", "--budget", "1.5s")
    assert done["outcome"] == "budget" and done["left"] > 0 and 0 < done["measured"] < 4000 and done["seconds"] < 30, done
    assert "is no duration" in probe.run("--space", probe.job, "--budget", "soon", code=2).stderr


def check_keys(probe):
    path = os.path.join(probe.folder, "keys")
    key = "conv f32 1x24x10x10>40x10x10 k1x1 s1x1 g1 relu+bias"
    with open(path, "w") as file:
        file.write(f"# suggested\n\n{key}\n")
    done = probe.json("--keys", path)
    assert done["planned"] == 1 and done["measured"] == 1 and done["kernels"][0]["kernel"] == key and done["kernels"][0]["latency_ms"] > 0, done
    with open(path, "a") as file:
        file.write("conv f32 nonsense\n")
    assert "keys:4" in probe.run("--keys", path, code=2).stderr


def check_rounds(probe):
    """Rounds on top of the plan, in the budget of kernels; the same command shows them and measures nothing; then nothing is doubtful twice."""
    options = ("--space", probe.job, "--kernels", "100", "--whole", "0", "--draws", "50", "--rounds", "2", "--batch", "10")
    before = len(probe.lines())
    done = probe.json(*options)
    assert done["planned"] == 80 and done["left"] == 0, done
    rounds = done["adapted"]["rounds"]
    assert [r["round"] for r in rounds] == [0, 1, 2] and done["adapted"]["measured"] == 20 and done["adapted"]["outcome"] == "done", done["adapted"]
    assert [r["kernels"] - rounds[0]["kernels"] for r in rounds] == [0, 10, 20] and all(0 < r["mape"] < 10 for r in rounds), rounds
    assert len(probe.lines()) == before + done["measured"] + 20
    settled = {k["kernel"] for k in done["again"]["kernels"] if k["fate"] in ("confirmed", "replaced")}
    again = probe.json(*options)
    assert again["measured"] == 0 and again["adapted"]["measured"] == 0 and again["adapted"]["rounds"] == rounds, again["adapted"]
    assert not settled & {k["kernel"] for k in again["again"]["kernels"]}
    text = probe.run(*options).stdout
    assert "weighted error" in text and "all rounds are made" in text, text


def check_again(probe):
    """Doubtful kernels alone; each of the most doubtful has further measurements in the table, as comments."""
    done = probe.json("--again", "6")
    again = done["again"]
    assert again["known"] >= 100 and len(again["kernels"]) <= 6 and done["planned"] == 0, again
    with open(glob.glob(os.path.join(probe.folder, "fettle", "*.kernels"))[0]) as file:
        comments = [line.split("\t")[1] for line in file if line.startswith("# again\t")]
    assert all(k["kernel"] in comments for k in again["kernels"] if k["fate"] != "left"), again["kernels"]
    assert "known kernels are doubtful" in probe.run("--again", "3").stdout


def check_whole(probe):
    done = probe.json("--space", probe.job, "--kernels", "40", "--whole", "6", "--draws", "50")
    between = done["between"]
    assert len(between["networks"]) == 6 and all(n["whole_ms"] > 0 and n["kernels_ms"] > 0 for n in between["networks"])
    assert done["left"] == 0 and glob.glob(os.path.join(probe.folder, "fettle", "*.between"))
    assert "expected 0, or 6 to 32" in probe.run("--space", probe.job, "--whole", "3", code=2).stderr


def check_board(probe):
    """Out as files, filled in, back as a device that costs the whole space; a row not filled in is named."""
    kit, board = os.path.join(probe.folder, "kit"), os.path.join(probe.folder, "board.yaml")
    done = probe.json("--space", probe.job, "--kernels", "30", "--draws", "50", "--whole", "0", "--export", kit)
    with open(os.path.join(kit, "kernels.csv")) as file:
        lines = file.read().split("\n")
    rows = [i for i, line in enumerate(lines) if line and line[0].isdigit()]
    files = [lines[i].split(",")[1] for i in rows]
    assert len(rows) == done["written"] + done["left_out"] and done["written"] > 20 and done["left_out"] > 0
    assert sum(name != "" for name in files) == done["written"] and all(os.path.exists(os.path.join(kit, name)) for name in files if name)
    command = [probe.command[0], "device", "probe", board, "--precision", "f32", "--import", os.path.join(kit, "kernels.csv")]
    refused = subprocess.run(command, env=probe.environment, capture_output=True, text=True)
    assert refused.returncode == 2 and f"kernels.csv:{rows[0] + 1}: column \"latency_ms\"" in refused.stderr, refused.stderr
    for number, i in enumerate(rows):
        assert lines[i].endswith(",,")
        lines[i] = lines[i][:-1] + f"{0.01 * (number + 1)},0.02"
    with open(os.path.join(kit, "kernels.csv"), "w") as file:
        file.write("\n".join(lines))
    taken = subprocess.run(command, env=probe.environment, capture_output=True, text=True)
    assert taken.returncode == 0 and f"{len(rows)} kernels" in taken.stdout, taken.stderr
    shown = subprocess.run([probe.command[0], "device", "check", board], capture_output=True, text=True)
    assert shown.returncode == 0 and "recorded" in shown.stdout, shown.stderr
    known = subprocess.run([probe.command[0], "device", "probe", board, "--precision", "f32", "--space", probe.job, "--kernels", "30", "--draws", "50",
                            "--whole", "0", "--plan", "--json"], env=probe.environment, capture_output=True, text=True)
    assert known.returncode == 0 and json.loads(known.stdout)["known"] >= 10, known.stderr


def check_fusion(probe):
    """What a described device states is what is found of it; the names are those of its file."""
    done = subprocess.run([probe.command[0], "device", "fusion", "npu-16", "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    told = [p for p in found["pairs"] if p["rule"] and p["found"] != "cannot tell"]
    assert len(told) >= 10 and all(p["found"] == p["stated"] for p in told), found["pairs"]
    assert found["other"] == 0 and found["rules"] == found["stated"]
    text = subprocess.run([probe.command[0], "device", "fusion", "npu-16"], capture_output=True, text=True).stdout
    assert "fusion:\n  batch_norm: true\n  add: true\n" in text


def check_refused(probe):
    assert "expected what to measure for" in probe.run(code=2).stderr
    described = subprocess.run([probe.command[0], "device", "probe", "npu-16", "--space", probe.job], capture_output=True, text=True)
    assert described.returncode != 0 and "--export" in described.stderr, described.stderr
    for wrong in ("abc", "-1", "2s", "61", "nan"):
        command = [*probe.command, "--space", probe.job]
        impatient = subprocess.run(command, env=dict(probe.environment, FETTLE_PATIENCE=wrong), capture_output=True, text=True)
        assert impatient.returncode != 0 and f'FETTLE_PATIENCE: "{wrong}": expected' in impatient.stderr, impatient.stderr


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        probe, context = Probe(sys.argv[1], folder), ()
        checks = [check_plan, check_killed, check_budget, check_keys, check_rounds, check_again, check_whole, check_board, check_fusion, check_refused]
        print(f"1..{len(checks)}")
        for number, check in enumerate(checks, 1):
            try:
                result = check(probe, *context) if check is check_killed else check(probe)
                context = result if check is check_plan else context
                print(f"ok {number} {check.__name__}", flush=True)
            except Exception as error:  # a check that raises anything has failed; the others run
                failed += 1
                print(f"not ok {number} {check.__name__}: {error!r}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
