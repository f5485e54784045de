"""Reads an environment that has keys of providers under the names that their SDKs look for."""

from collections.abc import Mapping

from conduit_cli.importers.draft import Draft
from conduit_cli.importers.providers import ENVIRONMENT

_AZURE_KEYS = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
_AZURE_ADDRESSES = ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE")
_AWS_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def imported(env: Mapping[str, str]) -> Draft:
    """Return instances for the keys that are there: by reference, and asked for their models."""
    draft = Draft()
    for kind, variables in ENVIRONMENT:
        if name := _first(env, variables):
            _add(draft, kind, f"env:{name}", **_openai(env) if kind == "OpenAI" else {})
    if name := _first(env, _AZURE_KEYS):
        if address := _first(env, _AZURE_ADDRESSES):
            _add(draft, "AzureOpenAI", f"env:{name}", baseUrl=env[address].rstrip("/"))
        else:
            draft.note(name, f"needs an address beside it, such as {_AZURE_ADDRESSES[0]}")
    if env.get("AWS_ACCESS_KEY_ID") and (region := _first(env, _AWS_REGIONS)):
        _add(draft, "Bedrock", "identity", settings={"region": env[region]})
    if host := env.get("OLLAMA_HOST"):
        address = host if "://" in host else f"http://{host}"
        draft.providers.append({"name": "Ollama", "providerType": "Ollama", "baseUrl": address})
    if draft.providers:
        draft.note(
            "mappings", "none are made: each instance is asked for its models; map those to use"
        )
    else:
        draft.note("environment", "has no key of a provider")
    return draft


def variables_of(text: str) -> dict[str, str]:
    """Return the variables of an `.env` file."""
    found = {}
    for line in text.splitlines():
        name, is_set, value = line.strip().removeprefix("export ").partition("=")
        if is_set and name.isidentifier():
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[name] = value[1:-1] if quoted else value.partition(" #")[0].strip()
    return found


def _add(draft: Draft, kind: str, key: str, **more: object) -> None:
    keys = [{"name": "imported", "apiKey": key}]
    draft.providers.append(
        {"name": kind, "providerType": kind, **more, "enableModelDiscovery": True, "keys": keys}
    )


def _openai(env: Mapping[str, str]) -> dict[str, object]:
    address = env.get("OPENAI_BASE_URL", "").rstrip("/")
    return {"baseUrl": address} if address else {}


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((name for name in names if env.get(name)), "")
