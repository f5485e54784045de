"""What `conduit serve` says once it is ready."""

import shlex
from pathlib import Path

from conduit_cli.keys import ENCRYPTION, MASTER
from conduit_cli.layout import DATA_DIR, Layout, is_loopback

_CURL = """\
  curl {url}/v1/chat/completions \\
    -H "Authorization: Bearer {key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"model": "echo", "messages": [{{"role": "user", "content": "Hello, Conduit!"}}]}}'
"""
_IN_CLEAR = """\
Others can reach these ports, where keys and contents travel in clear: let a proxy before them speak
TLS, as docs/operating.md says.
"""
# What each is called, in one width, and what it is for.
_MEANINGS = {
    MASTER: ("master key      ", "opens /api, sent as X-Master-Key"),
    ENCRYPTION: (
        "encryption key  ",
        "keep a copy: without it, stored provider keys cannot be read any more",
    ),
}
_UNSHOWN = """\
What is printed here may be kept as a log, so they are not: read them in the file, or have a first
start show them by --show-keys.
"""


def greeting(
    layout: Layout,
    *,
    version: str,
    seconds: float,
    made_keys: dict[str, str],
    new_virtual_key: str,
    key_file: Path,
    has_virtual_key: bool,
    command: str,
    shows_keys: bool,
) -> str:
    """Return the text; secrets only those that were made now, where they may be shown."""
    # Otherwise another gateway, whose data are in this folder, would be asked.
    is_elsewhere = layout.data_dir != DATA_DIR
    where = f"--data-dir {shlex.quote(str(layout.data_dir))} " if is_elsewhere else ""
    parts = [f"Conduit {version} is ready at {layout.url} ({seconds:.1f} s)\n"]
    if made_keys:
        parts += _made(made_keys, key_file, shows_keys=shows_keys)
    if new_virtual_key and shows_keys:
        parts.append("Try it; a simulated provider answers, no account needed:\n")
        parts.append(_CURL.format(url=layout.url, key=new_virtual_key))
        parts.append(f'  {command} chat {where}"hello"\n')
    elif has_virtual_key:
        parts.append("Try it:\n")
        found = f"sed -n 's/^virtual_key = \"\\(.*\\)\"/\\1/p' {shlex.quote(str(key_file))}"
        parts.append(f"  export CONDUIT_API_KEY=$({found})")
        parts.append(_CURL.format(url=layout.url, key="$CONDUIT_API_KEY"))
        parts.append(f'  {command} chat {where}"hello"\n')
    if layout.certificate is None and not (
        is_loopback(layout.host) and is_loopback(layout.grpc_host)
    ):
        parts.append(_IN_CLEAR)
    names = ("registry", "router", "health", "billing", "storage")
    addresses = ", ".join(f"{name} {layout.grpc_address(name)}" for name in names)
    parts.append(f"gRPC: {addresses}\nCtrl-C stops it.")
    return "\n".join(parts)


def _made(keys: dict[str, str], key_file: Path, *, shows_keys: bool) -> list[str]:
    """Return what is said of keys that were made."""
    shown = ", shown only now" if shows_keys else ""
    lines = list[str]()
    for name, key in keys.items():
        label, meaning = _MEANINGS[name]
        lines += [f"  {label}{key}", f"{'':18}{meaning}"] if shows_keys else [f"  {label}{meaning}"]
    said = [f"Made for you, kept in {key_file}{shown}:\n", "\n".join(lines) + "\n"]
    return said if shows_keys else [*said, _UNSHOWN]
