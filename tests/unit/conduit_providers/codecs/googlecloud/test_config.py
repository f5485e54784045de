"""How Google Cloud is told to recognize sound."""

import pytest

from conduit_providers.codecs.googlecloud.config import recognition_config
from conduit_providers.codecs.googlecloud.options import TranscribeModel
from conduit_providers.target import Target


@pytest.mark.parametrize(
    ("named", "detects", "expected"),
    [
        ([], True, ["auto"]),
        ([], False, ["en-US"]),
        (["en"], True, ["en-US"]),
        (["de"], True, ["de"]),
        (["fr-CA", "en"], False, ["fr-CA", "en-US"]),
    ],
)
def test_languages_are_locales(named: list[str], expected: list[str], *, detects: bool) -> None:
    """A bare language is that of the setting where it is the same one."""
    target = Target("Acme", "Google", "https://x.example", settings={"language": "en-US"})
    facts = TranscribeModel(detects_languages=detects)
    found = recognition_config("chirp_3", named, (), facts, target)
    assert found["languageCodes"] == expected
    assert "adaptation" not in found
