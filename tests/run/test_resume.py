#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A search gives the same trials and the same front whatever the number of workers, and after kill -9 of the search or of a worker at random moments.

Usage: test_resume.py FETTLE [KILLS]      TAP on stdout. Needs Debian's dataset-fashion-mnist; skipped without it.
The job is the real one made small: the same phases on the same data, with tiny networks and fractions of epochs.
"""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

DATA = "/usr/share/datasets/fashion-mnist"
JOB = """
task: {kind: classify, data: {kind: idx, path: %s, val_share: 0.02}}
base:
  template: ibn_classifier
  input: 1x28x28
  stem: {channels: 16, kernel: 3, stride: 2}
  stages:
    - {blocks: 2, channels: 16, expansion: 2, stride: 1, kernel: 3}
    - {blocks: 1, channels: 32, expansion: 2, stride: 2, kernel: 3}
  head: 32
  epochs: 0.03
device: {name: host, precision: int8}
space: {curate: device, decisions: [{fuse: blocks}, {width: stages, options: 0.5..2}, {multiplier: [0.5, 1, 1.5]}]}
goal: {maximise: quality, minimise: [latency], subject_to: {latency: "<= 90%%"}}
search: {strategy: bayesian, trials: 11, lookahead: 3, seed: 5, finalists: 2}
train: {short_epochs: 0.02, full_epochs: 0.03}
output: %s
"""


def write_job(folder, name):
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w") as file:
        file.write(JOB % (DATA, os.path.join(folder, name)))
    return path


def run(fettle, job, *options):
    return subprocess.run([fettle, "search", job, "--quiet", *options], capture_output=True, text=True, timeout=1100)


def trials_of(folder):
    """Every trial with its figures: (series, number, fidelity, genome, state, finished_s, figures)."""
    with sqlite3.connect(f"file:{folder}/study.sqlite?mode=ro", uri=True, timeout=10) as store:
        rows = store.execute("select id, series, number, fidelity, genome, state, finished_s from trial order by series, number").fetchall()
        figures = store.execute("select trial, name, value from figure order by trial, position").fetchall()
    return [(*row[1:], tuple((name, value) for trial, name, value in figures if trial == row[0])) for row in rows]


def identity(rows):
    """What must not depend on who ran a trial: not when it was finished, nor at what speed."""
    return [(*row[:5], tuple(f for f in row[6] if f[0] != "train_speed")) for row in rows]


def finished(rows):
    return {(series, number): at for series, number, _, _, state, at, _ in rows if at and at > 0}


def workers_of(pid):
    found = subprocess.run(["pgrep", "-P", str(pid), "-f", "worker"], capture_output=True, text=True)
    return [int(p) for p in found.stdout.split()]


def n_finished(folder):
    try:
        return len(finished(trials_of(folder)))
    except sqlite3.OperationalError:
        return 0  # there is no store yet


def wait_for_moment(process, folder, share, n_trials, rng):
    """A random while, but not past the moment at which more than `share` of the trials are finished: all kills come before the end, however fast the machine."""
    until = time.monotonic() + rng.uniform(0.05, 1.6)
    while time.monotonic() < until and process.poll() is None and n_finished(folder) <= share * n_trials:
        time.sleep(0.01)


def killed_search(fettle, job, folder, kills, rng, n_trials):
    """Runs the search of n_trials to its end, killing it or one of its workers `kills` times. Returns what went wrong, or None."""
    before, done = {}, 0
    while True:
        options = ["--resume"] if os.path.exists(os.path.join(folder, "study.sqlite")) else []
        process = subprocess.Popen([fettle, "search", job, "--quiet", "--workers", str(1 + done % 3), *options],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while done < kills and process.poll() is None:
            wait_for_moment(process, folder, done / (kills + 1), n_trials, rng)
            if process.poll() is not None:
                break
            done += 1
            victims = workers_of(process.pid)
            if victims and rng.random() < 0.5:
                try:
                    os.kill(rng.choice(victims), signal.SIGKILL)
                except ProcessLookupError:
                    pass
                continue
            process.kill()
        _, said = process.communicate()
        if os.path.exists(os.path.join(folder, "study.sqlite")):
            try:
                now = finished(trials_of(folder))
            except sqlite3.OperationalError:
                now = before  # killed while the store was being made
            for trial, at in before.items():
                if now.get(trial) != at:
                    return f"trial {trial} was finished at {at} and is {now.get(trial)} now: lost, or run twice"
            before = now
        if process.returncode == 0:
            return None if done == kills else f"only {done} of {kills} kills took place before the end"
        if process.returncode != -signal.SIGKILL:
            return f"exit code {process.returncode}: {said.strip()}"


class Tap:
    def __init__(self, n):
        self.n, self.bad = 0, 0
        print(f"1..{n}", flush=True)

    def check(self, what, trouble):
        self.n += 1
        self.bad += trouble is not None
        print(f"{'ok' if trouble is None else 'not ok'} {self.n} - {what}", flush=True)
        if trouble is not None:
            print(f"# {trouble}", flush=True)


def difference(a, b):
    if a == b:
        return None
    for x, y in zip(a, b):
        if x != y:
            return f"{x} against {y}"
    return f"{len(a)} against {len(b)} trials"


LESSON_FEWEST, LESSON_MOST = 4, 12  # networks near the limit, measured before the first trial (src/run/search_limits.c)


def fronts(folder):
    return sorted(os.listdir(os.path.join(folder, "front")))


def kept_whole(folder):
    """Trouble when the study "one" does not hold candidates measured whole, or the kernel table's folder not the same, or their files were left."""
    with sqlite3.connect(f"file:{folder}/one/study.sqlite?mode=ro", uri=True, timeout=10) as store:
        texts = store.execute("select text from setting where name = 'whole'").fetchall()
        lessons = store.execute("select text from setting where name = 'limits'").fetchall()
        trials = store.execute("select count(*) from trial where series not in ('base', 'baseline', 'finalists', 'test')").fetchone()[0]
    lines = texts[0][0].splitlines() if texts else []
    if not LESSON_FEWEST <= len(lines) <= trials + LESSON_MOST or len({line.split()[0] for line in lines}) != 1:
        return f"{len(lines)} lines of {trials} trials: {lines[:2]}"
    alone, against_base, error = map(float, lessons[0][0].split())
    ratios = [float(line.split()[3]) / float(line.split()[2]) for line in lines]
    if not (0.5 < alone < 2 and 0.5 < against_base < 2 and 0 <= error < 0.5 and min(ratios) < 1):
        return f"learned at the limit: {lessons}, {ratios}"
    beside = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(folder, "cache")) for name in names if name.endswith(".whole")]
    if len(beside) != 1:
        return f"files beside the kernel table: {beside}"
    with open(beside[0]) as file:
        if file.read().splitlines()[2:] != lines:
            return f"{beside[0]} and the study differ"
    left = [name for name in os.listdir(os.path.join(folder, "one")) if name.endswith(".onnx") and name.startswith("whole")]
    return f"left behind: {left}" if left else None


def main():
    fettle, kills = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    if not os.path.isdir(DATA):
        print(f"1..0 # SKIP {DATA} is not there: apt-get install dataset-fashion-mnist")
        return 0
    tap = Tap(5)
    with tempfile.TemporaryDirectory(prefix="fettle-resume-") as folder:
        os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
        one = run(fettle, write_job(folder, "one"), "--workers", "1")
        tap.check("a search with one worker ends well", None if one.returncode == 0 else one.stderr.strip() or one.returncode)
        if one.returncode != 0:
            return 1
        tap.check("candidates were measured whole before any was trained long, and that is kept", kept_whole(folder))
        reference = identity(trials_of(os.path.join(folder, "one")))
        three = run(fettle, write_job(folder, "three"), "--workers", "3")
        trouble = three.stderr.strip() if three.returncode else difference(reference, identity(trials_of(os.path.join(folder, "three"))))
        tap.check("three workers give the same trials", trouble)
        seed = int(os.environ.get("FETTLE_TEST_SEED", "1"))
        trouble = killed_search(fettle, write_job(folder, "killed"), os.path.join(folder, "killed"), kills, random.Random(seed), len(reference))
        tap.check(f"{kills} times kill -9 of the search or a worker: nothing lost, nothing run twice", trouble)
        if trouble is None:
            trouble = difference(reference, identity(trials_of(os.path.join(folder, "killed"))))
        if trouble is None and fronts(os.path.join(folder, "one")) != fronts(os.path.join(folder, "killed")):
            trouble = f"front: {fronts(os.path.join(folder, 'one'))} against {fronts(os.path.join(folder, 'killed'))}"
        tap.check("the killed search gives the same trials and the same front", trouble)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
