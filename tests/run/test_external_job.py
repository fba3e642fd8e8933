#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searches whose candidates are judged by a program from outside (`evaluate` in a job): what it is given, how failures of a trial stay its own, what is kept;
and examples/external_pytorch, where PyTorch is installed, with trained weights that come back.

Usage: test_external_job.py FETTLE      TAP on stdout.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_resume import Tap  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

JOB = """
evaluate:
  command: [{python}, {script}, {notes}]
  timeout: 5s
base: {{template: ibn_classifier, input: 1x12x12, classes: 3, stem: {{channels: 8}}, stages: [{{blocks: 2, channels: 16, expansion: 2}}]}}
device: {{name: npu-16}}
search: {{trials: {trials}, variants: [V3], finalists: 1, seed: 1}}
output: {output}
"""

# Judges by the genome alone; of searched candidates the second exits, the third is killed, the fourth says NaN, the fifth hangs, the sixth babbles.
SCRIPT = """
import json, os, signal, sys, time
notes, model, request_path = sys.argv[1:]
request = json.load(open(request_path))
assert request["model"] == model and os.path.getsize(model) > 1000
assert sys.stdin.read() == ""
with open(notes, "a") as file:
    file.write(json.dumps(request) + "\\n")
print("something said first")
sys.stderr.write("a remark\\nand the last line\\n")
trouble = request["trial"] if request["fidelity"] == "short" and request["series"] == "V3" else 0
if trouble == 1: sys.exit(3)
if trouble == 2: os.kill(os.getpid(), signal.SIGKILL)
if trouble == 3: print(json.dumps({"quality": float("nan")})); sys.exit()
if trouble == 4: time.sleep(600)
if trouble == 5: print("no line of metrics"); sys.exit()
print(json.dumps({"quality": 0.9 - 0.001 * len(request["genome"].replace("0", "")), "calls": 1}))
"""


def trials_of(fettle, folder):
    text = subprocess.run([fettle, "study", "export", folder, "--format", "json"], capture_output=True, text=True, check=True).stdout
    return json.loads(text)["trials"]


def search(fettle, job, *options):
    return subprocess.run([fettle, "search", job, "--quiet", *options], capture_output=True, text=True, cwd=ROOT)


def by_number(trials, series):
    return {t["number"]: t for t in trials if t["series"] == series}


def check_reasons(trials):
    expected = {1: "ended with exit code 3: and the last line", 2: "was killed by signal 9 (Killed): and the last line", 3: "NaN", 4: "took longer than 5 s and was killed",
                5: "expected a last line such as"}
    searched = by_number(trials, "V3")
    for number, part in expected.items():
        trial = searched[number]
        if trial["state"] != "failed" or part not in trial.get("reason", ""):
            return f"trial {number} is {trial['state']}: {trial.get('reason')}"
        if "\n" in trial["reason"] or "judge.py" not in trial["reason"]:
            return f"trial {number}: the reason is not one line with the command: {trial['reason']}"
    done = [t for n, t in searched.items() if n not in expected]
    bad = [t["number"] for t in done if t["state"] != "done" or "val_device_quality" not in t["figures"] or t["figures"]["calls"]["value"] != 1]
    return f"trials {bad} did not end well" if bad or len(done) < 3 else None


def check_requests(notes, folder):
    requests = [json.loads(line) for line in open(notes)]
    fidelities = {r["fidelity"] for r in requests}
    if fidelities != {"base", "short", "full", "test"}:
        return f"asked for {fidelities}"
    for r in requests:
        if r["split"] != ("test" if r["fidelity"] == "test" else "val") or r["seed"] != 1 or r["budget"]["seconds"] != 5:
            return f"request {r}"
        if r["fidelity"] != "base" and not any(name.endswith(".form") for name in r["decisions"]):
            return f"no decisions in {r}"
    left = [name for name in os.listdir(os.path.join(folder, "trials")) if name.endswith(".onnx")]
    if sorted(left) != [f"V3-{n}-short.onnx" for n in (1, 2, 3, 4, 5)]:
        return f"files that stay are those of failed trials, but there are {left}"
    with open(os.path.join(folder, "trials", "V3-1-short.stderr")) as file:
        return None if file.read() == "a remark\nand the last line\n" else "V3-1-short.stderr holds something else"


def made_to_fail(fettle, folder, tap):
    script, notes, output = (os.path.join(folder, n) for n in ("judge.py", "notes", "out"))
    with open(script, "w") as file:
        file.write(SCRIPT)
    job = os.path.join(folder, "job.yaml")
    text = JOB.format(python=sys.executable, script=script, notes=notes, trials=9, output=output)
    with open(job, "w") as file:
        file.write(text)
    result = search(fettle, job, "--workers", "2")
    tap.check("a search goes on when some candidates fail", None if result.returncode == 0 else f"{result.returncode}: {result.stderr.strip()}")
    trials = trials_of(fettle, output)
    tap.check("each failure has its reason", check_reasons(trials))
    tap.check("requests say what is wanted, files of failed trials stay", check_requests(notes, output))
    again = search(fettle, job, "--resume")
    tap.check("the study is the job's", None if again.returncode == 0 else again.stderr.strip())
    with open(job, "w") as file:
        file.write(text.replace(sys.executable, "/nonexistent/python").replace(output, output + "2"))
    result = search(fettle, job)
    said = result.stderr.strip()
    fine = result.returncode == 1 and "/nonexistent/python" in said and "cannot be started: No such file" in said
    tap.check("a program that is not there is one line", None if fine else f"{result.returncode}: {said}")
    with open(job, "w") as file:
        file.write(text.replace(output, output + "3") + "task: {kind: classify}\n")
    result = search(fettle, job)
    tap.check("a task beside it is refused", None if result.returncode == 2 and "task.kind" in result.stderr else f"{result.returncode}: {result.stderr.strip()}")


def all_fail(fettle, folder):
    """Trouble when a search none of whose trials ends well does not say so in one line, with why the first did not."""
    script, job, output = (os.path.join(folder, n) for n in ("never.py", "never.yaml", "never"))
    with open(script, "w") as file:
        file.write(SCRIPT.replace("if trouble == 1: sys.exit(3)", "if request['series'] == 'V3' and request['fidelity'] == 'short': sys.exit(3)"))
    with open(job, "w") as file:
        file.write(JOB.format(python=sys.executable, script=script, notes=os.path.join(folder, "never.notes"), trials=2, output=output))
    result = search(fettle, job)
    said = result.stderr.strip()
    fine = result.returncode == 1 and "V3: every one of 2 trials failed" in said and "ended with exit code 3" in said and "\n" not in said
    return None if fine else f"{result.returncode}: {said}"


def has_torch():
    return subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True).returncode == 0 if os.path.exists("/usr/bin/python3") else False


def check_example(fettle, folder):
    output, job = os.path.join(folder, "example"), os.path.join(folder, "example.yaml")
    with open(os.path.join(ROOT, "examples", "external_pytorch", "job.yaml")) as file:
        text = file.read()
    fewer = text.replace("trials: 8", "trials: 3")  # each imports PyTorch anew
    if fewer == text:
        return "the example has other than 8 trials: this test wants to have fewer"
    with open(job, "w") as file:
        file.write(fewer)
    result = search(fettle, job, "--output", output, "--workers", "2")
    if result.returncode:
        return f"{result.returncode}: {result.stderr.strip()}"
    tests = by_number(trials_of(fettle, output), "test")
    if not tests or any(t["state"] != "done" for t in tests.values()):
        return f"tests: {tests}"
    # A test trains nothing, so more than one in three right are weights that came back.
    worst = min(t["figures"]["test_quality"]["value"] for t in tests.values())
    return None if worst > 0.6 else f"the kept weights reach {worst} on test"


def main():
    fettle = os.path.abspath(sys.argv[1])
    tap = Tap(8)
    with tempfile.TemporaryDirectory(prefix="fettle-external-") as folder:
        os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
        made_to_fail(fettle, folder, tap)
        tap.check("where every trial fails the search says why", all_fail(fettle, folder))
        if has_torch():
            tap.check("PyTorch trains what fettle searches", check_example(fettle, folder))
        else:
            print("ok 8 - PyTorch trains what fettle searches # SKIP python3-torch is not installed")
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
