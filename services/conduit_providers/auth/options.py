"""The options of each auth strategy in a catalog file."""

from collections.abc import Mapping

import msgspec

from conduit_providers.importing import imported


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of strategies that have none."""


class IdentityOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Headers besides the key; empty names where the provider has none."""

    # The header with the key's organization, and that with its project.
    organization_header: str = ""
    project_header: str = ""


class BearerOptions(IdentityOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The word before the key."""

    # As some providers have it by another name: `Token`.
    scheme: str = "Bearer"


class HeaderOptions(IdentityOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The header of the key, such as `x-api-key`."""

    name: str


class AwsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service that requests are signed for."""

    # By which AWS knows the service.
    service: str = "bedrock"
    # The same for some paths, where a type has several services.
    services: Mapping[str, str] = {}
    # The paths of WebSockets, whose signature is in the query.
    presigned: frozenset[str] = frozenset()


class GoogleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scope that tokens are requested for."""

    scope: str = "https://www.googleapis.com/auth/cloud-platform"


class EntraOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scope that tokens are requested for, and their issuer."""

    scope: str = "https://cognitiveservices.azure.com/.default"
    # Who issues them, in place of https://login.microsoftonline.com and of the variable
    # AZURE_AUTHORITY_HOST.
    authority: str = ""


class AzureOptions(EntraOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Those of Entra, and the header of a resource's key."""

    name: str = "api-key"


OPTIONS: Mapping[str, type[msgspec.Struct]] = {
    "aws_sigv4": AwsOptions,
    "azure": AzureOptions,
    "azure_entra": EntraOptions,
    "bearer": BearerOptions,
    "google_token": GoogleOptions,
    "header": HeaderOptions,
    "none": NoOptions,
}


def auth_options(kind: str) -> type[msgspec.Struct]:
    """Return the options of a strategy; those of a third party are its module's `Options`.

    InvalidRequest if the module cannot be imported.
    """
    if "." not in kind:
        return OPTIONS[kind]
    options: type[msgspec.Struct] = getattr(imported(kind), "Options", NoOptions)
    return options
