#!/bin/sh
# Makes FOLDER, a Python that has all of .venv and the extras of key services besides: what .venv has, and with it
# what types are checked against, stays as it is.
# usage: tools/key-services.sh VENV FOLDER
set -eu
venv=$1 folder=$2
[ -e "$folder/installed" ] && exit
"$venv/bin/python" -m venv "$folder"
"$folder/bin/python" - "$venv" <<'END'
import pathlib, site, sys
[packages] = pathlib.Path(sys.argv[1]).resolve().glob("lib/python3*/site-packages")
own = pathlib.Path(site.getsitepackages()[0])
(own / "conduit-venv.pth").write_text(f"import site; site.addsitedir({str(packages)!r})\n")
END
"$folder/bin/python" -c '
import tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
print(*(each for name in ("google-kms", "azure-key-vault") for each in extras[name]), sep="\n")
' >"$folder/requirements.txt"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$folder/requirements.txt"
touch "$folder/installed"
