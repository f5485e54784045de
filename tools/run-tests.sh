#!/bin/sh
# Runs the tests with the pytest named first: those named after it, or else all of them, in two
# halves that run at the same time and take about as long. Fails if a half does.
pytest=$1
shift
[ $# -eq 0 ] || exec "$pytest" --quiet "$@"

half="tests/integration tests/faults"
rest=""
for folder in $half; do rest="$rest --ignore=$folder"; done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Words on purpose: folders, and options.
# shellcheck disable=SC2086
"$pytest" --quiet $half >"$log" 2>&1 &
other=$!
# shellcheck disable=SC2086
"$pytest" --quiet $rest tests
status=$?
wait "$other" || status=$?
cat "$log"
exit "$status"
