#!/bin/sh
# Runs the tests with the pytest named first: those named after it, or else all of them, in three
# parts that run at the same time and take about as long. Fails if a part does.
pytest=$1
shift

# What tests write is worth nothing afterwards: in memory it waits for no disk.
memory=/dev/shm
if [ -z "${TMPDIR:-}" ] && [ -w "$memory" ]; then
  free=$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')
  if [ "${free:-0}" -gt 4000000 ]; then
    TMPDIR=$(mktemp -d "$memory/ct.XXXXXX")
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
  fi
fi
if [ $# -gt 0 ]; then
  "$pytest" --quiet "$@"
  exit
fi

# Whole gateways, which mostly wait; modules by themselves; and the rest, where new folders are.
gateways=tests/integration
modules=tests/unit
logs=$(mktemp -d)
slow="--durations=10 --durations-min=2"
# Options, as words on purpose.
# shellcheck disable=SC2086
"$pytest" --quiet $slow "$gateways" >"$logs/gateways" 2>&1 &
first=$!
# shellcheck disable=SC2086
"$pytest" --quiet $slow "$modules" >"$logs/modules" 2>&1 &
second=$!
# shellcheck disable=SC2086
"$pytest" --quiet $slow --ignore="$gateways" --ignore="$modules" tests
status=$?
wait "$first" || status=$?
wait "$second" || status=$?
cat "$logs/modules" "$logs/gateways"
rm -rf "$logs"
exit "$status"
