#!/bin/sh
# Installs what tests/console drives a browser with: Playwright apart, axe with the console's own modules, and
# Chromium, where the system has none and may be given it.
# usage: tools/console-tests.sh PYTHON FOLDER
set -eu
python=$1 folder=$2
if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "There is no Chromium here, and nobody may install it: apt-get install chromium."
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null
fi
npm ci --silent --no-fund --no-audit --prefix console
[ -e "$folder/installed" ] && exit
mkdir -p "$folder"
"$python" -m pip --disable-pip-version-check --quiet install --target "$folder/python" playwright==1.65.2
touch "$folder/installed"
