"""Channels to our own services."""

import grpc

from conduit_kernel.rpc.server import MAX_MESSAGE_BYTES


def connect(target: str) -> grpc.aio.Channel:
    """Open a channel that finds a service again within seconds after it was away."""
    return grpc.aio.insecure_channel(
        target,
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            # A peer that vanished without a word is noticed after 15 s.
            ("grpc.keepalive_time_ms", 10000),
            ("grpc.keepalive_timeout_ms", 5000),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )


def admin_metadata(master_key: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata with which our services call each other."""
    return (("x-master-key", master_key),)
