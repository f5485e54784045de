"""Secrets open for their owner with their key, and for nobody else."""

import hmac

import pytest
from tests.support.credentials import new_key

from conduit_kernel.errors import SecretUnreadable
from conduit_kernel.secrets import Vault, parse_key, service_token

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def test_a_secret_comes_back() -> None:
    """For its owner."""
    vault = Vault(KEY)
    assert vault.open(vault.seal("sk-ünïcode", "key_1"), "key_1") == "sk-ünïcode"


def test_equal_secrets_look_different() -> None:
    """Each has a data key and nonces of its own."""
    vault = Vault(KEY)
    one, two = vault.seal("sk", "key_1"), vault.seal("sk", "key_1")
    assert one.ciphertext != two.ciphertext
    assert one.wrapped_data_key != two.wrapped_data_key


@pytest.mark.parametrize("field", ["ciphertext", "wrapped_data_key"])
def test_tampering_is_noticed(field: str) -> None:
    """One flipped bit anywhere is enough."""
    vault = Vault(KEY)
    sealed = vault.seal("sk", "key_1")
    data = bytearray(getattr(sealed, field))
    data[-1] ^= 1
    setattr(sealed, field, bytes(data))
    with pytest.raises(SecretUnreadable):
        vault.open(sealed, "key_1")


def test_a_secret_does_not_open_for_another_owner() -> None:
    """A row copied to another key's place is refused."""
    vault = Vault(KEY)
    with pytest.raises(SecretUnreadable):
        vault.open(vault.seal("sk", "key_1"), "key_2")


def test_another_encryption_key_does_not_open() -> None:
    """And the error says which one is wanted."""
    sealed = Vault(KEY).seal("sk", "key_1")
    with pytest.raises(SecretUnreadable) as refused:
        Vault(OTHER).open(sealed, "key_1")
    assert refused.value.metadata["encryption_key_id"] == sealed.encryption_key_id


def test_rewrapping_changes_the_key_and_not_the_ciphertext() -> None:
    """The former key opens until then; afterwards the new one alone does."""
    sealed = Vault(KEY).seal("sk", "key_1")
    both = Vault(OTHER, KEY)
    assert both.open(sealed, "key_1") == "sk"
    moved = both.rewrap(sealed, "key_1")
    assert moved.ciphertext == sealed.ciphertext
    assert Vault(OTHER).open(moved, "key_1") == "sk"


def test_hashes_depend_on_the_encryption_key() -> None:
    """A stolen database does not let anyone try virtual keys."""
    assert Vault(KEY).hash("condt_x") == Vault(KEY).hash("condt_x")
    assert Vault(KEY).hash("condt_x") != Vault(OTHER).hash("condt_x")


def test_a_service_token_depends_on_the_encryption_key_and_tells_nothing_of_it() -> None:
    """Nor is it the key by which virtual keys are hashed."""
    token = service_token(KEY)
    assert token == service_token(KEY)
    assert token != service_token(OTHER)
    assert len(token) == 64
    assert KEY.hex() not in token
    assert hmac.digest(bytes.fromhex(token), b"condt_x", "sha256") != Vault(KEY).hash("condt_x")


def test_keys_are_checked_without_being_quoted() -> None:
    """What is wrong is said; the key is not."""
    assert len(parse_key(new_key())) == 32
    for text in ("not base64!", "c2hvcnQ="):
        with pytest.raises(ValueError, match="CONDUIT_ENCRYPTION_KEY") as refused:
            parse_key(text)
        assert text not in str(refused.value)
    assert KEY.hex() not in repr(Vault(KEY))


def test_what_clients_keep_opens_for_every_process_of_the_key() -> None:
    """Also once that key is a former one; of another key it is nothing."""
    text = Vault(KEY).seal_client_secret(b"content")
    assert Vault(KEY).open_client_secret(text) == b"content"
    assert Vault(OTHER, KEY).open_client_secret(text) == b"content"
    assert Vault(OTHER).open_client_secret(text) is None
    assert Vault(KEY).seal_client_secret(b"content") != text


def test_what_clients_keep_is_lost_with_any_character_altered() -> None:
    """Also where base64 would not tell, such as in the last bits, or behind the end."""
    vault = Vault(KEY)
    text = vault.seal_client_secret(b"any content")
    for at, letter in enumerate(text):
        other = "A" if letter != "A" else "B"
        altered = text[:at] + other + text[at + 1 :]
        assert vault.open_client_secret(altered) is None
        assert vault.open_client_secret(text[:at]) is None
    last = [text[:-1] + other for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if other != text[-1]]
    for altered in (
        *last,
        text + "=",
        text + "==",
        text + "\n",
        f" {text}",
        text + "\xe9",
        "=",
        "",
    ):
        assert vault.open_client_secret(altered) is None


def test_a_signature_is_of_these_data_and_one_of_our_keys() -> None:
    """A former key's is still one of ours, but not the current key's."""
    old, new = bytes(32), bytes(range(32))
    former, current = Vault(old), Vault(new, old)
    signature = former.sign(b"data")
    assert current.has_signed(b"data", signature)
    assert not current.has_signed_now(b"data", signature)
    assert current.has_signed_now(b"data", current.sign(b"data"))
    for other in (b"", b"dat", b"data "):
        assert not current.has_signed(other, signature)
    assert not Vault(new).has_signed(b"data", signature)


def test_a_secret_opens_for_its_destination_alone() -> None:
    """Also where somebody wrote another one beside it, or wrapped its data key anew."""
    there = "https://api.openai.com:443"
    sealed = Vault(KEY).seal("sk", "key_1", there)
    assert Vault(KEY).open(sealed, "key_1", there) == "sk"
    with pytest.raises(SecretUnreadable, match=r"^The value of key_1 is for .* alone; give it"):
        Vault(KEY).open(sealed, "key_1", "https://evil.example:443")
    new = bytes(range(32))
    rewrapped = Vault(new, KEY).rewrap(sealed, "key_1")
    assert Vault(new).open(rewrapped, "key_1", there) == "sk"
    for moved in ("https://evil.example:443", ""):
        rewrapped.destination = moved
        with pytest.raises(SecretUnreadable, match="was changed"):
            Vault(new).open(rewrapped, "key_1", moved)
