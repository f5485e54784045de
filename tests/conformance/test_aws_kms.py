"""Encryption keys that KMS has wrapped, with moto as the judge; `make kms` installs and asks it."""

import base64
from collections.abc import Iterator

import boto3
import pytest
from tests.support.moto import serve_moto

from conduit_cli.key_services.aws_kms import AwsKms
from conduit_cli.key_services.reference import opened, reference
from conduit_cli.key_services.service import KeyServiceFailed

KEY = bytes(range(32))


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run moto; return the ARN of a key that it has."""
    with serve_moto(monkeypatch, "kms"):
        client = boto3.client("kms", region_name="eu-central-1")
        yield str(client.create_key()["KeyMetadata"]["Arn"])


def test_a_key_comes_back_from_the_service_that_wrapped_it(kms: str) -> None:
    """By its key alone, and within our context alone."""
    name = f"awskms:{kms}"
    text = reference(name, AwsKms.of(kms), KEY)
    assert opened(text, {}) != ""
    assert AwsKms.of(kms).unwrap(text.rpartition(":")[2]) == KEY
    client = boto3.client("kms", region_name="eu-central-1")
    alone = client.encrypt(KeyId=kms, Plaintext=KEY)["CiphertextBlob"]
    other = str(client.create_key()["KeyMetadata"]["Arn"])
    for arn, wrapped in ((kms, base64.b64encode(alone).decode()), (other, text.rpartition(":")[2])):
        with pytest.raises(KeyServiceFailed):
            AwsKms.of(arn).unwrap(wrapped)
