"""Scripted models and ready teams: everything that ``nb_stream`` shows, without a key or a network.

``TEAMS[name]()`` builds a fresh team; ``ScriptedClient`` takes a script of ``Say``, ``Call`` and ``Fail`` for
a team of one's own. This package imports AutoGen; nothing else in ``nb_stream`` imports this package.
"""

from __future__ import annotations

from .client import ModelCall, ScriptedClient
from .script import Call, Fail, Say, Step, split_chunks
from .server import DemoServer
from .teams import TEAMS, faulty, nested, parallel, reasoning, silent, tools, writers

__all__ = [
    "TEAMS",
    "Call",
    "DemoServer",
    "Fail",
    "ModelCall",
    "Say",
    "ScriptedClient",
    "Step",
    "faulty",
    "nested",
    "parallel",
    "reasoning",
    "silent",
    "split_chunks",
    "tools",
    "writers",
]
