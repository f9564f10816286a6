"""Ready teams with scripted models, one for each thing that a panel can show.

Each function returns a new team with clients and agents of its own. The agents say the same for every task. ``pace`` is
in seconds per chunk, as in ``ScriptedClient``. All teams stream token by token, unless a docstring says otherwise, and
can be run any number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Team
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat

from . import texts
from .client import AtEnd, ScriptedClient
from .script import Call, Fail, Say, Step

PACE = 0.02

Unit: TypeAlias = Literal["oz", "g", "mi", "km", "F", "C"]
Operation: TypeAlias = Literal["add", "subtract", "multiply", "divide"]

_CONVERSIONS: dict[tuple[str, str], Callable[[float], float]] = {
    ("oz", "g"): lambda ounces: ounces * 28.349523125,
    ("g", "oz"): lambda grams: grams / 28.349523125,
    ("mi", "km"): lambda miles: miles * 1.609344,
    ("km", "mi"): lambda kilometres: kilometres / 1.609344,
    ("F", "C"): lambda degrees: (degrees - 32) / 1.8,
    ("C", "F"): lambda degrees: degrees * 1.8 + 32,
}
_OPERATIONS: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "add": ("+", lambda a, b: a + b),
    "subtract": ("-", lambda a, b: a - b),
    "multiply": ("*", lambda a, b: a * b),
    "divide": ("/", lambda a, b: a / b),
}


def convert_units(value: float, from_unit: Unit, to_unit: Unit) -> str:
    """Convert ounces and grams, miles and kilometres, Fahrenheit and Celsius; six significant digits."""
    if (from_unit, to_unit) not in _CONVERSIONS:
        known = ", ".join(f"{source} to {target}" for source, target in _CONVERSIONS)
        raise ValueError(f"Cannot convert {from_unit} to {to_unit}; this tool knows {known}.")
    return f"{value:.6g} {from_unit} = {_CONVERSIONS[from_unit, to_unit](value):.6g} {to_unit}"


def calculate(operation: Operation, a: float, b: float) -> str:
    """One step of arithmetic on two numbers; six significant digits."""
    if operation not in _OPERATIONS:
        raise ValueError(f"Cannot {operation}; this tool knows {', '.join(_OPERATIONS)}.")
    if operation == "divide" and b == 0:
        raise ValueError("Cannot divide by zero; ask for another divisor.")
    sign, apply = _OPERATIONS[operation]
    return f"{a:.6g} {sign} {b:.6g} = {apply(a, b):.6g}"


def writers(*, pace: float = PACE) -> Team:
    """A poet and a critic who take turns: two versions of a poem, two reviews."""
    poet = _agent("poet", "writes short poems", [Say(texts.FIRST_POEM), Say(texts.SECOND_POEM)], pace)
    critic = _agent("critic", "reviews poems", [Say(texts.FIRST_REVIEW), Say(texts.SECOND_REVIEW)], pace)
    return RoundRobinGroupChat([poet, critic], name="writers", max_turns=4)


def parallel(*, pace: float = PACE) -> Team:
    """A planner, three researchers who write at the same time, and an editor who joins what they found."""
    planner = _agent("planner", "divides the work", [Say(texts.PLAN)], pace)
    researchers = [
        _agent("historian", "knows when things came about", [Say(texts.HISTORY)], pace),
        _agent("physicist", "knows why things hold", [Say(texts.PHYSICS)], pace),
        _agent("mechanic", "knows how things feel", [Say(texts.PRACTICE)], pace),
    ]
    editor = _agent("editor", "joins the parts", [Say(texts.ARTICLE)], pace)
    builder = DiGraphBuilder().add_node(planner).add_node(editor)
    for researcher in researchers:
        builder.add_node(researcher).add_edge(planner, researcher).add_edge(researcher, editor)
    return GraphFlow([planner, *researchers, editor], builder.build(), name="parallel")


def tools(*, pace: float = PACE) -> Team:
    """An agent that makes two tool calls at once, then a third one with their results, and then writes its answer."""
    script: list[Step] = [
        (
            Call("convert_units", {"value": 12, "from_unit": "oz", "to_unit": "g"}, texts.RECIPE_FIRST),
            Call("convert_units", {"value": 350, "from_unit": "F", "to_unit": "C"}),
        ),
        Call("calculate", {"operation": "multiply", "a": 340.194, "b": 1.5}),
        Say(texts.RECIPE),
    ]
    baker = _agent(
        "baker",
        "scales recipes",
        script,
        pace,
        tools=[convert_units, calculate],
        max_tool_iterations=2,
        reflect_on_tool_use=True,
    )
    return RoundRobinGroupChat([baker], name="tools", max_turns=1)


def reasoning(*, pace: float = PACE) -> Team:
    """An agent whose model thinks before it answers."""
    thinker = _agent("thinker", "counts zeros", [Say(texts.ZEROS, thought=texts.ZEROS_THOUGHT)], pace)
    return RoundRobinGroupChat([thinker], name="reasoning", max_turns=1)


def nested(*, pace: float = PACE) -> Team:
    """A team ``research`` (reader, writer) inside a team that has a ``writer`` of its own, and an editor."""
    reader = _agent("reader", "finds sources", [Say(texts.BEE_READING)], pace)
    note_writer = _agent("writer", "writes notes", [Say(texts.BEE_NOTES)], pace)
    research = RoundRobinGroupChat(
        [reader, note_writer], name="research", description="a team that reads and takes notes", max_turns=2
    )
    writer = _agent("writer", "writes articles", [Say(texts.BEE_ARTICLE)], pace)
    editor = _agent("editor", "has the last word", [Say(texts.BEE_EDIT)], pace)
    return RoundRobinGroupChat([research, writer, editor], name="nested", max_turns=3)


def silent(*, pace: float = PACE) -> Team:
    """A narrator who streams and an archivist who was built without streaming."""
    narrator = _agent("narrator", "tells it", [Say(texts.LENS)], pace)
    archivist = _agent("archivist", "files it", [Say(texts.LENS_ENTRY)], pace, model_client_stream=False)
    return RoundRobinGroupChat([narrator, archivist], name="silent", max_turns=2)


def faulty(*, pace: float = PACE) -> Team:
    """A team whose second agent loses its connection in its first message, and works from its second call on.

    AutoGen 0.7.5 cannot run a team again after an error; nb_stream can. To see it, give a TeamPanel the team and not
    this function: a new team of ``faulty()`` would fail again.
    """
    lost = Fail(ConnectionError("The model server closed the connection."), 24, texts.CLOUD_BASE)
    observer = _agent("observer", "looks at the sky", [Say(texts.WEATHER)], pace)
    forecaster = _agent("forecaster", "explains it", [lost, Say(texts.CLOUD_BASE)], pace, at_end="repeat")
    return RoundRobinGroupChat([observer, forecaster], name="faulty", max_turns=2)


TEAMS: dict[str, Callable[..., Team]] = {
    build.__name__: build for build in (writers, parallel, tools, reasoning, nested, silent, faulty)
}


def _agent(
    name: str,
    does: str,
    script: Sequence[Step],
    pace: float,
    *,
    at_end: AtEnd = "cycle",
    model_client_stream: bool = True,
    **options: Any,
) -> AssistantAgent:
    return AssistantAgent(
        name,
        ScriptedClient(script, pace=pace, at_end=at_end),
        description=f"The {name}, who {does}.",
        system_message=f"You are the {name}.",
        model_client_stream=model_client_stream,
        **options,
    )
