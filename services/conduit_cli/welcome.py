"""From the moment the processes are up to the text that says so."""

import time
from importlib.metadata import version

from conduit_cli import first_steps
from conduit_cli.gateway import Gateway, GatewayError
from conduit_cli.greeting import greeting
from conduit_cli.keys import SET_UP, VIRTUAL, KeyFile
from conduit_cli.layout import ADDRESS_FILE, Layout
from conduit_cli.supervisor import StartFailed, log

CALL_SECONDS = 5.0


class Welcome:
    """A gateway that has just started."""

    def __init__(self, layout: Layout, key_file: KeyFile, master_key: str) -> None:
        self._layout = layout
        self._key_file = key_file
        self._master_key = master_key

    def wait_until_it_answers(self, deadline: float) -> None:
        """Return when it can serve. StartFailed if that takes until the deadline."""
        gateway = self._gateway({})
        while True:
            try:
                gateway.call("GET", "/health/ready")
            except (GatewayError, OSError, ValueError) as error:
                if time.monotonic() > deadline:
                    raise StartFailed(f"The gateway is not ready: {error}") from error
                time.sleep(0.02)
            else:
                return

    def text(
        self, made_keys: dict[str, str], *, seconds: float, command: str, shows_keys: bool
    ) -> str:
        """Do what a first start does, and return what to say; `seconds` is what it took."""
        (self._layout.data_dir / ADDRESS_FILE).write_text(self._layout.url + "\n", "utf-8")
        new_virtual_key = self._first_steps()
        return greeting(
            self._layout,
            version=version("conduit-suite"),
            seconds=seconds,
            made_keys=made_keys,
            new_virtual_key=new_virtual_key,
            key_file=self._key_file.path,
            has_virtual_key=VIRTUAL in self._key_file.read(),
            command=command,
            shows_keys=shows_keys,
        )

    def _first_steps(self) -> str:
        """Fill a new gateway; return the virtual key that was made, empty when there was none."""
        if self._key_file.read().get(SET_UP) is True:
            return ""
        try:
            virtual_key = first_steps.set_up(self._gateway({"x-master-key": self._master_key}))
        except (GatewayError, OSError) as error:
            # The gateway serves without them; the next start tries again.
            log("first_steps_failed", error=str(error))
            return ""
        self._key_file.store({VIRTUAL: virtual_key, SET_UP: True})
        caller = self._gateway({"authorization": f"Bearer {virtual_key}"})
        if not first_steps.wait_until_visible(caller):
            log("first_steps_invisible")
        return virtual_key

    def _gateway(self, headers: dict[str, str]) -> Gateway:
        certificate = self._layout.certificate
        return Gateway(self._layout.url, headers, CALL_SECONDS, certificate=certificate)
