"""MCP servers as they are kept."""

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit_registry.mcp_values import McpServer


def test_a_server_without_headers_has_no_secret() -> None:
    """Nothing was sealed, so nothing is there to be opened."""
    assert McpServer(name="a", url="https://a.example").secret is None


def test_sealed_headers_come_and_go_whole() -> None:
    """And are in no text of the server."""
    sealed = SealedSecret(
        encryption_key_id="e", wrapped_data_key=b"w", ciphertext=b"sealed", destination="d"
    )
    server = McpServer(id=3, name="a", url="https://a.example").with_secret(sealed)
    assert (server.secret, server.owner) == (sealed, "mcp_3")
    assert "sealed" not in repr(server)
