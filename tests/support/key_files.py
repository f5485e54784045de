"""Key files as `conduit serve` writes them."""

import base64
from pathlib import Path

from conduit_cli.keys import ENCRYPTION, FORMER, KeyFile


def key_file(folder: Path, *keys: bytes) -> KeyFile:
    """Write the file of a folder: the encryption key, then former ones."""
    texts = [base64.b64encode(key).decode() for key in keys]
    file = KeyFile(folder)
    file.store({ENCRYPTION: texts[0], FORMER: ",".join(texts[1:])})
    return file
