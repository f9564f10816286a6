"""AutoGen's real OpenAI client on the scripted server, and what a result says."""

from __future__ import annotations

from typing import Any

from autogen_core.models import ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

from tests.support.openai_server import OpenAIServer

SCRIPTED = ModelInfo(vision=False, function_calling=True, json_output=True, structured_output=True, family="unknown")


def client_of(server: OpenAIServer, **options: Any) -> OpenAIChatCompletionClient:
    """The real client, with retries off unless ``options`` say otherwise."""
    settings: dict[str, Any] = {
        "model": "scripted",
        "model_info": SCRIPTED,
        "api_key": "test",
        "max_retries": 0,
        "timeout": 10,
        "base_url": server.url,
    }
    return OpenAIChatCompletionClient(**{**settings, **options})


def messages_of(result: Any) -> list[Any]:
    """What a result says, without what is new in each run."""
    dumps = [message.model_dump(mode="json") for message in result.messages]
    return [{k: v for k, v in dump.items() if k not in ("id", "created_at")} for dump in dumps]
