"""AWS KMS, by `botocore`, with the credentials that the machine has by the SDK's own rules.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html
"""

import base64
import binascii
import re
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed

# Of each attempt; there are three.
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3, 4, 3
# Without the same context nothing opens, so that no other thing that the key has wrapped does.
CONTEXT = {"purpose": "conduit encryption key"}
_MAX_SHOWN = 200
_ARN = re.compile(r"arn:aws[\w-]*:kms:([a-z0-9-]+):[0-9]{12}:(?:key|alias)/[\w/-]+")


class AwsKms:
    """A symmetric key of KMS."""

    def __init__(self, arn: str, region: str) -> None:
        self._arn = arn
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
        # Of no type, as all of botocore.
        self._client: Any = Session().create_client("kms", region_name=region, config=config)

    @classmethod
    def of(cls, arn: str) -> "AwsKms":
        """Return the key of an ARN, of a key or an alias. KeyReferenceWrong if it is none."""
        found = _ARN.fullmatch(arn)
        if found is None:
            raise KeyReferenceWrong(
                f"awskms:{arn} has no ARN of a key, such as "
                "awskms:arn:aws:kms:eu-central-1:111122223333:alias/conduit"
            )
        return cls(arn, found[1])

    def wrap(self, key: bytes) -> str:
        """Return what KMS makes of the key, in base64."""
        return base64.b64encode(self._asked("encrypt", "CiphertextBlob", Plaintext=key)).decode()

    def unwrap(self, wrapped: str) -> bytes:
        """Return the key of what KMS has made."""
        try:
            blob = base64.b64decode(wrapped, validate=True)
        except binascii.Error:
            raise KeyServiceFailed("what KMS is to open is no base64") from None
        return self._asked("decrypt", "Plaintext", CiphertextBlob=blob)

    def _asked(self, name: str, wanted: str, **members: bytes) -> bytes:
        try:
            answer = getattr(self._client, name)(
                KeyId=self._arn, EncryptionContext=CONTEXT, **members
            )
        except ClientError as error:
            told = error.response.get("Error", {})
            message = str(told.get("Message", ""))[:_MAX_SHOWN]
            raise KeyServiceFailed(f"KMS refuses: {told.get('Code', '')} {message}") from error
        except BotoCoreError as error:
            raise KeyServiceFailed(f"KMS cannot be asked: {type(error).__name__}") from error
        found = answer.get(wanted)
        if not isinstance(found, bytes):
            raise KeyServiceFailed(f"KMS's answer has no {wanted}")
        return found
