"""Teams that tests serve in another process: `python -m nb_stream serve tests.support.served_teams:NAME`."""

from __future__ import annotations

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat

from nb_stream import TeamStream
from nb_stream.demo import Call, Fail, Say, ScriptedClient, writers

PIECE = "wörter und Zeichen \u2028 in pieces, "
TEXT = PIECE * 40
SECRET = "nobody may see this before its time. " * 8


def _agent(name: str, *steps: object, pace: float = 0.004, **options: object) -> AssistantAgent:
    client = ScriptedClient(steps, pace=pace)  # type: ignore[arg-type]
    return AssistantAgent(name, client, model_client_stream=True, **options)  # type: ignore[arg-type]


def pair() -> RoundRobinGroupChat:
    """Two agents who write a little, one after the other."""
    return RoundRobinGroupChat([_agent("ann", Say(TEXT)), _agent("bob", Say(SECRET))], max_turns=2)


def slow() -> RoundRobinGroupChat:
    """An agent who writes for a minute."""
    return RoundRobinGroupChat([_agent("ann", Say(TEXT * 4, thought="Slowly. " * 9), pace=0.05)], max_turns=1)


def long(pace: float = 0.001) -> RoundRobinGroupChat:
    """An agent who writes 2,000 tokens of 6 characters, by default 1,000 a second at most."""
    return RoundRobinGroupChat([_agent("ann", Say("token " * 2000, chunk=6), pace=pace)], max_turns=1)


def asker() -> RoundRobinGroupChat:
    """A person is asked after a word."""
    return RoundRobinGroupChat([_agent("ann", Say("A short word.")), UserProxyAgent("person")], max_turns=2)


def faulty() -> RoundRobinGroupChat:
    """A model call fails in mid-message, and the next one works."""
    steps = Fail(ConnectionError("the model is gone"), 5, TEXT), Say(TEXT)
    return RoundRobinGroupChat([_agent("ann", *steps)], max_turns=1)


def look(place: str) -> str:
    """Look somewhere."""
    return f"seen: {place}"


def tooled() -> RoundRobinGroupChat:
    """Thoughts, a tool call with its result, an answer."""
    steps = Call("look", {"place": "there"}, "I look first."), Say(TEXT, thought="Now I know.")
    return RoundRobinGroupChat([_agent("ann", *steps, tools=[look], reflect_on_tool_use=True)], max_turns=1)


def stream() -> TeamStream:
    """A stream of its own options."""
    return TeamStream(writers(pace=0.002), streaming=["poet"])


def site() -> object:
    """A server of a user's own, with a team under a prefix, as jupyter-server-proxy shows it."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from nb_stream.serve import app

    return Starlette(routes=[Mount("/user/me/proxy/8765", app(pair))])


def ten() -> object:
    """Ten agents who write at the same time, 1,000 tokens a second each, 3,000 tokens."""
    agents = [_agent(f"a{number}", Say("token " * 3000, chunk=6), pace=0.001) for number in range(10)]
    builder = DiGraphBuilder()
    for agent in agents:
        builder.add_node(agent)
    return GraphFlow(agents, builder.build())
