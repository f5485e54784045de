#!/bin/sh
# Installs Codex, which tests/conformance/test_codex.py runs offline against Conduit.
# usage: tools/codex.sh FOLDER
set -eu
folder=$1
[ -e "$folder/installed" ] && exit
mkdir -p "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @openai/codex@0.171
touch "$folder/installed"
