# SPDX-License-Identifier: Apache-2.0
"""What the tests of fettle device probe share: a small job, the program run on it with a kernel table of its own, a loop over checks."""
import glob
import json
import os
import subprocess
import sys
import tempfile

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
PLAN = ("--kernels", "40", "--whole", "0", "--draws", "50")


class Probe:
    def __init__(self, fettle, folder):
        self.job = os.path.join(folder, "job.yaml")
        with open(self.job, "w") as file:
            file.write(JOB)
        self.environment = dict(os.environ, XDG_CACHE_HOME=folder, FETTLE_PATIENCE="0.1")  # the machine may be busy: what is tested is no figure
        self.folder = folder
        self.space = ("--space", self.job)
        self.command = [fettle, "device", "probe", "host", "--precision", "f32", "--isa", "auto", "--quiet"]

    def run(self, *options, code=0):
        done = subprocess.run([*self.command, *options], env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, f"{options}: exit code {done.returncode}, expected {code}: {done.stderr}"
        return done

    def fit(self, *options):
        """An estimator of what the table holds."""
        done = subprocess.run([self.command[0], "device", "fit", "host", "--precision", "f32", "--isa", "auto", "--quiet", *options],
                              env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    def json(self, *options):
        return json.loads(self.run("--json", *options).stdout)

    def lines(self):
        """The kernel table's whole lines."""
        paths = glob.glob(os.path.join(self.folder, "fettle", "*.kernels"))
        if not paths:
            return []
        with open(paths[0]) as file:
            return [line for line in file.read().split("\n")[:-1] if not line.startswith("#")]


def run_checks(checks):
    """Each check is given one Probe, in turn; TAP on stdout. The exit code."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        probe = Probe(sys.argv[1], folder)
        print(f"1..{len(checks)}")
        for number, check in enumerate(checks, 1):
            try:
                check(probe)
                print(f"ok {number} {check.__name__}", flush=True)
            except Exception as error:  # a check that raises anything has failed; the others run
                failed += 1
                print(f"not ok {number} {check.__name__}: {error!r}", flush=True)
    return failed > 0
