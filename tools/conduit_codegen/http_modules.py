"""Writes `http_routes.py`, and `<service>_routes.py` for each service that is served over HTTP."""

from collections.abc import Iterator

from .contract import Binding, Contract, Message, Rpc, Service
from .http_answers import AnswerWriter, success_status
from .http_paths import header_field, segments
from .http_reports import write_header_writer
from .http_requests import (
    WEBSOCKET,
    RequestReader,
    chunk_field,
    takes_json,
    write_header_reader,
)
from .imports import import_lines
from .json_values import Scope
from .naming import snake
from .source import NOTICE, Source, quoted

RUNTIMES = ("http_runtime as http", "json_runtime as json")
REEXPORTED = ("Headers", "Route", "Segment")
ERRORS = ("JsonError", "MalformedJson")


def http_modules(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each module."""
    folder = contract.package.replace(".", "/")
    services = [service for service in contract.services if _is_served(service)]
    for service in services:
        yield f"{folder}/{_module_name(service)}.py", _service(contract, service)
    yield f"{folder}/http_routes.py", _table(contract, services)


def _is_served(service: Service) -> bool:
    return any(rpc.bindings for rpc in service.rpcs)


def _module_name(service: Service) -> str:
    return f"{snake(service.name)}_routes"


def _table(contract: Contract, services: list[Service]) -> str:
    body = Source()
    body.line(f'"""All HTTP routes. {NOTICE}"""')
    body.line()
    body.line("from typing import Final")
    body.line()
    for service in services:
        body.line(f"from {contract.package} import {_module_name(service)}")
    body.line(f"from {contract.package}.http_runtime import {', '.join(REEXPORTED)}")
    body.line(f"from {contract.package}.json_runtime import {', '.join(ERRORS)}")
    body.line()
    names = ", ".join(quoted(name) for name in sorted([*REEXPORTED, *ERRORS, "ROUTES"]))
    body.line(f"__all__ = [{names}]")
    body.line()
    with body.block("ROUTES: Final[tuple[Route, ...]] = ("):
        for service in services:
            body.line(f"*{_module_name(service)}.ROUTES,")
    body.line(")")
    return str(body)


def _service(contract: Contract, service: Service) -> str:
    body = Source()
    for message in _header_messages(contract, service, of_requests=True):
        write_header_reader(Scope(contract, message, body))
    for message in _header_messages(contract, service, of_requests=False):
        write_header_writer(Scope(contract, message, body))
    routes = [route for rpc in service.rpcs for route in _functions(contract, rpc, body)]
    with body.block("ROUTES: Final[tuple[Route, ...]] = ("):
        for route in routes:
            body.line(route)
    body.line(")")
    head = Source()
    head.line(f'"""HTTP routes of {service.name}. {NOTICE}"""\n')
    head.line("from __future__ import annotations\n")
    head.line("from typing import Final\n")
    # Those that a module does not need are taken out when it is laid out.
    head.line("import orjson\n")
    head.line("\n".join(import_lines(contract, body, RUNTIMES)))
    head.line(f"from {contract.package}.http_runtime import Route, Segment")
    head.gap()
    return f"{head}{body}"


def _header_messages(contract: Contract, service: Service, *, of_requests: bool) -> list[Message]:
    """Return the messages that headers carry, of the requests or of the answers."""
    found: dict[str, Message] = {}
    for rpc in service.rpcs:
        if rpc.bindings:
            response = contract.messages[rpc.response]
            message = contract.filled_by_http(rpc) if of_requests else response
            if (field := header_field(contract, message)) is not None:
                found[field.type_name] = contract.message_of(field)
    return [found[name] for name in sorted(found)]


def _functions(contract: Contract, rpc: Rpc, body: Source) -> Iterator[str]:
    """Add the functions of an RPC and yield its routes."""
    readers: dict[tuple[str, ...], str] = {}
    writers: dict[str, str] = {}
    name = snake(rpc.name)
    for binding in rpc.bindings:
        answer = AnswerWriter(contract, rpc, binding, body)
        if (shape := _shape(binding)) not in readers:
            readers[shape] = f"read_{name}" + (f"_{len(readers) + 1}" if readers else "")
            reader = RequestReader(contract, rpc, binding, body)
            _write_readers(rpc, binding, reader, readers[shape])
        if binding.response_body not in writers:
            suffix = f"_{len(writers) + 1}" if writers else ""
            writers[binding.response_body] = f"write_{name}{suffix}"
            answer.write_body(writers[binding.response_body])
        if binding is rpc.bindings[0]:
            answer.write_report(f"report_of_{name}")
            answer.write_media_type(f"media_type_of_{name}")
            _write_pieces(contract, rpc, RequestReader(contract, rpc, binding, body))
    for binding in rpc.bindings:
        yield _route(
            contract, rpc, binding, readers[_shape(binding)], writers[binding.response_body]
        )


def _shape(binding: Binding) -> tuple[str, ...]:
    """Return what requests are read by."""
    return binding.path, binding.body


def _write_readers(rpc: Rpc, binding: Binding, reader: RequestReader, name: str) -> None:
    if takes_json(rpc, binding):
        reader.write(name)
    if rpc.form:
        reader.write_form(f"{name}_form")


def _write_pieces(contract: Contract, rpc: Rpc, reader: RequestReader) -> None:
    """Add the functions that make the messages that follow a streamed request's first."""
    name = snake(rpc.name)
    if (chunk := chunk_field(contract, rpc)) is not None:
        reader.write_chunk(f"chunk_of_{name}", chunk)
    if rpc.framing == WEBSOCKET:
        reader.write_frame(f"frame_of_{name}")


def _route(contract: Contract, rpc: Rpc, binding: Binding, reader: str, write: str) -> str:
    answer = AnswerWriter(contract, rpc, binding, Source())
    name = snake(rpc.name)
    values = {
        "verb": quoted(binding.verb),
        "path": quoted(binding.path),
        "segments": _segments(binding),
        "service": quoted(rpc.service),
        "rpc": quoted(rpc.name),
        "access": f"options_pb2.{rpc.access}",
        "dialect": f"options_pb2.DIALECT_{rpc.dialect}",
        "success_status": success_status(contract, rpc),
        "framing": f"options_pb2.{rpc.framing}",
        "chosen_by": quoted(rpc.chosen_by),
        "chosen_by_header": quoted(rpc.chosen_by_header),
        "client_streaming": rpc.client_streaming,
        "max_body_bytes": rpc.max_body_bytes,
        "read": reader if takes_json(rpc, binding) else None,
        "read_form": f"{reader}_form" if rpc.form else None,
        "read_frame": f"frame_of_{name}" if rpc.framing == WEBSOCKET else None,
        "chunk": f"chunk_of_{name}" if chunk_field(contract, rpc) is not None else None,
        "write": write if answer.media_type else "http.no_body",
        "media_type": f'b"{answer.media_type}"',
        "media_type_of": f"media_type_of_{name}" if answer.tells_media_type else None,
        "write_report": f"report_of_{name}" if answer.has_lines else "http.no_report",
    }
    lines = [f"    {key}={value}," for key, value in values.items()]
    return "\n".join(["Route(", *lines, "),"])


def _segments(binding: Binding) -> str:
    """Return the tuple of a path's segments."""
    texts = []
    for segment in segments(binding):
        options = ", is_parameter=True" if segment.is_parameter else ""
        options += ", takes_rest=True" if segment.takes_rest else ""
        options += f", verb={quoted(segment.verb)}" if segment.verb else ""
        texts.append(f"Segment({quoted(segment.text)}{options})")
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
