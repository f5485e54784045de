#!/bin/sh
# Installs the engines that tests/conformance/test_sound_engines.py speaks and hears with, apart from
# all that Conduit needs.
# usage: tools/sound-engines.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
[ -e "$folder/installed" ] && exit
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet \
  espeakng-loader==0.2.4 pocketsphinx==5.1.1 soundfile==0.14.0
touch "$folder/installed"
