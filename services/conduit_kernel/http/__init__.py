"""HTTP/1.1, server and client, for the hot path: httptools parses, asyncio's protocols carry.

What each does when the other side misbehaves is in its module's tests, and in tests/faults.
"""

from conduit_kernel.http.client import HttpClient, PreparedRequest
from conduit_kernel.http.connection import Handler, OnError
from conduit_kernel.http.dial import AllowAddress, IsolatedResolver, Resolve, SharedResolver
from conduit_kernel.http.errors import (
    AnswerMisuse,
    BodyCut,
    BodyTooLarge,
    CallerGone,
    ClientClosed,
    ConnectFailed,
    ConnectionReset,
    HeaderTimeout,
    HttpError,
    IdleTimeout,
    LocalExhausted,
    PoolExhausted,
    PoolTimeout,
    ProtocolViolation,
    SpillFull,
    TotalTimeout,
    UploadFailed,
)
from conduit_kernel.http.exchange import Exchange, Stream
from conduit_kernel.http.headers import Field, Fields, Headers
from conduit_kernel.http.heads import field_lines
from conduit_kernel.http.limits import QUIET_TIMES, ClientLimits, ServerLimits, Timeouts
from conduit_kernel.http.origin import Origin, SslContextFactory, SystemTrust
from conduit_kernel.http.reader import BodyLimit, JudgeHead, StreamsBody
from conduit_kernel.http.refusal import Answer, Refusal, RenderRefusal
from conduit_kernel.http.request import Request
from conduit_kernel.http.request_body import RequestBody
from conduit_kernel.http.response import Response
from conduit_kernel.http.server import HttpServer
from conduit_kernel.http.spill import SpillBody, SpillReader, SpillSpace
from conduit_kernel.http.upload import (
    Base64Upload,
    FilesAtHand,
    JoinedUpload,
    Upload,
    UploadReader,
)

__all__ = [
    "QUIET_TIMES",
    "AllowAddress",
    "Answer",
    "AnswerMisuse",
    "Base64Upload",
    "BodyCut",
    "BodyLimit",
    "BodyTooLarge",
    "CallerGone",
    "ClientClosed",
    "ClientLimits",
    "ConnectFailed",
    "ConnectionReset",
    "Exchange",
    "Field",
    "Fields",
    "FilesAtHand",
    "Handler",
    "HeaderTimeout",
    "Headers",
    "HttpClient",
    "HttpError",
    "HttpServer",
    "IdleTimeout",
    "IsolatedResolver",
    "JoinedUpload",
    "JudgeHead",
    "LocalExhausted",
    "OnError",
    "Origin",
    "PoolExhausted",
    "PoolTimeout",
    "PreparedRequest",
    "ProtocolViolation",
    "Refusal",
    "RenderRefusal",
    "Request",
    "RequestBody",
    "Resolve",
    "Response",
    "ServerLimits",
    "SharedResolver",
    "SpillBody",
    "SpillFull",
    "SpillReader",
    "SpillSpace",
    "SslContextFactory",
    "Stream",
    "StreamsBody",
    "SystemTrust",
    "Timeouts",
    "TotalTimeout",
    "Upload",
    "UploadFailed",
    "UploadReader",
    "field_lines",
]
