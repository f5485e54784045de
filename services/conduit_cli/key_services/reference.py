"""References to encryption keys that a key service has wrapped, and what opens them."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from conduit_cli.key_services.service import KeyReferenceWrong, KeyService, KeyServiceFailed
from conduit_cli.keys import ENCRYPTION_KEY_BYTES

CURRENT, FORMER = "CONDUIT_ENCRYPTION_KEY", "CONDUIT_FORMER_ENCRYPTION_KEYS"
# As they are written in a setting, before what the service has made of the key.
KINDS = (
    "vault:MOUNT/KEY",
    "awskms:ARN",
    "gcpkms:projects/.../cryptoKeys/KEY",
    "azurekeyvault:HOST/keys/KEY",
)
# What opens the key is nobody's but this process's.
_CREDENTIALS = ("VAULT_TOKEN",)


def service_of(name: str, env: Mapping[str, str]) -> KeyService:
    """Return the service of a name such as `vault:MOUNT/KEY`.

    KeyReferenceWrong if it names none, or one whose library is not installed.
    """
    kind, _, where = name.partition(":")
    # Each with its libraries, of which one takes its time.
    if kind == "vault":
        from conduit_cli.key_services.vault_transit import VaultTransit  # noqa: PLC0415 # see above

        return VaultTransit.of(where, env)
    if kind == "awskms":
        from conduit_cli.key_services.aws_kms import AwsKms  # noqa: PLC0415 # see above

        return AwsKms.of(where)
    if kind == "gcpkms":
        with _extra("google-kms", kind):
            from conduit_cli.key_services.google_kms import GoogleKms  # noqa: PLC0415 # see above

        return GoogleKms.of(where)
    if kind == "azurekeyvault":
        with _extra("azure-key-vault", kind):
            from conduit_cli.key_services.azure_key_vault import AzureKeyVault  # noqa: PLC0415 # see above

        return AzureKeyVault.of(where)
    raise KeyReferenceWrong(f"{name!r} names no key service: there are {', '.join(KINDS)}")


@contextmanager
def _extra(name: str, kind: str) -> Iterator[None]:
    """Say what to install where a library is not there."""
    try:
        yield
    except ImportError as error:
        message = f"{kind}: takes a library more: pip install 'conduit-suite[{name}]'"
        raise KeyReferenceWrong(message) from error


def is_reference(text: str) -> bool:
    """Return whether a setting is a reference, rather than a key in base64."""
    return ":" in text


def reference(name: str, service: KeyService, key: bytes) -> str:
    """Return what is to be configured in a key's place, once it is seen to open."""
    wrapped = service.wrap(key)
    if service.unwrap(wrapped) != key:
        raise KeyServiceFailed(f"{name} does not give back what it has wrapped")
    return f"{name}:{wrapped}"


def opened(text: str, env: Mapping[str, str]) -> str:
    """Return the key that a reference stands for, in base64.

    KeyServiceFailed if it cannot be had, KeyReferenceWrong if it is no reference.
    """
    name, wrapped = _parted(text)
    key = service_of(name, env).unwrap(wrapped)
    if len(key) != ENCRYPTION_KEY_BYTES:
        raise KeyServiceFailed(
            f"{name} gives {len(key)} bytes; an encryption key has {ENCRYPTION_KEY_BYTES}"
        )
    return base64.b64encode(key).decode()


def with_keys(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return an environment with keys in the place of references. Raises as `opened` does."""
    current, former = env.get(CURRENT, ""), env.get(FORMER, "").split(",")
    if not any(map(is_reference, (current, *former))):
        return env
    kept = {name: value for name, value in env.items() if name not in _CREDENTIALS}
    if current:
        kept[CURRENT] = _key(current, env)
    kept[FORMER] = ",".join(_key(each, env) for each in former if each.strip())
    return kept


def _key(text: str, env: Mapping[str, str]) -> str:
    return opened(text.strip(), env) if is_reference(text) else text


def _parted(text: str) -> tuple[str, str]:
    """Return the service of a reference, and the key as that has wrapped it."""
    kind, _, rest = text.partition(":")
    if kind == "vault":
        # What Vault has wrapped has colons of its own: `vault:v1:...`.
        where, _, wrapped = rest.partition(":")
        return f"{kind}:{where}", wrapped
    where, _, wrapped = rest.rpartition(":")
    return f"{kind}:{where}", wrapped
