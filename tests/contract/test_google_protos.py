"""What `protos/google` declares is what Google's own files do, as everybody else has them."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from tests.support.protos import INCLUDES

PROTOS = Path(__file__).parents[2] / "protos"
OWN = {
    "google/api/http.proto": http_pb2.DESCRIPTOR,
    "google/api/annotations.proto": annotations_pb2.DESCRIPTOR,
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileDescriptorProto]:
    """Return the Router's file with all that it imports, of `protos` and what protoc brings."""
    target = tmp_path_factory.mktemp("set") / "set.binpb"
    subprocess.run(  # noqa: S603 # a program of our own environment
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            *(f"-I{PROTOS}", f"-I{INCLUDES[1]}"),
            *("--include_imports", f"--descriptor_set_out={target}"),
            "conduit/v1/router_service.proto",
        ],
        check=True,
        timeout=60,
    )
    found = FileDescriptorSet.FromString(target.read_bytes())
    return {file.name: file for file in found.file}


def test_the_folder_is_all_that_a_generator_of_stubs_needs(
    compiled: dict[str, FileDescriptorProto],
) -> None:
    """Beside what every protoc brings."""
    assert OWN.keys() <= compiled.keys()
    foreign = {name for name in compiled if not (PROTOS / name).exists()}
    assert all(name.startswith("google/protobuf/") for name in foreign)


@pytest.mark.parametrize("name", OWN)
def test_messages_and_options_are_googles(
    compiled: dict[str, FileDescriptorProto], name: str
) -> None:
    """By name, number and type, so that one program may have both."""
    theirs = FileDescriptorProto()
    OWN[name].CopyToProto(theirs)
    ours = compiled[name]
    for each in (ours, theirs):
        # Of languages for which we promise nothing.
        each.options.ClearField("cc_enable_arenas")
        each.options.ClearField("objc_class_prefix")
        # Stubs leave out what follows from a name.
        for field in [*each.extension, *(f for m in each.message_type for f in m.field)]:
            field.ClearField("json_name")
        each.message_type.sort(key=lambda message: message.name)
    assert ours == theirs
