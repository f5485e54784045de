"""Operations are read as the contract has them."""

import pytest

from conduit_cli.resources.contract import answer_schema, operation, plain


def test_an_operation_says_what_it_takes() -> None:
    """Its path's places in order, its parameters, and its body's members, with what is needed."""
    found = operation("updateKeyCredentialByPatch")
    assert (found.method, found.places) == ("PATCH", ("providerId", "keyId"))
    assert found.has_body
    assert {each.name for each in found.members if each.is_in_body} >= {"apiKey", "isEnabled"}
    made = operation("createProvider")
    assert [each.name for each in made.members if each.is_required] == ["name", "providerType"]
    listed = operation("listProviders")
    assert (listed.has_body, listed.places) == (False, ())
    assert "providerType" in {each.name for each in listed.members}


def test_an_unknown_operation_is_none() -> None:
    """It is a fault of ours."""
    with pytest.raises(KeyError):
        operation("noSuchThing")


def test_schemas_are_told_without_null_and_references() -> None:
    """As an option takes them."""
    assert plain({"type": ["integer", "null"]})["type"] == "integer"
    security = next(each for each in operation("createProvider").members if each.name == "security")
    assert security.schema["type"] == "object"
    assert "requests" in answer_schema("listRequestRecords")["properties"]
