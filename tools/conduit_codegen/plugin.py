"""Answers protoc and buf: descriptors come over standard input, files go over standard output."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse

from .checks import internal_problems, problems
from .contract import Contract, ContractError
from .form_modules import form_modules
from .http_modules import http_modules
from .json_modules import json_modules
from .layout import laid_out
from .loading import load, load_internal
from .openapi import openapi_text
from .stubs import grpc_modules, markers
from .tables import failures_module, internal_methods_module, methods_module

OPENAPI = "openapi.json"
RUNTIME = Path(__file__).with_name("runtime")

Files: TypeAlias = Iterable[tuple[str, str]]


def python_files(request: CodeGeneratorRequest) -> Iterator[tuple[str, str]]:
    """Yield the files of the Python package, the OpenAPI document among them."""
    contract = checked(request)
    internal = load_internal(request)
    yield from grpc_modules(request)
    yield from markers(request.file_to_generate)
    yield f"{contract.package.replace('.', '/')}/{OPENAPI}", openapi_text(contract)
    yield from runtime_modules(contract)
    yield from laid_out(
        [
            *json_modules(contract),
            *http_modules(contract),
            *form_modules(contract),
            methods_module(contract),
            failures_module(contract),
            *([internal_methods_module(internal, contract)] if internal else ()),
        ]
    )


def checked(request: CodeGeneratorRequest) -> Contract:
    """Return the contract, if it keeps the rules. Raises ContractError."""
    contract = load(request)
    internal = load_internal(request)
    found = [*problems(contract), *(internal_problems(internal) if internal else ())]
    if found:
        raise ContractError("\n".join(found))
    return contract


def runtime_modules(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield the modules that the generated ones share."""
    folder = contract.package.replace(".", "/")
    for path in sorted(RUNTIME.glob("*.py")):
        yield f"{folder}/{path.name}", path.read_text()


def answer(make: Callable[[CodeGeneratorRequest], Files]) -> None:
    """Answer one request with the files that `make` makes, or with what is wrong."""
    request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = CodeGeneratorResponse(
        supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    try:
        for name, content in make(request):
            response.file.add(name=name, content=content)
    except ContractError as error:
        response.ClearField("file")
        response.error = str(error)
    sys.stdout.buffer.write(response.SerializeToString())
