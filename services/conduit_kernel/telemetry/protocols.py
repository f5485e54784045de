"""What is exported, and by which protocol."""

from collections.abc import Mapping
from typing import Literal

Signal = Literal["TRACES", "METRICS"]
# By signal: `grpc` or `http/protobuf`.
Exporters = Mapping[Signal, str]
