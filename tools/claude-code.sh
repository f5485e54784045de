#!/bin/sh
# Installs Claude Code, which tests/conformance/test_claude_code.py runs offline against Conduit.
# usage: tools/claude-code.sh FOLDER
set -eu
folder=$1
[ -e "$folder/installed" ] && exit
mkdir -p "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" @anthropic-ai/claude-code@2
touch "$folder/installed"
