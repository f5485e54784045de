"""Runs the generators of gRPC modules and their types, which buf alone cannot.

grpcio-tools has its generator compiled in but ships no plugin, and mypy-protobuf's would write
types for files without services too.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from .contract import ContractError

TYPES_PLUGIN = "protoc-gen-mypy_grpc"


def grpc_modules(request: CodeGeneratorRequest) -> Iterator[tuple[str, str]]:
    """Yield the gRPC modules of the files that declare services, and their types."""
    names = _with_services(request)
    if not names:
        return
    with tempfile.TemporaryDirectory() as folder:
        descriptors, out = Path(folder, "in.binpb"), Path(folder, "out")
        out.mkdir()
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        argv = ["protoc", f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}", *names]
        if protoc.main(argv):
            problem = "grpc_tools.protoc failed"
            raise ContractError(problem)
        for path in sorted(out.rglob("*.py")):
            yield str(path.relative_to(out)), path.read_text()
    yield from _types(request, names)


def _with_services(request: CodeGeneratorRequest) -> list[str]:
    wanted = set(request.file_to_generate)
    return sorted(file.name for file in request.proto_file if file.name in wanted and file.service)


def _types(request: CodeGeneratorRequest, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the types of the gRPC modules of some files."""
    narrowed = CodeGeneratorRequest()
    narrowed.CopyFrom(request)
    narrowed.file_to_generate[:] = names
    narrowed.parameter = "quiet"
    plugin = Path(sys.executable).with_name(TYPES_PLUGIN)
    done = subprocess.run(  # noqa: S603 - a program of our own environment
        [plugin], input=narrowed.SerializeToString(), capture_output=True, check=False
    )
    if done.returncode:
        raise ContractError(done.stderr.decode())
    for file in CodeGeneratorResponse.FromString(done.stdout).file:
        yield file.name, file.content


def markers(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield what makes the folders of the files packages, and typed."""
    packages = sorted({p for name in names for p in PurePosixPath(name).parents if p.name})
    for package in packages:
        text = f'"""Generated from protos/{package} by `make generate`; do not edit."""\n'
        yield f"{package}/__init__.py", text
    for root in sorted({package.parts[0] for package in packages}):
        yield f"{root}/py.typed", ""
