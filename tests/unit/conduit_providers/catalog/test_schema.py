"""The schema of catalog files, for editors: as strict as the reader, and up to date."""

import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
from openapi_schema_validator import OAS31Validator
from tests.unit.conduit_providers.catalog.test_reader import ACME, WRONG
from tools.catalog_schema import FILE, schema_text

SHIPPED = sorted(FILE.parent.glob("*.toml"))
VALIDATOR = OAS31Validator(orjson.loads(FILE.read_bytes()))


def errors_in(text: str) -> list[str]:
    """Return what the schema has against a file; dates are texts to it, as they are to editors."""
    document: Any = orjson.loads(orjson.dumps(tomllib.loads(text)))
    return [error.message for error in VALIDATOR.iter_errors(document)]


def test_schema_is_up_to_date() -> None:
    """`python -m tools.catalog_schema` would write it as it stands."""
    assert FILE.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_files_name_the_schema_and_fit_it(file: Path) -> None:
    """An editor finds the schema in the first line."""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("#:schema ./schema.json\n")
    assert errors_in(text) == []


def test_file_of_the_tests_fits() -> None:
    """What the refused files below begin with."""
    assert errors_in(ACME) == []


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_what_the_reader_refuses_the_schema_refuses(old: str, new: str, message: str) -> None:
    """Each error of a file that is TOML at all."""
    text = ACME.replace(old, new)
    if "not TOML" in message:
        with pytest.raises(tomllib.TOMLDecodeError):
            errors_in(text)
    else:
        assert errors_in(text)


def test_codec_of_another_package_is_left_to_the_reader() -> None:
    """Only that knows the module's options."""
    text = ACME.replace('"openai_chat"', '"acme.chat"').replace("developer_role", "colour")
    assert errors_in(text) == []
