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
_MEANINGS = {
    MASTER: "master key      {key}\n                  opens /api, sent as X-Master-Key",
    ENCRYPTION: (
        "encryption key  {key}\n                  keep a copy: without it, stored provider keys "
        "cannot be read any more"
    ),
}


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
) -> str:
    """Return the text; secrets only those that were made now."""
    # Otherwise another gateway, whose data are in this folder, would be asked.
    is_elsewhere = layout.data_dir != DATA_DIR
    where = f"--data-dir {shlex.quote(str(layout.data_dir))} " if is_elsewhere else ""
    parts = [f"Conduit {version} is ready at {layout.url} ({seconds:.1f} s)\n"]
    if made_keys:
        lines = [_MEANINGS[name].format(key=key) for name, key in made_keys.items()]
        parts.append(f"Made for you, kept in {key_file}, shown only now:\n")
        parts.append("\n".join(f"  {line}" for line in lines) + "\n")
    if new_virtual_key:
        parts.append("Try it; a simulated provider answers, no account needed:\n")
        parts.append(_CURL.format(url=layout.url, key=new_virtual_key))
        parts.append(f'  {command} chat {where}"hello"\n')
    elif has_virtual_key:
        parts.append("Try it:\n")
        parts.append(
            f"  export CONDUIT_API_KEY=$(sed -n 's/^virtual_key = \"\\(.*\\)\"/\\1/p' {key_file})"
        )
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
