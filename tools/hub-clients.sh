#!/bin/sh
# Installs the SignalR clients that tests/conformance/test_signalr_clients.py runs, each apart from
# all others: they want versions of libraries that ours do not bear.
# usage: tools/hub-clients.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
mkdir -p "$folder/node"
npm install --silent --no-fund --no-audit --prefix "$folder/node" @microsoft/signalr@10
for client in signalrcore==1.0.2 pysignalr==1.3.3; do
  "$python" -m venv "$folder/${client%%=*}"
  "$folder/${client%%=*}/bin/python" -m pip install --disable-pip-version-check --quiet "$client"
done
