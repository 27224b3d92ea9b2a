#!/bin/sh
# Stands in for cargo where a tool or a script is told by CARGO which cargo to call: what is built
# carries the list of its dependencies.
set -eu
unset CARGO
exec cargo auditable "$@"
