#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test of a build folder and the checks of the tree, counts the cases of each program, and ends with one plain line:
N passed, N failed, N skipped.   Usage: tools/run_tests.py BUILD [--full]
--full (what .ci/run asks for) also builds with clang and -Werror under ASan and UBSan and runs the tests there, but those of suites "slow" and "again"."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
SANITIZED = 'build-ci-clang'
# Two tests run at a time, so no moment is calm: waiting for one would be in vain.
DEFAULTS = {'FETTLE_SHARED': str(ROOT.parent / 'shared'), 'FETTLE_PATIENCE': '0'}
SANITIZER_OPTIONS = ['-Db_sanitize=address,undefined', '-Db_lundef=false', '-Dbuildtype=debug', '-Darena_debug=true', '--werror']


class Count:
    passed = failed = skipped = 0

    def __init__(self):
        self.names = []  # of what failed

    def add(self, passed, failed, skipped=0, name=''):
        self.passed, self.failed, self.skipped = self.passed + passed, self.failed + failed, self.skipped + skipped
        if failed:
            self.names.append(name)


def say(text):
    print(text, flush=True)


def run(*command, **environment):
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL).returncode


def check(count, what, *command, **environment):
    """One command as one case."""
    start = time.monotonic()
    ok = run(*command, **environment) == 0
    say(f'{"ok" if ok else "FAILED"}: {what} ({time.monotonic() - start:.0f} s)')
    count.add(ok, not ok, name=what)
    return ok


def count_program(suites, name):
    """(passed, failed, skipped) cases of one program, from the JUnit file; a program that is not TAP is one case."""
    passed = failed = skipped = 0
    for case in suites.get(name, []):
        if case.find('skipped') is not None:
            skipped += 1
        elif case.find('failure') is not None or case.find('error') is not None:
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped


def first_failure(result):
    """What a reader of the last lines alone must know of a program that failed: how it ended, its first case that failed, what it said last."""
    lines = result.get('stdout', '').splitlines()
    at = next((k for k, line in enumerate(lines) if line.startswith('not ok') and '# SKIP' not in line), len(lines))
    said = [line for line in result.get('stderr', '').splitlines() if line.strip()]
    return ' | '.join([f'{result["result"]} after {result.get("duration", 0):.0f} s', *lines[at:at + 4], *said[-4:]])


def meson_test(count, build, *options, **environment):
    logs = ROOT / build / 'meson-logs'
    for name in ('testlog-tap_skip.sh.json', 'testlog-tap_skip.sh.junit.xml'):
        (logs / name).unlink(missing_ok=True)
    code = run('meson', 'test', '-C', build, '--no-rebuild', '--print-errorlogs', '--timeout-multiplier', '3',
               '--wrapper', str(ROOT / 'tools/tap_skip.sh'), *options, **{**DEFAULTS, **os.environ, **environment})
    try:
        results = [json.loads(line) for line in (logs / 'testlog-tap_skip.sh.json').read_text().splitlines()]
        suites = {}
        for suite in xml.parse(logs / 'testlog-tap_skip.sh.junit.xml').getroot():
            # TAP programs have a suite of their own, "project.name"; the others are cases of "project".
            for case in suite.iter('testcase'):
                tap = suite.get('name', '').count('.') and suite.get('name').split('.')[-1]
                suites.setdefault(tap or case.get('name'), []).append(case)
    except (OSError, ValueError, xml.ParseError) as error:
        say(f'FAILED: meson test in {build} gave no results: {error}')
        return count.add(0, 1, name=build)
    any_failed = False
    for result in results:
        name = result['name'].split(' / ')[-1].split(':')[-1].strip()
        passed, failed, skipped = count_program(suites, name)
        if result['result'] not in ('OK', 'SKIP', 'EXPECTEDFAIL') and not failed:
            failed = 1  # a crash or a timeout leaves its last case without a line of its own
        if result['result'] == 'SKIP' and not skipped:
            skipped = 1
        if not passed + failed + skipped:
            passed = 1
        any_failed |= failed > 0
        count.add(passed, failed, skipped, f'{build}: {name}: {first_failure(result)}')
    if code != 0 and not any_failed:
        say(f'FAILED: meson test in {build} exited with {code}')
        count.add(0, 1, name=build)


def sources():
    listed = subprocess.run(['git', 'ls-files', 'src/*.[ch]', 'tests/*.[ch]', 'bench/*.[ch]'], cwd=ROOT, capture_output=True, text=True)
    return [name for name in listed.stdout.split() if (ROOT / name).is_file()]


def check_format(count):
    """One line a file, as clang-format's own output names every blank."""
    def is_formatted(*names):
        return subprocess.run(['clang-format', '--dry-run', '-Werror', *names], cwd=ROOT, capture_output=True).returncode == 0
    unformatted = [] if is_formatted(*sources()) else [name for name in sources() if not is_formatted(name)]
    for name in unformatted:
        say(f'{name}: not as clang-format has it; make format mends it')
    count.add(not unformatted, bool(unformatted), name='clang-format')


class SanitizedBuild:
    """Made beside the other tests, of which many wait (for a time limit, a killed process, a worker): a compiler that gives way takes what they leave."""

    def __init__(self, count):
        compiler = {'CC': 'clang', **({'CC_LD': 'lld'} if shutil.which('ld.lld') else {})}  # half a second less a program, of 170
        self.start, self.process = time.monotonic(), None
        if (ROOT / SANITIZED / 'build.ninja').exists() or check(count, 'meson setup with clang, -Werror, ASan and UBSan', 'meson', 'setup', SANITIZED,
                                                               *SANITIZER_OPTIONS, **compiler):
            self.output = tempfile.TemporaryFile('w+')
            self.process = subprocess.Popen(['nice', '-n', '15', 'ninja', '-C', SANITIZED, '--quiet'], cwd=ROOT, stdin=subprocess.DEVNULL,
                                            stdout=self.output, stderr=subprocess.STDOUT)

    def finish(self, count):
        """True when everything is built."""
        if not self.process:
            return False
        ok = self.process.wait() == 0
        self.output.seek(0)
        sys.stdout.write(self.output.read())
        say(f'{"ok" if ok else "FAILED"}: build with clang, -Werror, ASan and UBSan (there after {time.monotonic() - self.start:.0f} s)')
        count.add(ok, not ok, name='build with clang, -Werror, ASan and UBSan')
        return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build')
    parser.add_argument('--full', action='store_true')
    arguments = parser.parse_args()
    count, start = Count(), time.monotonic()
    check(count, 'rules of the tree', 'tools/check_tree.py')
    check_format(count)
    sanitized = SanitizedBuild(count) if arguments.full else None
    meson_test(count, arguments.build, OMP_NUM_THREADS='1')
    if sanitized and sanitized.finish(count):
        meson_test(count, SANITIZED, '--no-suite', 'slow', '--no-suite', 'again', UBSAN_OPTIONS='halt_on_error=1:print_stacktrace=1', OMP_NUM_THREADS='1')
    say(f'{time.monotonic() - start:.0f} s')
    for name in count.names:
        say(f'FAILED: {name}')
    say(f'{count.passed} passed, {count.failed} failed, {count.skipped} skipped')
    return 1 if count.failed or not count.passed else 0


if __name__ == '__main__':
    sys.exit(main())
