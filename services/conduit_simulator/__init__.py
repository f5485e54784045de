"""A provider that needs no account: a real HTTP upstream that behaves, and misbehaves, on request.

It speaks OpenAI's dialect: `POST /v1/chat/completions` (whole and streamed), `POST /v1/embeddings`,
`POST /v1/images/generations` and `/v1/images/edits`, `POST /v1/audio/transcriptions` and
`/v1/audio/translations`, `POST /v1/audio/speech`, `POST` and `DELETE /v1/audio/voices`, the
WebSockets `/v1/realtime` and `/v1/live/sessions`, `GET /v1/models`. Any bearer token will do as a
key. The model's name says what happens:

=====================  ==========================================================================
``echo``               answers with the last user message
``echo-slow-50ms``     the same, after so many milliseconds of silence
``stream-100x10ms``    counts to 100, one number each 10 ms (whole answers come at once)
``think``              echoes, after some reasoning in ``reasoning_content``
``tool``               calls the first tool it is given, with arguments of the tool's schema
``tools``              calls every tool it is given, in parallel
``image``              draws: two colours of the prompt's own, as PNG; every other name does, too
``transcribe``         hears the quick brown fox, in any sound; every other name does, too
``speech``             speaks: a tone as long as the text, as wav or pcm; every other name does, too
``embed-256``          vectors of that length; every other name gives 1536, or ``dimensions``
``embed-words-256``    the same, of which those are near that are of texts with the same words
``context-100``        takes at most 100 tokens, then says ``context_length_exceeded``
``limit-5``            takes 5 requests a minute from each key, then answers 429
``policy``             refuses with 400, ``content_policy_violation``
``quota``              answers 429, ``insufficient_quota``
``status-500``         answers with that status, from 400 to 599
``status-429-retry-2`` the same, with ``Retry-After: 2``
``flaky-30``           fails 30 % of the requests with 500, by chance
``hang``               takes the request and says nothing, for ten minutes
``reset``              cuts the connection before the first byte
``cut-after-3``        cuts it after 3 chunks; a whole answer is cut in its middle
``stall-after-3``      falls silent after 3 chunks; a whole answer in its middle
``garbage``            answers 200 with something that is no JSON; a stream from its third event on
``wrong-type``         answers 200 with JSON of the wrong shape; a stream from its third event on
=====================  ==========================================================================

Other names get OpenAI's 404, ``model_not_found``. A key that reads ``sk-simulator-`` and then a
name of the table behaves that way whatever the model is, so that keys can fail one by one.

When tools are given, ``tool_choice`` is obeyed by every model. With ``response_format`` of type
``json_schema``, the answer is a value of that schema. A token is up to eight characters and the
blanks before them; usage is counted so, for what was read and what was written.
"""
