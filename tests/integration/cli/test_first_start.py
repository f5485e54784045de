"""The first start of a gateway, as its user sees it."""

import json
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import grpc
import pytest
from conduit_cli.keys import ENCRYPTION, MASTER, KeyFile
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.integration.cli.conftest import CONDUIT, Served, environment
