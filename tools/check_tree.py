#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the tree to its rules: which module may include which, sizes of files and functions, calls we do not use, licence lines,
header guards, a test for each source file, no paths of one machine.   Usage: tools/check_tree.py [ROOT]; exit code 1 when a rule is broken."""
import pathlib
import re
import subprocess
import sys

# A module may include itself and what stands here. Lowest first; docs/architecture.md draws the same.
BELOW_SPACE = 'base tensor graph op kernel rewrite'
BELOW_RUN = BELOW_SPACE + ' format space engine estimate device data task search study'
MAY_INCLUDE = {
    'base': '',
    'tensor': 'base',
    'graph': 'base tensor',
    'op': 'base tensor graph',
    'kernel': 'base tensor graph op',
    'rewrite': 'base tensor graph op kernel',
    'format': BELOW_SPACE,
    'space': BELOW_SPACE,
    'engine': BELOW_SPACE,
    'estimate': BELOW_SPACE + ' space',
    'device': BELOW_SPACE + ' format engine space estimate',
    'data': 'base tensor',
    'task': BELOW_SPACE + ' engine data',
    'search': 'base space',
    'study': 'base space',
    'run': BELOW_RUN,
    'report': 'base space search study',
    'advise': BELOW_RUN + ' run',
    'cli': BELOW_RUN + ' run report advise',
}
# Not even through other headers: what keeps a strategy testable on closed-form functions.
NEVER_REACHED = {'search': 'engine device estimate', 'study': 'engine device estimate', 'space': 'engine device'}

FILE_WARN, FILE_STOP, FUNCTION_STOP = 500, 800, 80
BANNED = re.compile(r'\b(v?sprintf|strcpy|strcat|s?rand|atoi|atol|atof|alloca|gets|strtok)\s*\(')
HEAP = re.compile(r'\b(malloc|calloc|realloc|strn?dup|aligned_alloc|posix_memalign)\s*\(')
MACHINE_PATH = re.compile(r'(?<![\w.$}/])/(work|home|root)/[\w.]')
NEEDS_LICENCE = {'.c', '.h', '.def', '.py', '.sh', '.js', '.mjs', '.css', '.S'}
TEXT = NEEDS_LICENCE | {'.md', '.yaml', '.yml', '.json', '.build', '.bib', '.list', '.txt', ''}

problems, warnings = [], []


def problem(path, line, text):
    problems.append(f'{path}:{line}: {text}' if line else f'{path}: {text}')


def without_comments(text):
    """Comments and string contents blanked, line numbers kept."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def includes(text):
    for number, line in enumerate(text.split('\n'), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match:
            yield number, match.group(1)


def check_layers(root, path, text):
    module = path.parts[1]
    if module not in MAY_INCLUDE:
        return problem(path, 0, f'module "{module}" is not in the table of tools/check_tree.py')
    allowed = set(MAY_INCLUDE[module].split()) | {module}
    for number, name in includes(text):
        target = name.split('/')[0]
        if '/' not in name or target not in MAY_INCLUDE:
            if not (root / 'src' / name).exists() and '/' in name and (root / 'src' / target).exists():
                problem(path, number, f'includes "{name}", which does not exist')
        elif target not in allowed:
            problem(path, number, f'module {module} may not include {target} (allowed: {" ".join(sorted(allowed))})')


def reach(root, name, seen):
    path = root / 'src' / name
    if name not in seen and path.exists():
        seen.add(name)
        for _, inner in includes(path.read_text()):
            reach(root, inner, seen)


def check_reach(root, path, text):
    forbidden = NEVER_REACHED.get(path.parts[1], '').split()
    seen = set()
    for _, name in includes(text) if forbidden else ():
        reach(root, name, seen)
    for name in sorted(seen):
        if name.split('/')[0] in forbidden:
            problem(path, 0, f'reaches {name} through its headers; {path.parts[1]} must not know {" or ".join(forbidden)}')


def check_functions(path, text):
    start = 0
    for number, line in enumerate(text.split('\n'), 1):
        if line.startswith('{'):
            start = number
        elif line.startswith('}') and start:
            if number - start - 1 > FUNCTION_STOP:
                problem(path, start, f'a function of {number - start - 1} lines; the limit is {FUNCTION_STOP}')
            start = 0


def check_source(root, path, text):
    code = without_comments(text)
    in_src = path.parts[0] == 'src'
    for number, line in enumerate(code.split('\n'), 1):
        for match in BANNED.finditer(line):
            problem(path, number, f'{match.group(1)} is not used here')
        if in_src and path != pathlib.Path('src/base/alloc.c') and (match := HEAP.search(line)):
            problem(path, number, f'{match.group(1)}: the heap is reached through base/alloc.h alone')
    lines = text.count('\n')
    if lines > FILE_STOP:
        problem(path, 0, f'{lines} lines; the limit is {FILE_STOP}')
    elif lines > FILE_WARN:
        warnings.append(f'{path}: {lines} lines, look again at what it holds')
    check_functions(path, code)
    if path.suffix == '.h':
        guard = 'FET_' + re.sub(r'\W', '_', '/'.join(path.parts[1:] if in_src else path.parts)).upper()
        if f'#ifndef {guard}\n#define {guard}\n' not in text:
            problem(path, 0, f'expected the header guard {guard}')
    if in_src:
        check_layers(root, path, text)
        check_reach(root, path, text)


def check_tested(texts):
    """
    A test names each source file, its header or something it defines, or a tested file uses it: one of its own module; for `run`, a command (it is
    tested by running the program); for `base`, any.
    """
    tests = '\n'.join(f'{path.stem}\n{text}' for path, text in texts.items() if path.parts[0] == 'tests' and path.suffix in {'.c', '.h', '.py', '.mjs'})
    cli_tests = '\n'.join(text for path, text in texts.items() if path.parts[:2] == ('tests', 'cli'))
    sources = {path: without_comments(text) for path, text in texts.items() if path.parts[0] == 'src' and path.suffix == '.c'}
    names = re.compile(r'^(?!static\b)\w[\w \t*]*?\b(\w+)(?=\(|\[| = \{)|^#define \w+ (fet_\w+)$', flags=re.M)
    defined = {path: {one or other for one, other in names.findall(code)} for path, code in sources.items()}
    words = set(re.findall(r'\w+', tests))
    tested = set()
    for path in sources:
        # What hides behind a macro's table is named in the head comment of its test: "op/pool.c".
        place = '/'.join(path.parts[1:])
        named = f'test_{path.stem}' in words or place in tests or place[:-2] + '.h' in tests or defined[path] & words
        # A command is tested by running it: "fettle search" has "search" among a test's arguments.
        if named or path.stem.startswith('cmd_') and f'"{path.stem[4:]}"' in cli_tests:
            tested.add(path)
    reached = set(tested)
    while reached:
        used = {}
        for path in reached:
            module = path.parts[1]
            for word in re.findall(r'\w+', sources[path]):
                used.setdefault(word, set()).update({module, 'base', 'run' if module == 'cli' else module})
        reached = {path for path in sources.keys() - tested if any(path.parts[1] in used.get(name, ()) for name in defined[path])}
        tested |= reached
    for path in sorted(sources.keys() - tested):
        problem(path, 0, 'no test under tests/ names it, its header or anything it defines, nor the file it serves')


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    listed = subprocess.run(['git', '-C', root, 'ls-files'], capture_output=True, text=True, check=True).stdout.split('\n')
    paths = [pathlib.Path(name) for name in listed if name and (root / name).is_file()]
    texts = {path: (root / path).read_text(errors='replace') for path in paths if path.suffix in TEXT and path.name != 'package-lock.json'}
    for path, text in texts.items():
        if path.suffix in NEEDS_LICENCE and 'SPDX-License-Identifier: Apache-2.0' not in '\n'.join(text.split('\n')[:3]):
            problem(path, 1, 'no SPDX-License-Identifier line')
        for number, line in enumerate(text.split('\n'), 1):
            if path.name != 'check_tree.py' and MACHINE_PATH.search(line):
                problem(path, number, 'a path of one machine')
        if path.suffix in {'.c', '.h'}:
            check_source(root, path, text)
    check_tested(texts)
    for line in warnings:
        print('warning:', line)
    for line in problems:
        print(line)
    print(f'check_tree: {len(texts)} files, {len(problems)} problems, {len(warnings)} warnings')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
