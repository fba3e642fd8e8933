#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fettle device probe, run (device/kit/measure.h, run/probe.h): the plan, the budget, keys from a file, a board elsewhere, what is refused.

Usage: test_device_probe.py FETTLE      TAP on stdout.
"""
import json
import os
import subprocess
import sys

from probing import PLAN, run_checks


def check_plan(probe):
    one, two = probe.json("--plan", *probe.space, *PLAN), probe.json("--plan", *probe.space, *PLAN)
    assert one == two and one["planned"] == 40 and one["known"] == 0, one
    assert probe.lines() == []
    assert {k["reason"] for k in one["kernels"]} == {"network", "sweep"}
    assert "kernel family" in probe.run("--plan", *probe.space, *PLAN).stdout


def check_budget(probe):
    done = probe.json(*probe.space, "--kernels", "4000", "--whole", "0", "--budget", "1.5s")
    assert done["outcome"] == "budget" and done["left"] > 0 and 0 < done["measured"] < 4000 and done["seconds"] < 30, done
    assert "is no duration" in probe.run(*probe.space, "--budget", "soon", code=2).stderr


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


def check_board(probe):
    """Out as files, filled in, back as a device that costs the whole space; a row not filled in is named."""
    kit, board = os.path.join(probe.folder, "kit"), os.path.join(probe.folder, "board.yaml")
    done = probe.json(*probe.space, "--kernels", "30", "--draws", "50", "--whole", "0", "--export", kit)
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
    known = subprocess.run([probe.command[0], "device", "probe", board, "--precision", "f32", *probe.space, "--kernels", "30", "--draws", "50",
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
    described = subprocess.run([probe.command[0], "device", "probe", "npu-16", *probe.space], capture_output=True, text=True)
    assert described.returncode != 0 and "--export" in described.stderr, described.stderr
    for wrong in ("abc", "-1", "2s", "61", "nan"):
        command = [*probe.command, *probe.space]
        impatient = subprocess.run(command, env=dict(probe.environment, FETTLE_PATIENCE=wrong), capture_output=True, text=True)
        assert impatient.returncode != 0 and f'FETTLE_PATIENCE: "{wrong}": expected' in impatient.stderr, impatient.stderr


if __name__ == "__main__":
    sys.exit(run_checks([check_plan, check_budget, check_keys, check_board, check_fusion, check_refused]))
