"""Real engines behind OpenAI's two routes of sound: espeak-ng speaks, pocketsphinx writes down.

Run as a process of its own, with the packages that `make engines` installs:
``python server.py`` prints its port, and serves until its standard input ends.
"""

import ctypes
import io
import json
import sys
import threading
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import espeakng_loader
import numpy as np
import pocketsphinx
import soundfile

# Free dictation of synthetic speech is poor: these are the words that there are.
GRAMMAR = """#JSGF V1.0;
grammar commands;
public <command> = <verb> <way> [ <number> <unit> ];
<verb> = go | turn | look;
<way> = forward | backward | left | right;
<number> = one | two | three | four | five | six | seven | eight | nine | ten;
<unit> = meters | degrees;
"""
HEARING_RATE = 16_000
PCM_RATE = 24_000
# As libsndfile calls them.
FORMATS = {
    "flac": ("FLAC", "PCM_16", "audio/flac"),
    "mp3": ("MP3", "MPEG_LAYER_III", "audio/mpeg"),
    "opus": ("OGG", "OPUS", "audio/ogg"),
    "wav": ("WAV", "PCM_16", "audio/wav"),
}
_RETRIEVAL, _RATE_PARAMETER, _USUAL_RATE, _UTF8 = 1, 1, 175, 1
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Speaker:
    """Speaks by espeak-ng, one text after the other: it is one engine for a process."""

    def __init__(self) -> None:
        """Load the engine and its English voice."""
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate: int = self._library.espeak_Initialize(_RETRIEVAL, 0, data, 0)
        assert self._rate > 0
        assert self._library.espeak_SetVoiceByName(b"en-us") == 0
        self._pieces: list[bytes] = []
        self._callback = _CALLBACK(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._lock = threading.Lock()

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    def speak(self, text: str, speed: float) -> np.ndarray:
        """Return samples at OpenAI's rate."""
        with self._lock:
            self._pieces.clear()
            self._library.espeak_SetParameter(_RATE_PARAMETER, int(_USUAL_RATE * speed), 0)
            data = text.encode() + b"\0"
            size = ctypes.c_size_t(len(data))
            assert self._library.espeak_Synth(data, size, 0, 1, 0, _UTF8, None, None) == 0
            assert self._library.espeak_Synchronize() == 0
            return resampled(np.frombuffer(b"".join(self._pieces), "<i2"), self._rate, PCM_RATE)


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Return a whole sound at another rate, by its spectrum."""
    count = len(samples) * wanted // rate
    found = np.fft.irfft(np.fft.rfft(samples), n=count) * (count / len(samples))
    return found.clip(-32768, 32767).astype("<i2")


def written_down(samples: np.ndarray) -> tuple[str, list[dict[str, Any]]]:
    """Return the words of a sound of the hearing rate, and when each was said."""
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL", samprate=HEARING_RATE)
    decoder.add_jsgf_string("commands", GRAMMAR)
    decoder.activate_search("commands")
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    words = [
        {"word": each.word, "start": each.start_frame / 100, "end": (each.end_frame + 1) / 100}
        for each in decoder.seg()
        if each.word.isalpha()
    ]
    return (found.hypstr if found else ""), words


class Handler(BaseHTTPRequestHandler):
    """Answers as OpenAI does."""

    protocol_version = "HTTP/1.1"
    speaker: Speaker

    def do_POST(self) -> None:
        """Speak, or write down."""
        body = self._body()
        if self.path.endswith("/audio/speech"):
            self._speak(json.loads(body))
        else:
            self._write_down(body)

    def _speak(self, wish: dict[str, Any]) -> None:
        samples = self.speaker.speak(wish["input"], wish.get("speed") or 1.0)
        kind = wish.get("response_format") or "mp3"
        if kind == "pcm":
            self._answer("audio/pcm", samples.tobytes())
            return
        container, coding, media_type = FORMATS[kind]
        file = io.BytesIO()
        soundfile.write(file, samples, PCM_RATE, coding, format=container)
        self._answer(media_type, file.getvalue())

    def _write_down(self, body: bytes) -> None:
        form = dict(members(self.headers["content-type"], body))
        sound, rate = soundfile.read(io.BytesIO(form["file"]), dtype="int16", always_2d=True)
        seconds = round(len(sound) / rate, 3)
        text, words = written_down(resampled(sound.mean(axis=1), rate, HEARING_RATE))
        answer: dict[str, Any] = {"text": text, "usage": {"type": "duration", "seconds": seconds}}
        if form.get("response_format") == b"verbose_json":
            answer |= {"language": "english", "duration": seconds, "words": words}
        self._answer("application/json", json.dumps(answer).encode())

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(self.headers["content-length"]))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, media_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def members(media_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return the members of a form."""
    message: Message = message_from_bytes(f"content-type: {media_type}\r\n\r\n".encode() + body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    found = []
    for part in parts:
        assert isinstance(part, Message)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(part.get_param("name", header="content-disposition")), content))
    return found


def main() -> None:
    """Serve until standard input ends."""
    Handler.speaker = Speaker()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
