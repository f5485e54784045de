"""A Storage service of a test's own, that comes and goes."""

from pathlib import Path

from conduit_kernel.rpc import HostedService
from conduit_kernel.settings import Settings
from conduit_storage import bootstrap

ENCRYPTION_KEY = bytes(range(32))


class StorageHost:
    """A Storage service that comes and goes at one address."""

    def __init__(self, folder: Path, **settings: int) -> None:
        self.folder = folder
        self._settings = Settings(
            data_dir=folder,
            master_key="test-master-key",
            encryption_key=ENCRYPTION_KEY,
            **settings,  # type: ignore[arg-type] # numbers, each for a number
        )
        self.port = 0
        self._process: HostedService | None = None

    @property
    def address(self) -> str:
        """Where it is, or will be again."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve, at the address that it had."""
        self._process = await bootstrap.start(self._settings, port=self.port)
        self.port = self._process.port

    async def stop(self) -> None:
        """Be away."""
        if self._process is not None:
            await self._process.drain(0)
        self._process = None
