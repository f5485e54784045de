#!/bin/sh
# Installs oidc-provider, a provider of OpenID Connect, which tests/conformance/test_oidc_provider.py logs in at.
# usage: tools/oidc-provider.sh FOLDER
set -eu
folder=$1
[ -e "$folder/installed" ] && exit
mkdir -p "$folder"
npm install --silent --no-fund --no-audit --prefix "$folder" oidc-provider@9.13.3
touch "$folder/installed"
