"""Writes the documentation site into the bridge's package.

    python -m tools.documentation            make it, with what `make docs` installs for it
    python -m tools.documentation --check    make it there alone: broken links fail

What is made is not committed: it would differ with every page that changes.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import brotli
from tools.documentation.contract_pages import read_contract
from tools.documentation.pages import guides, navigation, reference

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "documentation"
GENERATOR = WORK / "generator"
TARGET = ROOT / "services" / "conduit_bridge" / "documentation" / "site"
# A picture of a few hundred bytes is smaller as it is.
WORTHWHILE_BYTES = 1400
# Source maps, and stemmers of languages that the site is not in.
_UNUSED = ("**/*.map", "assets/javascripts/lunr/**/*", "sitemap.xml*")
# The policy of the pages forbids styles within them.
_ALIGNED = re.compile(r' style="text-align: (left|right|center);"')
_SETTINGS: Mapping[str, object] = {
    "site_name": "Conduit",
    "docs_dir": "source",
    "site_dir": "site",
    "use_directory_urls": False,
    "theme": {
        "name": "material",
        # Nothing is fetched from elsewhere.
        "font": False,
        "features": ["navigation.prune", "navigation.top", "content.code.copy", "search.highlight"],
        "palette": [
            {
                "media": "(prefers-color-scheme: light)",
                "scheme": "default",
                "toggle": {"icon": "material/weather-night", "name": "Dark"},
            },
            {
                "media": "(prefers-color-scheme: dark)",
                "scheme": "slate",
                "toggle": {"icon": "material/weather-sunny", "name": "Light"},
            },
        ],
    },
    "plugins": ["search"],
    "markdown_extensions": [
        "pymdownx.highlight",
        "pymdownx.superfences",
        {"toc": {"permalink": True}},
    ],
    "validation": {
        "nav": {"not_found": "warn"},
        "links": {"not_found": "warn", "anchors": "warn", "unrecognized_links": "warn"},
    },
    "not_in_nav": "reference/messages/",
}


def stage() -> None:
    """Gather the pages, and what the generator is to do with them."""
    source = WORK / "source"
    shutil.rmtree(source, ignore_errors=True)
    image = WORK / "contract.binpb"
    WORK.mkdir(parents=True, exist_ok=True)
    _run(Path(sys.executable).with_name("buf"), "build", "--as-file-descriptor-set", "-o", image)
    contract = read_contract(image)
    written = guides(ROOT)
    for path, text in {**written, **reference(contract, written)}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text, "utf-8")
    settings = {**_SETTINGS, "nav": navigation(written, contract)}
    # YAML is a superset of it.
    (WORK / "mkdocs.yml").write_text(json.dumps(settings, indent=2))


def build() -> Path:
    """Have the generator write the site; return where. A link that leads nowhere is an error."""
    _run(GENERATOR / "bin" / "mkdocs", "build", "--strict", "-f", WORK / "mkdocs.yml")
    site = WORK / "site"
    for pattern in _UNUSED:
        for path in site.glob(pattern):
            if path.is_file():
                path.unlink()
    for path in site.rglob("*.html"):
        path.write_text(_ALIGNED.sub(r' align="\1"', path.read_text("utf-8")), "utf-8")
    for path in GENERATOR.glob("lib/*/site-packages/mkdocs_material-*.dist-info/licenses/LICENSE"):
        shutil.copyfile(path, site / "assets" / "LICENSE.txt")
    return site


def pack(site: Path, target: Path) -> None:
    """Put the site in the place of what is in a folder, in all forms that browsers take."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(site, target)
    for path in [each for each in target.rglob("*") if each.is_file()]:
        body = path.read_bytes()
        if len(body) >= WORTHWHILE_BYTES and path.suffix != ".png":
            Path(f"{path}.gz").write_bytes(gzip.compress(body, 9, mtime=0))
            Path(f"{path}.br").write_bytes(brotli.compress(body, quality=11))


def _run(*words: object) -> None:
    # The generator's makers ask to be told of their successor.
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([*map(str, words)], cwd=ROOT, env=quiet, check=True)  # noqa: S603 # our own


def main() -> None:
    """Make the site, and serve it from then on unless it was only checked."""
    stage()
    site = build()
    if "--check" not in sys.argv:
        pack(site, TARGET)


if __name__ == "__main__":
    main()
