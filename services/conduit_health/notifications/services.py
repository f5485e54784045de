"""Notices when a service of Conduit's own goes away for longer than a restart takes."""

from collections.abc import Iterator

from conduit.v1 import notification_pb2 as pb

AWAY_SECONDS = 10.0


class ServiceWatch:
    """Remembers since when services are away. All times are seconds of one clock."""

    def __init__(self) -> None:
        # Of services that were there once: since when they are away, None while they are not.
        self._away_since: dict[str, float | None] = {}
        self._told: set[str] = set()

    def report(self, service: str, now: float, *, is_serving: bool) -> Iterator[pb.Notification]:
        """Take how a service is now; yield what is to be told of it."""
        if is_serving:
            self._away_since[service] = None
            if service in self._told:
                self._told.discard(service)
                yield _notification(service, is_back=True)
        elif service in self._away_since and self._away_since[service] is None:
            self._away_since[service] = now

    def tick(self, now: float) -> Iterator[pb.Notification]:
        """Yield the services that have been away for long since just now."""
        for service, since in self._away_since.items():
            if since is not None and service not in self._told and now - since >= AWAY_SECONDS:
                self._told.add(service)
                yield _notification(service, is_back=False)


def _notification(service: str, *, is_back: bool) -> pb.Notification:
    data = pb.ServiceNotification(service_name=service)
    if is_back:
        message = f"The {service} service is back"
        kind = pb.NOTIFICATION_KIND_SERVICE_RESTORED
    else:
        message = f"The {service} service is not serving"
        kind = pb.NOTIFICATION_KIND_SERVICE_DEGRADED
    return pb.Notification(kind=kind, message=message, service=data)
