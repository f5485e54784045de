#!/usr/bin/env bash
# Runs the blocks of clients/README.md against a gateway of its own: each must print what it streamed.
# A language whose tool or registry is missing is left out, and so is one for which no time is left.
# Arguments name some of them: Go Java TypeScript Rust.
set -euo pipefail
cd "$(dirname "$0")/.."

# So long each may take, with all that it downloads and compiles at first, and all of them.
SECONDS_EACH=300
SECONDS_IN_ALL=600
# What tools say of a registry that they cannot reach; programs say the same of a gateway, by its address.
UNREACHABLE='no such host|could not resolve|dial tcp|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|could not transfer|connection refused|connection timed out|network is unreachable|temporary failure in name resolution|proxyconnect|spurious network error'
declare -A TOOLS=([Go]=go [Java]=mvn [TypeScript]=npm [Rust]=cargo)
languages=("$@")
[ $# -gt 0 ] || languages=(Go Java TypeScript Rust)

folder=$(mktemp -d)
end() {
  [ -z "${gateway:-}" ] || { kill "$gateway" && wait "$gateway"; } 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT

# Four ports in a row are the gateway's, which asks nobody for them before.
port=$((20000 + RANDOM % 10000))
.venv/bin/conduit serve --data-dir "$folder" --http-port $((port + 9)) --grpc-port "$port" >"$folder/greeting" 2>&1 &
gateway=$!
for _ in $(seq 60); do
  grep -q "Ctrl-C" "$folder/greeting" && break
  kill -0 "$gateway" 2>/dev/null || break
  sleep 1
done
CONDUIT_API_KEY=$(grep -o 'condt_[A-Za-z0-9_-]*' "$folder/keys.toml" | head -1) || { cat "$folder/greeting"; exit 1; }
CONDUIT_ROUTER=127.0.0.1:$((port + 1))
export CONDUIT_API_KEY CONDUIT_ROUTER PATH="$PWD/.venv/bin:$PATH"

passed=0 failed=0 skipped=0
for language in "${languages[@]}"; do
  if ! command -v "${TOOLS[$language]}" >/dev/null; then
    echo "$language: left out, without ${TOOLS[$language]}"
    skipped=$((skipped + 1))
    continue
  fi
  block=$(awk -v head="## $language" '$0 == head { found = 1 } found && /^```$/ { exit } inside; found && /^```sh$/ { inside = 1 }' clients/README.md)
  left=$((SECONDS_IN_ALL - SECONDS))
  [ "$left" -lt "$SECONDS_EACH" ] || left=$SECONDS_EACH
  status=124
  [ "$left" -lt 1 ] || { status=0; timeout "$left" bash -euc "$block" >"$folder/out" 2>&1 || status=$?; }
  if [ "$status" -eq 0 ] && grep -q "Hello from $language!" "$folder/out"; then
    echo "$language: streams"
    passed=$((passed + 1))
  elif [ "$status" -eq 124 ]; then
    echo "$language: left out, as it takes too long here"
    skipped=$((skipped + 1))
  elif [ "$status" -ne 0 ] && kill -0 "$gateway" 2>/dev/null && grep -qiE "$UNREACHABLE" <(grep -vF "$CONDUIT_ROUTER" "$folder/out"); then
    echo "$language: left out, without its registry"
    skipped=$((skipped + 1))
  else
    echo "$language: FAILED"
    tail -30 "$folder/out"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
