"""TLS as gRPC takes it."""

from typing import Any

import grpc

from conduit_kernel.tls import TlsMaterial, WatchedTls


def server_credentials(tls: WatchedTls) -> grpc.ServerCredentials:
    """Return what a server shows its certificate by; new connections get the one of that time.

    Where there is an authority of client certificates, each caller must show one: gRPC for Python
    knows no other way to ask for them.
    """

    def fetch() -> Any:  # noqa: ANN401 # its types lack that None keeps what there is
        # Called for each connection, on a thread of gRPC's.
        return _configuration(tls.material) if tls.refresh() else None

    asks = tls.material.client_ca is not None
    return grpc.dynamic_ssl_server_credentials(_configuration(tls.material), fetch, asks)


def channel_credentials(material: TlsMaterial) -> grpc.ChannelCredentials:
    """Return what a channel to a service of ours trusts, and shows of itself.

    The authority is the one of client certificates, else the system's.
    """
    if material.client_ca is None:
        return grpc.ssl_channel_credentials()
    return grpc.ssl_channel_credentials(material.client_ca, material.key, material.certificate)


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(material.key, material.certificate)], material.client_ca
    )
