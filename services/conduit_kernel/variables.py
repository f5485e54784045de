"""Values of environment variables, and what is wrong with those that make no sense."""

from collections.abc import Mapping


def required(env: Mapping[str, str], name: str) -> str:
    """Return a value; ValueError, saying where it comes from, if there is none."""
    if value := env.get(name, ""):
        return value
    raise ValueError(f"{name} is not set; `conduit serve` makes one, other commands need it given")


def names_of(env: Mapping[str, str], name: str) -> list[str]:
    """Return what a value has between commas."""
    return [part.strip() for part in env.get(name, "").split(",") if part.strip()]


def number(env: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number of 0 or more; ValueError if it is another text."""
    text = env.get(name) or str(default)
    if not text.isdecimal():
        raise ValueError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def optional_number(env: Mapping[str, str], name: str) -> int | None:
    """Return a whole number of 0 or more; None if nothing is set."""
    return number(env, name, 0) if env.get(name) else None


def positive(env: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number of 1 or more; ValueError if it is another text."""
    if value := number(env, name, default):
        return value
    raise ValueError(f"{name} must be at least 1")


def flag(env: Mapping[str, str], name: str) -> bool:
    """Return whether a value is one of those for true; ValueError if it is for neither."""
    text = env.get(name, "").lower()
    if text not in {"", "0", "1", "true", "false", "yes", "no"}:
        raise ValueError(f"{name} must be true or false, not {text!r}")
    return text in {"1", "true", "yes"}
