"""Both event loops, a server to call, and a caller that speaks raw bytes."""

import asyncio
import contextlib
import os
from asyncio import AbstractEventLoopPolicy, DefaultEventLoopPolicy
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import uvloop

from conduit_kernel.http import Exchange, HttpServer, ServerLimits

Handler = Callable[[Exchange], Awaitable[None]]


@pytest.fixture(params=["uvloop", "asyncio"])
def event_loop_policy(request: pytest.FixtureRequest) -> AbstractEventLoopPolicy:
    """Run every test on both loops."""
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else DefaultEventLoopPolicy()
