"""`run_sync` in a notebook's cell and in a script, on every Python, with either patch, and beside other libraries."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer, Reply
from tests.support.paths import ROOT
from tests.support.real_kernel import NEWEST_FOR_PYTHON, Environment, Kernel, as_parameter
from tests.support.virtual_environments import find_python

ENVIRONMENTS = [
    as_parameter(Environment(version, python)) for python, version in NEWEST_FOR_PYTHON.items() if find_python(python)
]
TEAM = """
    import asyncio, sys
    from nb_stream import TeamPanel
    from nb_stream.demo import TEAMS
    panel = TeamPanel(TEAMS["writers"](pace=0.001))
    ran = []
"""
MIXED = [
    "ran.append(len(panel.run_sync('one').messages))",
    "ran.append('a cell')",
    "ran.append(len((await panel.run('two')).messages))",
    "run = panel.start('three'); ran.append(len((await run).messages))",
    "async for last in panel.run_stream(task='four'): pass\nran.append(len(last.messages))",
    "run = panel.start('five')",
    "await run; ran.append(len(panel.run_sync('six').messages))",
    "ran.append(asyncio.run(asyncio.sleep(0, 'asyncio.run')))",
]
OTHERS = """
    import asyncio, anyio, httpx, openai

    async def libraries(url):
        async with httpx.AsyncClient(trust_env=False) as client:
            async with client.stream("POST", url + "/chat/completions", json=QUESTION) as answer:
                assert "hello" in "".join([part async for part in answer.aiter_text()])
        async with openai.AsyncOpenAI(base_url=url, api_key="test") as client:
            stream = await client.chat.completions.create(**QUESTION)
            said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        assert said == "hello there", said
        told = []
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0.01)
                told.append(await anyio.to_thread.run_sync(lambda: "from a thread"))
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep(5)
        assert scope.cancelled_caught
        task = asyncio.ensure_future(asyncio.sleep(5))
        await asyncio.sleep(0)
        task.cancel()
        results = await asyncio.gather(task, asyncio.wait_for(asyncio.sleep(0, 1), 1), return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError) and results[1] == 1, results
        return told

    QUESTION = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
"""


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> Environment:
    return request.param


@pytest.fixture(scope="module")
def kernels(environment: Environment) -> Iterator[list[Kernel]]:
    """Two kernels: the second has nest_asyncio 1.6 applied, which cannot be undone."""
    with ExitStack() as stack:
        started = [stack.enter_context(closing(Kernel(environment))) for _ in range(2)]
        for kernel in started:
            kernel.connect()
        started[1].run("import nest_asyncio; nest_asyncio.apply()")
        for kernel in started:
            kernel.run(TEAM)
        yield started


def test_without_a_patch_run_sync_says_what_to_do_and_everything_else_works(kernels: list[Kernel]) -> None:
    kernel = kernels[0]
    kernel.run("""
        await panel.run("go")
        await panel.start("go")
        assert not hasattr(asyncio, "_nest_patched") and asyncio.Task is asyncio.tasks._CTask
        assert not {"nest_asyncio", "nest_asyncio2"} & set(sys.modules)
        sys.modules["nest_asyncio2"] = None
        try:
            panel.run_sync("go")
        except RuntimeError as error:
            said = str(error)
        del sys.modules["nest_asyncio2"]
        assert panel.state == "idle"
    """)
    assert kernel.evaluate("said").startswith("run_sync cannot wait inside a running")
    assert kernel.evaluate("said").endswith("Use `await panel.run(task)` instead.")


@pytest.mark.smoke
def test_cells_run_all_at_once_use_one_team_in_every_way_and_none_is_lost(kernels: list[Kernel]) -> None:
    kernel = kernels[0]
    cells = [kernel.execute(cell) for cell in MIXED]  # queued while the first one runs, as "Run All" does
    for cell in cells:
        content = kernel.finish(cell)
        assert content["status"] == "ok", content
    assert kernel.evaluate("ran") == [5, "a cell", 5, 5, 5, 5, "asyncio.run"]
    assert kernel.evaluate("hasattr(asyncio, '_nest_asyncio2')")
    assert "Error" not in kernel.log.read_text()


def test_with_nest_asyncio_1_6_every_run_ends_and_the_kernel_goes_on(kernels: list[Kernel]) -> None:
    """On ipykernel 7.1 and later, nest_asyncio 1.6 loses cells that are queued while it waits; nothing else is lost."""
    kernel = kernels[1]
    for cell in MIXED:
        kernel.run(cell)
    assert not kernel.evaluate("hasattr(asyncio, '_nest_asyncio2')")
    waiting = kernel.execute("ran.append(len(panel.run_sync('seven').messages))")
    kernel.execute("pass")
    assert kernel.finish(waiting)["status"] == "ok"
    kernel.run("ran.append('afterwards')")
    assert kernel.evaluate("ran") == [5, "a cell", 5, 5, 5, 5, "asyncio.run", 5, "afterwards"]


@pytest.mark.parametrize("patch", ["nest_asyncio2", "nest_asyncio 1.6"])
def test_other_libraries_work_after_run_sync_and_inside_it(kernels: list[Kernel], patch: str) -> None:
    kernel = kernels[patch == "nest_asyncio 1.6"]
    with OpenAIServer(lambda _: Reply("hello there")) as server:
        kernel.run(OTHERS)
        kernel.run("panel.run_sync('go')")
        kernel.run(f"assert await libraries({server.url!r}) == ['from a thread']")
        kernel.run(f"assert asyncio.run(libraries({server.url!r})) == ['from a thread']")
        kernel.run(f"""
            from autogen_agentchat.agents import AssistantAgent
            from autogen_ext.models.openai import OpenAIChatCompletionClient
            client = OpenAIChatCompletionClient(model="gpt-4o-mini", base_url={server.url!r}, api_key="test")
            real = TeamPanel(AssistantAgent("real", client, model_client_stream=True))
            texts = [real.run_sync("go").messages[-1].content, (await real.run("go")).messages[-1].content]
            texts.append(real.run_sync("go").messages[-1].content)
            assert texts == ["hello there"] * 3
        """)


SCRIPT = """
    import asyncio
    import nb_stream
    from nb_stream import TeamStream
    from nb_stream.demo import TEAMS

    stream = TeamStream(TEAMS["writers"](pace=0))
    lengths = [len(stream.run_sync("one").messages), len(stream.run_sync("two").messages)]
    assert not hasattr(asyncio, "_nest_patched"), "no loop was running"

    async def main():
        lengths.append(len((await stream.run("three")).messages))
        assert not hasattr(asyncio, "_nest_patched")
        lengths.append(len(stream.run_sync("four").messages))
        run = stream.start("five")
        lengths.append(len((await run).messages))

    asyncio.run(main())
    lengths.append(len(stream.run_sync("six").messages))
    print(lengths)
"""


@pytest.mark.parametrize("before", ["", "import nest_asyncio; nest_asyncio.apply()\n"], ids=["plain", "nest_asyncio"])
def test_a_script_runs_one_team_in_every_way(environment: Environment, tmp_path: Path, before: str) -> None:
    script = textwrap.dedent(SCRIPT)
    if before:
        script = before + script.replace('not hasattr(asyncio, "_nest_patched")', "True")
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [environment.python_executable(), "-X", "dev", "-W", "ignore", "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "[5, 5, 5, 5, 5, 5]", done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
