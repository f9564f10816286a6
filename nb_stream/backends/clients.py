"""Model clients under a switch: whether a call streams must make no difference to what it reports, or whether it works.

OpenAI's service reports the usage of a streamed call only where the request asks for it, and refuses a request that
asks without streaming. AutoGen 0.7.5 sets neither (`_openai_client.py`; issue #6548): an agent that was built without
streaming would lose its usage figures while its box is ticked, and a `TokenUsageTermination` would never end the run.
And of a streamed call that reasons it reports the thought with letters missing, or none at all.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncGenerator
from typing import Any

from .. import think
from . import autogen_private as private
from .turns import caller


class SwitchedClient:
    """Stands before a model client for the time of a run. Everything but the two calls goes through as it is."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._asks = private.stream_options(client) is None and _takes(client, "include_usage")

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:  # code of the user's own may ask which client an agent has
        return self._client.__class__  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def create_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        """The client's stream, asked to end with its usage, and with the thought that the whole answer would have."""
        if caller() is None:  # others call the agent
            async for item in self._client.create_stream(*args, **options):
                yield item
            return
        said: list[str] = []
        try:
            asked = {"include_usage": True, **options} if self._asks else options
            async for item in self._client.create_stream(*args, **asked):
                if isinstance(item, str):
                    said.append(item)
                    yield item
                else:
                    yield _with_its_thought(item, "".join(said))
            return
        except Exception as error:
            if said or not self._asks or "stream_options" not in str(error):
                raise
        self._asks = False  # the service does not know the option: older ones of Azure's do not
        async for item in self.create_stream(*args, **options):
            yield item

    async def create(self, *args: Any, **options: Any) -> Any:
        """The client's whole answer, without the options of a stream."""
        if caller() is not None and private.stream_options(self._client) is not None:
            from openai import NOT_GIVEN

            extra = {"stream_options": NOT_GIVEN, **options.get("extra_create_args", {})}
            options["extra_create_args"] = extra
        return await self._client.create(*args, **options)


def switched(client: Any) -> Any:
    """The client for a run in which its agent is switched. A cache stays in front of the client that it is for."""
    if type(client).__module__.startswith("autogen_ext.models.cache"):
        cache = copy.copy(client)
        cache.client = switched(client.client)
        return cache
    return SwitchedClient(client)


def _with_its_thought(result: Any, said: str) -> Any:
    """The result of a streamed call, with its thought as it was said between marks.

    AutoGen's OpenAI client strips the letters of the marks from the thought's ends, not the marks.
    """
    if not said.startswith(think.OPEN) or think.CLOSE not in said:
        return result
    reason = said[len(think.OPEN) : said.index(think.CLOSE)]
    eaten = f"{think.OPEN}{reason}{think.CLOSE}".lstrip(think.OPEN).rstrip(think.CLOSE)
    return result.model_copy(update={"thought": reason}) if result.thought == eaten else result


def _takes(client: Any, name: str) -> bool:
    try:
        return name in inspect.signature(client.create_stream).parameters
    except (TypeError, ValueError):
        return False
