#!/bin/sh
# Lists what is installed to run Conduit, and nothing else, as CycloneDX: name, version, licence and where it is from.
# usage: tools/sbom.sh PYTHON FOLDER FILE
set -eu
python=$1 folder=$2 file=$3
if [ ! -e "$folder/installed" ]; then
  "$python" -m venv "$folder/tool"
  "$folder/tool/bin/python" -m pip install --disable-pip-version-check --quiet cyclonedx-bom==7.5.0
  touch "$folder/installed"
fi
# Anew each time: what a release has is what the lock has.
rm -rf "$folder/runtime"
"$python" -m venv --without-pip "$folder/runtime"
pip() { "$folder/tool/bin/python" -m pip --disable-pip-version-check --quiet --python "$folder/runtime/bin/python" "$@"; }
pip install --require-hashes --no-deps -r deploy/requirements.txt
pip install --no-deps .
"$folder/tool/bin/cyclonedx-py" environment --pyproject pyproject.toml --mc-type application --output-reproducible \
  --of JSON --validate -o "$file" "$folder/runtime/bin/python"
