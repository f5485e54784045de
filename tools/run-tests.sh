#!/bin/sh
# Runs the tests with the pytest named first: those named after it, or else all that are not slow, or
# with `slow` those that are, in parts, four at a time: they wait half of their time. Fails if a part does.
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
if [ $# -gt 0 ] && [ "$1" != slow ]; then
  "$pytest" --quiet "$@"
  exit
fi

whole=tests/integration
logs=$(mktemp -d)
options="--quiet --durations=10 --durations-min=2"
# A part a line, the longest first; of those that are not slow, `services` and `rest` are all that no
# other names, so that new folders are run, too.
if [ "${1:-}" = slow ]; then
  which=slow
  cat >"$logs/parts" <<PARTS
disks tests/faults
gateways $whole/cli tests/attacks
document tests/conformance/test_document.py
nonsense $whole/suite/test_fuzz.py $whole/suite/test_inbound_fuzz.py
batches $whole/suite/test_provider_batches.py
PARTS
else
  which="not slow"
  cat >"$logs/parts" <<PARTS
services $whole --ignore=$whole/suite --ignore=$whole/cli --ignore=$whole/router --ignore=$whole/bridge
suite-1 $(echo $whole/suite/test_[a-l]*.py)
suite-2 $(echo $whole/suite/test_[!a-l]*.py)
faults tests/faults
modules tests/unit/conduit_kernel tests/unit/conduit_router
router $whole/router $whole/bridge
rest tests --ignore=$whole --ignore=tests/faults --ignore=tests/wire --ignore=tests/conformance --ignore=tests/unit/conduit_kernel --ignore=tests/unit/conduit_router --ignore=tests/unit/conduit_providers
conformance tests/conformance
wire tests/wire
providers tests/unit/conduit_providers
commands $whole/cli
PARTS
fi
export pytest logs options which
# Options and paths are words on purpose.
# shellcheck disable=SC2016
run='name=$1; shift
"$pytest" $options -m "$which" -o cache_dir="$logs/cache-$name" "$@" >"$logs/$name" 2>&1 ||
  echo "$name" >>"$logs/failed"'
xargs -P 4 -L 1 sh -c "$run" run-part <"$logs/parts"

status=0
while read -r name _; do
  echo "== $name"
  cat "$logs/$name"
done <"$logs/parts"
# What few tests of a part fail while all others run is tried once more, alone: a machine too busy
# for a test is told from a fault, and both are shown.
for name in $(cat "$logs/failed" 2>/dev/null); do
  failures=$(grep -c -E '^(FAILED|ERROR) ' "$logs/$name")
  if [ "$failures" -eq 0 ] || [ "$failures" -gt 5 ]; then
    status=1
    continue
  fi
  echo "== $name: $failures failed beside the others; alone:"
  # shellcheck disable=SC2086
  "$pytest" $options -m "$which" -o cache_dir="$logs/cache-$name" --last-failed --last-failed-no-failures=none \
    $(sed -n "s/^$name //p" "$logs/parts") || status=1
done
rm -rf "$logs"
exit "$status"
