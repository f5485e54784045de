"""gRPC as every service of Conduit serves and calls it."""

from conduit_kernel.rpc.channel import connect, link, service_metadata, until_connected
from conduit_kernel.rpc.hosting import HostedService
from conduit_kernel.rpc.server import RpcServer
from conduit_kernel.rpc.status import error_from, error_of, status_of

__all__ = [
    "HostedService",
    "RpcServer",
    "connect",
    "error_from",
    "error_of",
    "link",
    "service_metadata",
    "status_of",
    "until_connected",
]
