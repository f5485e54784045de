#!/bin/sh
# Installs the clients of docs/clients.md, in the versions of tools/clients, which
# tests/conformance/test_clients.py runs. aider has an environment of its own, as it pins what others need newer.
# usage: tools/clients.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
[ -e "$folder/installed" ] && exit
mkdir -p "$folder/node"
"$python" -m venv "$folder/python"
"$folder/python/bin/python" -m pip --disable-pip-version-check --quiet install -r tools/clients/libraries.txt
"$python" -m venv "$folder/aider"
"$folder/aider/bin/python" -m pip --disable-pip-version-check --quiet install -r tools/clients/aider.txt ||
  echo "aider cannot be installed for this Python: it is not tried."
cp tools/clients/package.json tools/clients/package-lock.json "$folder/node"
npm ci --silent --no-fund --no-audit --prefix "$folder/node"
touch "$folder/installed"
