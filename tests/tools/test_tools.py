#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check_tree.py finds each kind of offence in a small tree made for it; tools/install.sh says what it should, with programs that stand in for apt."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPDX = '// SPDX-License-Identifier: Apache-2.0\n'


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def check_tree(files):
    """What check_tree says of a git tree that holds these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            write(pathlib.Path(folder) / name, text)
        subprocess.run(['git', 'init', '-q', folder], check=True)
        subprocess.run(['git', '-C', folder, 'add', '.'], check=True)
        done = subprocess.run([sys.executable, ROOT / 'tools/check_tree.py', folder], capture_output=True, text=True)
        return done.returncode, done.stdout


GOOD = {
    'src/base/a.c': SPDX + '#include "base/a.h"\n\nint fet_a(void)\n{\n    return 1;\n}\n',
    'src/base/a.h': SPDX + '#ifndef FET_BASE_A_H\n#define FET_BASE_A_H\n\nint fet_a(void);\n\n#endif\n',
    'src/engine/e.h': SPDX + '#ifndef FET_ENGINE_E_H\n#define FET_ENGINE_E_H\n#endif\n',
    'tests/base/test_a.c': SPDX + '#include "base/a.h"\n',
}


def test_good_tree_passes():
    code, said = check_tree(GOOD)
    assert code == 0, said


def test_each_offence_is_found():
    body = GOOD['src/base/a.c']
    long_function = '\nint fet_b(void)\n{\n' + '    fet_a();\n' * 90 + '}\n'
    cases = [
        ('src/base/a.c', SPDX + '#include "engine/e.h"\n' + body, 'base may not include engine'),
        ('src/base/a.c', SPDX + '#include "engine/none.h"\n' + body, 'base may not include engine'),
        ('src/odd/a.c', body, 'not in the table'),
        ('src/base/a.c', body + 'void fet_c(char *s) { strcpy(s, ""); }\n', 'strcpy is not used here'),
        ('src/base/a.c', body + 'int fet_c(void) { return rand(); }\n', 'rand is not used here'),
        ('src/base/a.c', body + 'void *fet_c(void) { return malloc(1); }\n', 'malloc: the heap'),
        ('src/base/a.c', body.replace(SPDX, ''), 'no SPDX'),
        ('src/base/a.c', body + long_function, 'a function of 90 lines'),
        ('src/base/a.c', body + '/* */\n' * 900, 'the limit is 800'),
        ('src/base/a.h', GOOD['src/base/a.h'].replace('FET_BASE_A_H', 'A_H'), 'expected the header guard FET_BASE_A_H'),
        ('src/base/lonely.c', SPDX + 'int fet_lonely(void);\nint fet_lonely(void)\n{\n    return 1;\n}\n', 'src/base/lonely.c: no test'),
        ('docs/x.md', 'see ' + '/home' + '/someone/file\n', 'docs/x.md:1: a path of one machine'),
    ]
    for name, text, expected in cases:
        code, said = check_tree({**GOOD, name: text})
        assert code == 1 and expected in said, f'{expected!r} is missing in: {said}'


def test_words_in_comments_and_texts_are_no_calls():
    code, said = check_tree({**GOOD, 'src/base/a.c': GOOD['src/base/a.c'] + '/* strcpy(a, b) */\nconst char *fet_t = "malloc(1) rand()"; // gets(x)\n'})
    assert code == 0, said


def test_search_must_not_reach_the_engine_through_headers():
    files = {**GOOD, 'src/space/s.h': SPDX + '#ifndef FET_SPACE_S_H\n#define FET_SPACE_S_H\n#include "engine/e.h"\n#endif\n',
             'src/search/s.c': SPDX + '#include "space/s.h"\nint fet_s(void)\n{\n    return 1;\n}\n', 'tests/search/test_s.c': SPDX}
    code, said = check_tree(files)
    assert code == 1 and 'src/search/s.c: reaches engine/e.h' in said, said


def install(user, apt_script, dpkg_audit='', package='fettle-no-such-package', command=''):
    """tools/install.sh where `id -u` says `user` and apt-get is a script; (exit code, stdout, stderr, what apt-get was asked)."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder / 'tools/packages.list', f'build {package} {command}\n')
        shutil.copy(ROOT / 'tools/install.sh', folder / 'tools/install.sh')
        for program, script in {'id': f'echo {user}', 'apt-get': f'echo "$@" >>{folder}/asked\n{apt_script}', 'dpkg-query': 'exit 1',
                                'dpkg': f'printf "%s" "{dpkg_audit}"'}.items():
            write(folder / 'bin' / program, f'#!/bin/sh\n{script}\n')
            (folder / 'bin' / program).chmod(0o755)
        done = subprocess.run([folder / 'tools/install.sh', 'build'], capture_output=True, text=True,
                              env={**os.environ, 'PATH': f'{folder}/bin:{os.environ["PATH"]}', 'TMPDIR': name})
        asked = (folder / 'asked').read_text() if (folder / 'asked').exists() else ''
        return done.returncode, done.stdout, done.stderr, asked


def test_without_root_the_exact_command_is_printed():
    code, _, said, asked = install(1000, 'exit 0')
    assert code == 3 and 'apt-get install --no-install-recommends -y fettle-no-such-package' in said, said
    assert not asked, asked


def test_nothing_is_installed_where_the_command_is_there():
    code, out, said, asked = install(1000, 'exit 0', command='sh')
    assert (code, out, said, asked) == (0, '', '', ''), (code, out, said, asked)


def test_as_root_it_installs():
    code, _, said, asked = install(0, 'exit 0')
    assert code == 0, said
    assert 'install -y --no-install-recommends fettle-no-such-package' in asked, asked


def test_an_interrupted_installation_is_named():
    code, _, said, asked = install(0, 'exit 0', dpkg_audit='The following packages are only half configured')
    assert code == 1 and said.count('\n') == 1 and 'dpkg --configure -a' in said, said
    assert 'install' not in asked, asked


def test_a_failing_apt_gives_one_line():
    code, _, said, asked = install(0, 'case "$*" in *update*) exit 0;; esac; echo "E: Unable to locate package x"; exit 100')
    assert code == 1 and said.count('\n') == 1 and 'Unable to locate package x' in said, said
    assert 'update' in asked, 'fresh lists are tried before giving up'
    code, _, said, _ = install(0, 'echo "E: Could not get lock /var/lib/dpkg/lock-frontend"; exit 100')
    assert code == 1 and 'another package manager is running' in said, said


def main():
    tests = [(name, body) for name, body in globals().items() if name.startswith('test_')]
    failed = 0
    for number, (name, body) in enumerate(tests, 1):
        try:
            body()
            print(f'ok {number} - {name}')
        except AssertionError as error:
            failed += 1
            text = str(error).replace('\n', '\n# ')
            print(f'not ok {number} - {name}\n# {text}')
    print(f'1..{len(tests)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
