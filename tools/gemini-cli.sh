#!/bin/sh
# Installs Gemini CLI, which tests/conformance/test_gemini_cli.py runs offline against Conduit.
# usage: tools/gemini-cli.sh FOLDER
set -eu
folder=$1
[ -e "$folder/installed" ] && exit
mkdir -p "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @google/gemini-cli@0.61
touch "$folder/installed"
