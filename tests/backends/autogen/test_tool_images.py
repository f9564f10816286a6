"""A tool that returned an image: the picture is in the transcript, in its recording and in every form that stays."""

from __future__ import annotations

import base64
import io
import sys

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_core import Image as AutogenImage
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams
from PIL import Image

from nb_stream import TeamStream, Transcript
from nb_stream.core.cell_content import images_of
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.export.outputs import as_html, as_text
from nb_stream.recording.reader import load_transcript
from tests.support.mcp_server import PICTURE
from tests.support.paths import SUPPORT


async def run_of_tool(stream_options: dict, **options) -> tuple[TeamStream, TaskResult]:
    """A run of an agent that calls a tool of a real MCP server, which draws a picture."""
    server = StdioServerParams(command=sys.executable, args=[str(SUPPORT / "mcp_server.py")], read_timeout_seconds=60)
    async with McpWorkbench(server) as bench:
        agent = AssistantAgent(
            "ann", ScriptedClient([Call("plot", {}), Say("Here it is.")]), workbench=bench, **options
        )
        stream = TeamStream(agent, **stream_options)
        return stream, await stream.run("Draw")


def size_of(source: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size


@pytest.mark.parametrize("reflect", [True, False], ids=["reflects", "sums up"])
async def test_the_picture_of_an_mcp_tool_is_a_picture_everywhere(reflect: bool, tmp_path) -> None:
    log = tmp_path / "run.jsonl"
    stream, result = await run_of_tool({"record": log}, reflect_on_tool_use=reflect)
    assert "[Image: iVBOR" in str(result.messages[2].content), "the team's own messages stay as they are"
    transcript = stream.transcript
    [called] = [cell for cell in transcript if cell.tool_calls]
    assert called.tool_calls[0].result == "drawn\n[image 1]"
    pictures = [cell for cell in transcript if images_of(cell)]
    assert [size_of(image.source) for cell in pictures for image in images_of(cell)] == [(120, 60)] * len(pictures)
    assert len(pictures) == (1 if reflect else 2), "a summary repeats the result"
    assert load_transcript(log).cells == transcript.cells
    assert Transcript.from_dict(transcript.to_dict()).cells == transcript.cells
    data = images_of(called)[0].source
    assert f'src="{data}"' in transcript.to_html()
    assert f"]({data})" in transcript.to_markdown()
    row = next(cell for cell in transcript.to_notebook()["cells"] if "attachments" in cell)
    assert row["attachments"] == {"image-1": {"image/png": data.partition(",")[2]}}
    assert data in as_html(transcript.cells, ())
    assert "iVBOR" not in as_text(transcript.cells, ())


async def test_a_function_that_returns_the_data_of_an_image_shows_it() -> None:
    def plot() -> str:
        """Draw a picture."""
        return AutogenImage.from_base64(PICTURE).data_uri

    client = ScriptedClient([Call("plot", {}), Say("Here it is.")])
    stream = TeamStream(AssistantAgent("ann", client, tools=[plot], reflect_on_tool_use=True))
    await stream.run("Draw")
    [called] = [cell for cell in stream.transcript if cell.tool_calls]
    assert called.tool_calls[0].result == "[image 1]"
    assert [size_of(image.source) for image in images_of(called)] == [(120, 60)]
