"""Encryption keys that KMS has wrapped, with moto as the judge; `make kms` installs and asks it."""

import base64
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from tests.support.gateways import wait_for

from conduit_cli.key_services.aws_kms import AwsKms
from conduit_cli.key_services.reference import opened, reference
from conduit_cli.key_services.service import KeyServiceFailed

KEY = bytes(range(32))
MOTO = Path(os.environ.get("CONDUIT_MOTO") or Path(__file__).parents[2] / "build" / "moto")


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run moto; return the ARN of a key that it has."""
    server = MOTO / "bin" / "moto_server"
    if not (MOTO / "installed").exists():
        pytest.skip("`make kms` installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    process = subprocess.Popen(  # noqa: S603 # of the test's own
        [server, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = boto3.client("kms", region_name="eu-central-1")

    def is_there() -> bool:
        try:
            client.list_keys()
        except Exception:  # noqa: BLE001 # whatever boto says of a server that is not there yet
            return False
        return True

    try:
        wait_for(is_there, 60)
        yield str(client.create_key()["KeyMetadata"]["Arn"])
    finally:
        process.terminate()
        process.wait(20)


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
