"""What followers are told of things that the API shows without their secrets and hashes."""

from conduit.internal.v1 import snapshot_pb2 as pb
from conduit_registry import mcp_values, messages, values


def key(value: values.Key, *, rotation_days: int, now: int) -> pb.SnapshotKey:
    """Return a key with its sealed value, for our own services."""
    credential = messages.key(value, rotation_days=rotation_days, now=now)
    return pb.SnapshotKey(credential=credential, secret=value.secret)


def virtual_key(value: values.VirtualKey) -> pb.SnapshotVirtualKey:
    """Return a virtual key with its hashes, for our own services."""
    return pb.SnapshotVirtualKey(
        virtual_key=messages.virtual_key(value),
        hash=value.hash,
        former_hash=value.former_hash or b"",
    )


def administrator(value: values.Administrator) -> pb.SnapshotAdministrator:
    """Return an administrator with the hash of its token, for our own services."""
    return pb.SnapshotAdministrator(
        administrator=messages.administrator(value),
        hash=value.hash,
        former_hash=value.former_hash or b"",
    )


def mcp_server(value: mcp_values.McpServer) -> pb.SnapshotMcpServer:
    """Return an MCP server with its sealed headers, for our own services."""
    return pb.SnapshotMcpServer(server=messages.mcp_server(value), secret=value.secret)
