"""Where protoc finds what our protos import."""

from pathlib import Path

import grpc_tools
from google.api import annotations_pb2

# As installed, so that nothing has to be built before the tests.
INCLUDES = (Path(annotations_pb2.__file__).parents[2], Path(grpc_tools.__file__).parent / "_proto")
