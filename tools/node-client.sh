#!/bin/sh
# Installs OpenAI's client for Node, and the Node that it needs, which tests/conformance/test_node_client.py
# runs. An older Node would have an older client installed, without a word.
# usage: tools/node-client.sh FOLDER
set -eu
folder=$1
[ -e "$folder/installed" ] && exit
mkdir -p "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" node@22
PATH="$(cd "$folder" && pwd)/node_modules/.bin:$PATH" \
  npm install --silent --no-fund --no-audit --prefix "$folder" openai@7 ws@8
touch "$folder/installed"
