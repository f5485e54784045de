"""Writes a gateway's configuration as a file, without secrets."""

import yaml

from conduit_cli.configuration.listed import KINDS, every, exported, shown
from conduit_cli.gateway import Gateway

HEADING = (
    "# The configuration of a Conduit gateway. Values of keys are not in it: those that are no "
    "references\n# stay in the gateway, and are given (`apiKey`) for another one.\n"
)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def export(gateway: Gateway) -> str:
    """Return the file. GatewayError or OSError if it cannot be had."""
    names = {
        int(each["id"]): str(each["name"]) for each in every(gateway, "/api/providers", "providers")
    }
    text = str(gateway.call("GET", "/api/config")["yaml"])
    listed = {
        kind.section: [exported(kind, each) for each in shown(gateway, kind, names)]
        for kind in KINDS
    }
    return HEADING + text + yaml.dump(listed, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
