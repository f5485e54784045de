#!/bin/sh
# Installs moto's server, an emulator of AWS, which tests/conformance/test_aws_kms.py and test_s3_backups.py ask, apart from all that
# Conduit needs.
# usage: tools/moto.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
[ -e "$folder/installed" ] && exit
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet "moto[server,kms,s3]==5.2.5"
touch "$folder/installed"
