#!/bin/sh
# Shell, Python, C and C++ as shellcheck, ruff and clang-format want them, and every text as
# .editorconfig says; each is first shown a fault that it must find. Rust's lints are in the
# Makefile, the types of the Python package in tests/python.sh, mcs's warnings in tests/csharp.sh.
#
#     tests/lint/run.sh [--fix]   with --fix it mends what ruff and clang-format can
set -eu

cd "$(dirname "$0")/../.."
. tests/shell.sh
me=lint
here=tests/lint
tools=$target/lint
environment_of "$tools" $here/requirements.txt
PATH=$tools/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each language: its files, one a line, and what finds faults in those that are given.
listed() { # pattern ...: what git has, or would take
    git ls-files --cached --others --exclude-standard -- "$@"
}
shell_files() { { git grep --untracked -lE '^#!.*sh$' -- ':!*.md' && listed '*.sh'; } | sort -u; }
shell_check() { shellcheck -x -P SCRIPTDIR:. "$@"; } # sourced from beside, or from here
c_files() { listed '*.c' '*.h' '*.cpp' '*.hpp' ':!include/agw.h'; } # which is generated
c_check() { clang-format --style=file:.clang-format --dry-run -Werror "$@"; }
python_files() { listed '*.py' ':!bindings/python' ':!bindings/simulator'; }
python_check() { ruff check -q --no-cache --config $here/ruff.toml "$@"; }
package_files() { listed 'bindings/python/*.py' 'bindings/simulator/*.py'; } # as they configure
package_check() { ruff check -q --no-cache "$@" && ruff format -q --no-cache --check "$@"; }
text_files() { # but for bytes as others send them
    listed . ':!tests/fuzz/seeds' ':!tests/abi/*.abi' ':!tests/corpus/files'
}
text_check() {
    good=0
    grep -nIP '[ \t\r]$' "$@" && good=1 # space at the end of a line
    grep -nIP '^ *\t' "$@" | grep -v '^Makefile:' && good=1 # a tab
    for file; do
        if [ -n "$(tail -c 1 "$file")" ]; then
            echo "$file: the last line has no end"
            good=1
        fi
    done
    return $good
}

if [ "${1-}" = --fix ]; then
    # shellcheck disable=SC2046 # lists of words
    {
        clang-format -i $(c_files)
        ruff check -q --no-cache --fix-only --config $here/ruff.toml $(python_files)
    }
fi

planted() { # what, file, line
    printf '%s\n' "$3" >"$work/$2"
    ! "$1_check" "$work/$2" >/dev/null 2>&1 || fail "in $2 nothing is found"
}
planted shell planted.sh 'cd /planted'
planted c planted.c 'int  planted;'
planted python planted.py 'import os'
planted package planted.py 'import os'
planted text planted.txt 'planted '
planted text planted.txt '	planted'

for what in shell c python package text; do
    files=$("${what}_files")
    # shellcheck disable=SC2086 # a list of words
    "${what}_check" $files
    # shellcheck disable=SC2086
    echo "lint: $what: $(printf '%s\n' $files | wc -l) files"
done
