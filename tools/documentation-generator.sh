#!/bin/sh
# Installs what makes the documentation site, apart from what Conduit needs.
# usage: tools/documentation-generator.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
needs=tools/documentation/requirements.txt
cmp -s "$needs" "$folder/requirements.txt" && exit
"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps -r "$needs"
cp "$needs" "$folder/requirements.txt"
