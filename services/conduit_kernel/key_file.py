"""The file that holds the encryption keys, and may change while processes run."""

import tomllib
from pathlib import Path

from conduit_kernel.secrets import parse_key

# More than any number of keys that somebody keeps takes.
MAX_BYTES = 64 * 1024


def read_key_file(path: Path) -> list[bytes]:
    """Return the keys of a TOML file, the current one first.

    They are its `encryption_key`, and `former_encryption_keys` with commas between them, all in
    base64. OSError or ValueError, without any key in it, if there is no such thing.
    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes")
    try:
        members = tomllib.loads(content.decode())
    except ValueError:
        # It may quote what stands there.
        raise ValueError(f"{path} is no TOML") from None
    current = members.get("encryption_key")
    if not isinstance(current, str):
        raise ValueError(f"{path} has no encryption_key")  # noqa: TRY004 # of what a file says
    former = str(members.get("former_encryption_keys", "")).split(",")
    return [parse_key(text) for text in (current, *former) if text.strip()]
