"""Where a call goes: one provider instance, as the codecs and signers see it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from conduit_kernel.errors import InvalidRequest

_PLACE = re.compile(r"\{(\w+)\}")


def places_in(template: str) -> list[str]:
    """Return the names of the places of a path or an address."""
    return _PLACE.findall(template)


@dataclass(frozen=True, slots=True)
class Target:
    """An instance with one of its keys, without the key's value."""

    provider_name: str
    provider_type: str
    base_url: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    organization: str = ""
    project: str = ""
    # Tells the account from others, where state that belongs to it is handed back.
    account: str = ""

    def fill(self, template: str, **values: str) -> str:
        """Fill the places of a path such as `/deployments/{model}?api-version={apiVersion}`.

        Values are percent-encoded, and come from the arguments first, then from the settings.
        InvalidRequest if the instance lacks a setting.
        """
        if "{" not in template:
            return template

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            text = values.get(name) or self.settings.get(name)
            if not text:
                raise InvalidRequest(
                    f"Provider {self.provider_name} needs the setting {name!r}",
                    field=f"settings.{name}",
                )
            return quote(text, safe="-._~")

        return _PLACE.sub(value, template)
