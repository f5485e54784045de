"""gRPC as every service of Conduit serves and calls it."""

from conduit_kernel.rpc.channel import admin_metadata, connect, until_connected
from conduit_kernel.rpc.hosting import HostedService
from conduit_kernel.rpc.server import RpcServer
from conduit_kernel.rpc.status import error_of, status_of

__all__ = [
    "HostedService",
    "RpcServer",
    "admin_metadata",
    "connect",
    "error_of",
    "status_of",
    "until_connected",
]
