"""Writes `methods.py` and `failures.py`: what interceptors and error writers look up."""

from .contract import Contract, Enum
from .source import NOTICE, Source, quoted

REASONS = "ErrorReason"
REASON_PREFIX = "ERROR_REASON_"


def methods_module(contract: Contract) -> tuple[str, str]:
    """Return the path and text of `methods.py`."""
    body = _head("What the contract says of each RPC.", "Final, NamedTuple")
    body.line(f"from {contract.package} import options_pb2, role_pb2")
    body.gap()
    with body.block("class Method(NamedTuple):"):
        body.line('"""An RPC; `dialect` is that of its HTTP errors."""')
        body.line()
        body.line("access: options_pb2.Access.ValueType")
        body.line("role: role_pb2.Role.ValueType")
        body.line("dialect: options_pb2.Dialect.ValueType")
        body.line("idempotent: bool")
        body.line("server_streaming: bool")
        body.line("client_streaming: bool")
    body.gap()
    _write_methods(contract, body)
    return _path(contract, "methods"), str(body)


def internal_methods_module(internal: Contract, contract: Contract) -> tuple[str, str]:
    """Return the path and text of the internal package's `methods.py`."""
    body = _head("What the contract says of each RPC between our own services.", "Final")
    body.line(f"from {contract.package} import options_pb2, role_pb2")
    body.line(f"from {contract.package}.methods import Method")
    body.gap()
    _write_methods(internal, body)
    return _path(internal, "methods"), str(body)


def _head(doc: str, typing: str) -> Source:
    body = Source()
    body.line(f'"""{doc} {NOTICE}"""')
    body.line()
    body.line(f"from typing import {typing}")
    body.line()
    return body


def _write_methods(contract: Contract, body: Source) -> None:
    with body.block("METHODS: Final[dict[str, Method]] = {"):
        for service in contract.services:
            for rpc in service.rpcs:
                with body.block(f"{quoted(f'/{service.full_name}/{rpc.name}')}: Method("):
                    body.line(f"access=options_pb2.{rpc.access},")
                    body.line(f"role=role_pb2.{rpc.role},")
                    body.line(f"dialect=options_pb2.DIALECT_{rpc.dialect},")
                    body.line(f"idempotent={rpc.idempotent},")
                    body.line(f"server_streaming={rpc.server_streaming},")
                    body.line(f"client_streaming={rpc.client_streaming},")
                body.line("),")
    body.line("}")


def failures_module(contract: Contract) -> tuple[str, str]:
    """Return the path and text of `failures.py`."""
    body = Source()
    body.line(f'"""What each error reason means to a client. {NOTICE}"""')
    body.line()
    body.line("from typing import Final, NamedTuple")
    body.gap()
    with body.block("class Failure(NamedTuple):"):
        body.line(
            '"""What a reason means: `code` is that of google.rpc.Code; `hint` may be empty."""'
        )
        body.line()
        body.line("code: int")
        body.line("http_status: int")
        body.line("openai_type: str")
        body.line("hint: str")
    body.gap()
    with body.block("FAILURES: Final[dict[str, Failure]] = {"):
        for value in reasons(contract).values:
            if (failure := value.failure) is not None:
                with body.block(f"{quoted(value.name.removeprefix(REASON_PREFIX))}: Failure("):
                    body.line(f"code={failure.code},")
                    body.line(f"http_status={failure.http_status},")
                    body.line(f"openai_type={quoted(failure.openai_type)},")
                    body.line(f"hint={quoted(failure.hint)},")
                body.line("),")
    body.line("}")
    return _path(contract, "failures"), str(body)


def reasons(contract: Contract) -> Enum:
    """Return the enum of error reasons."""
    return contract.enums[f"{contract.package}.{REASONS}"]


def _path(contract: Contract, name: str) -> str:
    return f"{contract.package.replace('.', '/')}/{name}.py"
