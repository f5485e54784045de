"""The file of encryption keys, read."""

from pathlib import Path

import pytest
from tests.support.key_files import key_file

from conduit_kernel.key_file import MAX_BYTES, read_key_file

ONE, TWO, THREE = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))


def test_the_current_key_comes_first(tmp_path: Path) -> None:
    """Then the former ones, as many as there are."""
    assert read_key_file(key_file(tmp_path, TWO, ONE, THREE).path) == [TWO, ONE, THREE]
    assert read_key_file(key_file(tmp_path, ONE).path) == [ONE]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "encryption_key = 3",
        "encryption_key = 'c2VjcmV0'",
        "encryption_key = 'secret",
        "encryption_key = \udcff",
        "former_encryption_keys = 'c2VjcmV0'",
        f"# {'x' * MAX_BYTES}",
    ],
)
def test_what_is_no_key_file_is_told_without_what_it_says(tmp_path: Path, text: str) -> None:
    """It may be a key all the same, with one letter too few."""
    path = tmp_path / "keys.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError) as refused:  # noqa: PT011 # of several messages
        read_key_file(path)
    assert "secret" not in str(refused.value)
    assert "c2Vj" not in str(refused.value)
