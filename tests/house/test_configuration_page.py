"""docs/configuration.md says of everything that administrators make where a file has it."""

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor

from conduit.v1 import billing_service_pb2, health_service_pb2, registry_service_pb2
from conduit_cli.configuration.schema import schema

FILES: tuple[FileDescriptor, ...] = (
    billing_service_pb2.DESCRIPTOR,
    health_service_pb2.DESCRIPTOR,
    registry_service_pb2.DESCRIPTOR,
)


@pytest.fixture(scope="module")
def places(root: Path) -> dict[str, str]:
    """Return the places of the page by the nouns of the RPCs."""
    text = (root / "docs" / "configuration.md").read_text("utf-8")
    return dict(re.findall(r"^\| `Create(\w+)` \| (.+) \|$", text, re.MULTILINE))


def test_everything_that_is_made_has_a_row(places: dict[str, str]) -> None:
    """Whoever adds an RPC that makes something gives it a section, or says why not."""
    names = [
        method.name
        for file in FILES
        for service in file.services_by_name.values()
        for method in service.methods
    ]
    made = {name.removeprefix("Create") for name in names if name.startswith("Create")}
    assert len(made) > 10
    assert set(places) == made


def test_what_has_a_section_is_in_it_and_nothing_else_is(places: dict[str, str]) -> None:
    """By the schema of configuration files."""
    properties, definitions = schema()["properties"], schema()["$defs"]
    sections = {noun: re.findall(r"^`(\w+)`", place) for noun, place in places.items()}
    assert {noun for noun in places if f"{noun}Spec" in definitions} == {
        noun for noun, section in sections.items() if section
    }
    said = {section for named in sections.values() for section in named}
    assert said == set(properties) - {"version", "providerSecurity"}
    for section in said:
        noun = properties[section]["items"]["$ref"].removeprefix("#/$defs/").removesuffix("Spec")
        assert sections[noun] == [section]


def test_what_has_no_section_says_why(places: dict[str, str]) -> None:
    """In a sentence."""
    reasons = [place for place in places.values() if not place.startswith("`")]
    assert all(re.match(r"None( so far)?: .{20,}\.$", reason) for reason in reasons)
