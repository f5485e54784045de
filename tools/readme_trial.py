"""Runs every command of README.md against a gateway, as who copies and pastes them.

    python -m tools.readme_trial    in a fresh clone of HEAD that `make serve` installs and serves

What README cuts short or leaves open is put in: keys, and ports where others are taken.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SECONDS = 60
LAST_LINE = "Ctrl-C stops it."
# A refusal is a failure of the command, and shown.
CURL_SETTINGS = "fail-with-body\nsilent\nshow-error\nmax-time = 20\n"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to paste: commands of a shell, or a program in Python."""

    language: str
    code: str

    @property
    def serves(self) -> bool:
        """Commands of make start what the others need."""
        return self.code.startswith("make ")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with `.venv` and `.conduit`, and the gateway that is served there."""

    folder: Path
    url: str
    router: str
    virtual_key: str
    master_key: str


def snippets(text: str) -> list[Snippet]:
    """Return what a page has to paste, in its order; within its sentences that is curl alone."""
    found = re.findall(
        r"^```(sh|python)\n(.*?)^```$|`(curl [^`]+)`", text, re.DOTALL | re.MULTILINE
    )
    return [Snippet(language or "sh", code or curl) for language, code, curl in found]


def filled(code: str, place: Place) -> str:
    """Return code for the gateway of a place."""
    # Also of addresses that begin with ws.
    code = code.replace("127.0.0.1:8080", place.url.removeprefix("http://"))
    code = code.replace("127.0.0.1:50052", place.router)
    return re.sub(r"condt_(?:\w*…|\.\.\.)", place.virtual_key, code)


def run(snippet: Snippet, place: Place) -> subprocess.CompletedProcess[str]:
    """Run what was pasted, in the place's folder."""
    code = filled(snippet.code, place)
    settings = place.folder / ".curlrc"
    settings.write_text(CURL_SETTINGS, "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONDUIT_")}
    words = ["sh", "-euc"] if snippet.language == "sh" else [".venv/bin/python", "-c"]
    return subprocess.run(  # noqa: S603 # what our own README says
        [*words, code],
        cwd=place.folder,
        env={
            **kept,
            "CURL_HOME": str(place.folder),
            "MASTER_KEY": place.master_key,
            # Guides say `conduit`, as who has it installed.
            "PATH": f"{place.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def place_of(greeting: str, folder: Path) -> Place:
    """Return where a gateway is that has just greeted its user for the first time."""
    patterns = {
        "url": r"is ready at (\S+)",
        "router": r"router ([\d.:]+)",
        "virtual_key": r"Bearer (condt_[\w-]+)",
        "master_key": r"master key +(\S+)",
    }
    found = {name: re.search(pattern, greeting) for name, pattern in patterns.items()}
    return Place(folder, **{name: match[1] for name, match in found.items() if match})


@contextmanager
def served_clone(folder: Path) -> Iterator[Place]:
    """Serve a fresh clone by the first of README's two commands, at ports that are free."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)  # noqa: S603, S607 # our own
    with (folder / "serve.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["make", "serve", "ARGS=--http-port 0 --grpc-port 0 --show-keys"],  # noqa: S607 # of the machine
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            yield place_of(_greeting(process.stdout), folder)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=SECONDS)


def _greeting(lines: IO[str] | None) -> str:
    said = ""
    for line in lines or ():
        said += line
        if line.strip().endswith(LAST_LINE):
            return said
    raise SystemExit(f"make serve ended without being ready:\n{said}")


def main() -> int:
    """Say of each command whether it did what it should; return 1 if one did not."""
    failed = 0
    with served_clone(ROOT / "build" / "readme") as place:
        # README names it in a sentence.
        install = Snippet("sh", ".venv/bin/python -m pip install --quiet openai")
        for snippet in [install, *snippets(README.read_text("utf-8"))]:
            if snippet.serves:
                continue
            done = run(snippet, place)
            failed += done.returncode != 0
            print("ok    " if done.returncode == 0 else "FAILED", snippet.code.split("\n")[0])
            if done.returncode:
                print(done.stdout, done.stderr)
    print(f"{failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
