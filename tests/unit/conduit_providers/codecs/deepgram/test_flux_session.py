"""Turns that the caller ends; what the events of others are, the wire cases show."""

from tests.support.translators import kinds, said, translator

WARNING = '{"type":"Warning","code":"NO_TURN","description":"There is no turn to end"}'


def test_a_committed_item_without_words_is_done_by_the_providers_warning() -> None:
    """There was no turn to end."""
    session = translator("Deepgram", "flux-general-en")
    assert session.from_upstream(WARNING) == ()
    steps = session.to_upstream(said("input_audio_buffer.commit"))
    assert steps[-1] == '{"type":"ForceEndTurn"}'
    assert kinds(session.from_upstream(WARNING)) == ["completed"]
    assert session.from_upstream(WARNING) == ()
