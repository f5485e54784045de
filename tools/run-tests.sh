#!/bin/sh
# Runs the tests with the pytest named first: those named after it, or else all of them, in two
# halves that run at the same time and take about as long. Fails if a half does.
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

half="tests/integration"
rest=""
for folder in $half; do rest="$rest --ignore=$folder"; done
log=$(mktemp)
slow="--durations=10 --durations-min=2"
# Words on purpose: folders, and options.
# shellcheck disable=SC2086
"$pytest" --quiet $slow $half >"$log" 2>&1 &
other=$!
# shellcheck disable=SC2086
"$pytest" --quiet $slow $rest tests
status=$?
wait "$other" || status=$?
cat "$log"
rm -f "$log"
exit "$status"
