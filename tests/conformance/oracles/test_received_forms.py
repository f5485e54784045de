"""What the wire cases received, read by those parts of the SDKs that are no types of answers.

Google's errors are read by protobuf, as the messages of google.rpc; AWS's by botocore's own parser;
Replicate's by the exception of its SDK, and its streams by the SDK's decoder of events.
"""

import re
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import botocore.parsers
import httpx
import pytest
from google.api import error_reason_pb2
from google.genai.errors import APIError
from google.protobuf.json_format import ParseDict
from google.rpc import code_pb2, error_details_pb2, status_pb2
from replicate.exceptions import ReplicateError
from replicate.stream import EventSource, ServerSentEvent
from tests.support.sdk_types import Received
from tests.support.wire_cases import WireCase, all_cases

Json = dict[str, Any]
# Protobuf reads a detail only if its type is imported.
DETAILS = f"type.googleapis.com/{error_details_pb2.DESCRIPTOR.package}."
# Members that ReplicateError does not have, and where they are shown.
KNOWN = {"invalid_fields": "as users report it"}


def id_of(case: WireCase) -> str:
    """Return a case's name for the test report."""
    return case.name


def from_source(words: str, owner: str = "") -> list[WireCase]:
    """Return the cases whose source has some words, of all types or one."""
    return [case for case in all_cases() if words in case.source and owner in {"", case.owner}]


GOOGLE = from_source("https://google.aip.dev/193")
REPLICATE = from_source("replicate.exceptions.ReplicateError")
STREAMS = from_source("replicate.stream.ServerSentEvent")
AWS = from_source("aws-restjson1-protocol", "Bedrock") + from_source("reported: ", "Bedrock")


@cache
def http_statuses() -> dict[str, int]:
    """Return the HTTP status of each canonical code, which Google's own file tells."""
    text = (files("google.rpc") / "code.proto").read_text()
    told = re.findall(r"HTTP Mapping: (\d+).*?^  (\w+) = \d+;", text, re.MULTILINE | re.DOTALL)
    return {name: int(status) for status, name in told}


def google_error(case: WireCase) -> Json:
    """Return the error of a whole answer, or of the last event of a stream."""
    return dict(Received(case).documents()[-1]["error"])


@pytest.mark.parametrize("case", GOOGLE, ids=id_of)
def test_googles_error_is_a_status_with_typed_details(case: WireCase) -> None:
    """Its code is a canonical one with that one's HTTP status; its details are of google.rpc."""
    error = google_error(case)
    assert error.keys() <= {"code", "message", "status", "details"}
    assert http_statuses()[error["status"]] == error["code"]
    if not Received(case).is_stream:
        assert Received(case).status == error["code"]
    code = code_pb2.Code.Value(error["status"])
    told = {"code": code, "message": error["message"], "details": error.get("details", [])}
    status = ParseDict(told, status_pb2.Status())
    assert all(each.type_url.startswith(DETAILS) for each in status.details)


def reasons_in(case: WireCase) -> list[str]:
    """Return the reasons of an error in the domain that all of Google's services share."""
    details = google_error(case).get("details", [])
    return [each["reason"] for each in details if each.get("domain") == "googleapis.com"]


@pytest.mark.parametrize("case", [case for case in GOOGLE if reasons_in(case)], ids=id_of)
def test_googles_reasons_are_those_of_its_own_list(case: WireCase) -> None:
    """A reason in the domain of all of Google's services is one that they list."""
    assert set(reasons_in(case)) <= set(error_reason_pb2.ErrorReason.keys())


@pytest.mark.parametrize("case", GOOGLE, ids=id_of)
def test_googles_sdk_finds_the_same_in_the_error(case: WireCase) -> None:
    """Google's SDK, which raises this for a whole answer and for an event, has the same words."""
    error = google_error(case)
    raised = APIError(0, {"error": error})
    assert (raised.code, raised.status, raised.message) == (
        error["code"],
        error["status"],
        error["message"],
    )


@pytest.mark.parametrize("case", AWS, ids=id_of)
def test_awss_parser_finds_the_same_in_the_error(case: WireCase) -> None:
    """The name and the words of an error are where botocore looks for them."""
    answer = Received(case)
    parser = botocore.parsers.create_parser("rest-json")
    told = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    found = parser.parse(told, None)["Error"]
    document = answer.documents()[0]
    assert found["Message"] in {document.get("message"), document.get("Message")}
    code = case.result["error"]["metadata"].get("upstream_code", str(answer.status))
    assert found["Code"] == code


def strange_to_replicate(document: Json, status: int) -> set[str]:
    """Return the members that Replicate's exception does not take from an error's body."""
    read = ReplicateError.from_response(httpx.Response(status, json=document)).to_dict()
    return {name for name, value in document.items() if read.get(name) != value}


@pytest.mark.parametrize("case", REPLICATE, ids=id_of)
def test_replicates_error_has_the_members_of_its_exception(case: WireCase) -> None:
    """The exception takes each member that is not listed here as it is."""
    answer = Received(case)
    (document,) = answer.documents()
    assert document["detail"]
    assert strange_to_replicate(document, answer.status) <= KNOWN.keys()


def test_every_listed_member_is_in_an_error() -> None:
    """A member that no case has, or that the exception has come to know, is no longer listed."""
    answers = [Received(case) for case in REPLICATE]
    found = [strange_to_replicate(each.documents()[0], each.status) for each in answers]
    assert set[str]().union(*found) == KNOWN.keys()


def events_in(body: bytes) -> list[ServerSentEvent]:
    """Return the events that Replicate's SDK finds in a stream. ValueError for a strange one."""
    decoder = EventSource.Decoder()
    found = (decoder.decode(line) for line in body.decode().splitlines())
    return [event for event in found if event is not None]


@pytest.mark.parametrize("case", STREAMS, ids=id_of)
def test_replicates_stream_is_of_events_that_its_sdk_knows(case: WireCase) -> None:
    """The SDK's decoder takes each event, by the name that it has in the stream."""
    body = Received(case).body
    names = re.findall(r"^event: (\w+)$", body.decode(), re.MULTILINE)
    assert [event.event.value for event in events_in(body)] == names


@pytest.mark.parametrize("case", REPLICATE + STREAMS, ids=id_of)
def test_the_named_version_is_not_newer_than_what_is_installed(case: WireCase) -> None:
    """A case names the version of the SDK that it was held against."""
    named = case.source.split()[3]
    assert numbers(version("replicate")) >= numbers(named)


def numbers(told: str) -> list[int]:
    """Return a version as numbers."""
    return [int(part) for part in told.split(".")]
