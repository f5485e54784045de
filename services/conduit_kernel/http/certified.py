"""Requests of callers who have shown a client certificate."""

from conduit_kernel.http.exchange import Exchange


class CertifiedExchange(Exchange):
    """A request on a connection with a client certificate, which the server has verified."""

    __slots__ = ()

    @property
    def certificate(self) -> str:  # type: ignore[override] # a constant of requests without one
        """Return the certificate's name."""
        return self._caller.certificate
