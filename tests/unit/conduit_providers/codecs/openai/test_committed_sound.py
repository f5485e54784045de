"""Sound that was committed, and whose words are not there yet."""

from base64 import b64encode

import orjson
import pytest

from conduit_providers.codecs.openai.committed_sound import CommittedSound


def event(size: int) -> str:
    """Return what appends so many bytes."""
    audio = b64encode(bytes(size)).decode()
    return orjson.dumps({"type": "input_audio_buffer.append", "audio": audio}).decode()


@pytest.mark.parametrize(
    ("form", "size"), [("audio/pcm", 48), ("audio/pcmu", 8), ("audio/pcma", 8), (None, 48)]
)
def test_sound_is_measured_by_its_type(form: object, size: int) -> None:
    """So many bytes are a millisecond; where none is named it is PCM."""
    sound = CommittedSound()
    sound.become(form)
    for _ in range(10):
        sound.append(event(300 * size))
    assert sound.milliseconds == 0
    sound.commit()
    assert sound.milliseconds == pytest.approx(3000, abs=1)


def test_items_end_in_order() -> None:
    """What is in no item is not worked on; what was cleared is in none."""
    sound = CommittedSound()
    for _ in range(3):
        sound.append(event(4800))
        sound.commit()
    sound.append(event(4800))
    assert sound.milliseconds == 300
    sound.end()
    assert sound.milliseconds == 200
    sound.clear()
    sound.append(event(4800))
    sound.commit()
    assert sound.milliseconds == 300
    for _ in range(3):
        sound.end()
    assert sound.milliseconds == 0


def test_an_end_that_nobody_announced_is_that_of_all() -> None:
    """Providers may drop an event."""
    sound = CommittedSound()
    sound.append(event(4800))
    sound.end()
    sound.commit()
    assert sound.milliseconds == 0
