#!/bin/sh
# Links for the target that $AGW_LINKER is for. ld sorts the import table by the names of the files
# it comes from: below the build folder they are told without the folder, wherever that stands.
set -eu

cd "$AGW_BUILD"
for argument; do
    shift
    set -- "$@" "${argument#"$AGW_BUILD"/}"
done
exec "$AGW_LINKER" "$@"
