"""Scripted models and ready teams, so that everything in ``nb_stream`` can be seen without a key or a network.

``TEAMS[name]()`` builds a new team. For a team of your own, ``ScriptedClient`` takes a script of ``Say``, ``Call`` and
``Fail``. This package imports AutoGen; nothing else in ``nb_stream`` imports this package.
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
