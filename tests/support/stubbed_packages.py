"""Agents of autogen-ext whose packages are large: their classes on stubs, and an agent that runs code without a model."""

from __future__ import annotations

import importlib
import sys
import types
import warnings
from typing import Any

import pytest
from autogen_agentchat.agents import CodeExecutorAgent
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor


class Stub(Exception):
    """Stands for every class of a package that is not installed."""

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: types.SimpleNamespace(title="", text_content="")


def stubbed(monkeypatch: pytest.MonkeyPatch, module: str, name: str, *needs: str) -> type[Any]:
    """A class of autogen-ext whose module wants packages that agents under test do not call."""
    for need in needs:
        stub = types.ModuleType(need)
        stub.__getattr__ = lambda _: Stub  # type: ignore[method-assign]
        monkeypatch.setitem(sys.modules, need, stub)
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def code_agent(**options: Any) -> CodeExecutorAgent:
    """An agent called coder that runs code on this machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CodeExecutorAgent("coder", LocalCommandLineCodeExecutor(), **options)
