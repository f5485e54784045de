"""Has a key service wrap the encryption keys that a gateway has, or a new one."""

import base64
import binascii
from collections.abc import Mapping

from conduit_cli.key_services.reference import CURRENT, FORMER, is_reference, reference, service_of
from conduit_cli.key_services.service import KeyReferenceWrong
from conduit_cli.keys import ENCRYPTION, ENCRYPTION_KEY_BYTES, KeyFile, new_encryption_key
from conduit_cli.keys import FORMER as FORMER_IN_FILE


def references(name: str, key_file: KeyFile, env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set, by name; nothing is stored.

    What the environment has goes before the file. KeyReferenceWrong, KeyServiceFailed or
    KeysUnusable.
    """
    service, stored = service_of(name, env), key_file.read()
    current = env.get(CURRENT) or str(stored.get(ENCRYPTION) or new_encryption_key())
    former = env.get(FORMER) or str(stored.get(FORMER_IN_FILE, ""))
    found = {CURRENT: reference(name, service, _key(current))}
    if texts := [each.strip() for each in former.split(",") if each.strip()]:
        found[FORMER] = ",".join(reference(name, service, _key(text)) for text in texts)
    return found


def _key(text: str) -> bytes:
    if is_reference(text):
        raise KeyReferenceWrong("The encryption key is wrapped already")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != ENCRYPTION_KEY_BYTES:
        raise KeyReferenceWrong(f"An encryption key has {ENCRYPTION_KEY_BYTES} bytes, in base64")
    return key
