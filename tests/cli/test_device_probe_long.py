#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fettle device probe over many kernels (device/kit/adapt.h, again.h): killed with -9 at random moments and gone on with, rounds, doubtful kernels, whole networks.

Usage: test_device_probe_long.py FETTLE      TAP on stdout.
"""
import glob
import os
import random
import signal
import subprocess
import sys
import time

from probing import PLAN, run_checks


def check_killed(probe):
    """Nothing is measured twice, nothing lost, and the end is the plan."""
    random.seed(3)
    options = (*probe.space, *PLAN)
    planned = [k["kernel"] for k in probe.json("--plan", *options)["kernels"]]
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


def check_rounds(probe):
    """Rounds on top of the plan, in the budget of kernels; the same command shows them and measures nothing; then nothing is doubtful twice."""
    options = (*probe.space, "--kernels", "100", "--whole", "0", "--draws", "50", "--rounds", "2", "--batch", "10")
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
    assert "known kernels are to be measured again" in probe.run("--again", "3").stdout


def check_whole(probe):
    done = probe.json(*probe.space, "--kernels", "40", "--whole", "6", "--draws", "50")
    between = done["between"]
    assert len(between["networks"]) == 6 and all(n["whole_ms"] > 0 and n["kernels_ms"] > 0 for n in between["networks"])
    assert [b["networks"] for b in between["bases"]] == [6]
    own = glob.glob(os.path.join(probe.folder, "fettle", "*.between-%s" % between["bases"][0]["base"]))
    assert len(own) == 1, "what stands between the kernels of this base alone has a file of its own"
    estimate = os.path.join(probe.folder, "own.estimate")
    probe.fit("--output", estimate)
    with open(estimate) as file:
        assert [line.split()[1] for line in file if line.startswith("base ")] == [between["bases"][0]["base"]]
    assert done["left"] == 0 and glob.glob(os.path.join(probe.folder, "fettle", "*.between"))
    assert "expected 0, or 6 to 192" in probe.run(*probe.space, "--whole", "3", code=2).stderr


if __name__ == "__main__":
    sys.exit(run_checks([check_killed, check_rounds, check_again, check_whole]))
