"""A transcript as data: what it shows, and that it can be written down and read again."""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb_stream.core.model import AgentInfo, CellKind, CellStatus, Chunk, Message, RunFinished, RunStarted
from nb_stream.core.reducer import fold
from nb_stream.core.transcript import StreamingCell, Transcript
from nb_stream.errors import UnknownAgentError
from tests.support.random_runs import Author
from tests.support.transcript_oracle import folded

RUN = RunStarted("r1", 0.0, "Go.")


def said(text: str, agent: str = "ann", path: str = "ann") -> Message:
    return Message(agent, path, 1.0, CellKind.TEXT, text, "TextMessage", "m1")


@settings(max_examples=5 * settings().max_examples, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**48).map(random.Random))
def test_a_finished_transcript_comes_back_from_json_as_it_was(r: random.Random) -> None:
    transcript = folded(Author(r).scenario().events)
    text = json.dumps(transcript.to_dict(), ensure_ascii=False, allow_nan=False)
    assert Transcript.from_dict(json.loads(text.encode("utf-8"))) == transcript


def test_a_transcript_that_was_read_goes_on_with_ids_of_its_own() -> None:
    first = folded([RUN, said("one"), RunFinished("r1", 2.0, CellStatus.DONE)])
    again = Transcript.from_dict(first.to_dict())
    after, _ = fold(again, said("two"))
    assert [cell.id for cell in after.cells] == ["c1", "c2"]


def test_text_that_is_being_written_is_written_down_as_it_stands() -> None:
    transcript = folded([RUN, Chunk("ann", "ann", 1.0, "Hel", "m1")])
    (cell,) = Transcript.from_dict(transcript.to_dict()).cells
    assert (cell.text, cell.status) == ("Hel", CellStatus.WRITING)


def test_an_unknown_version_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="version 99; nb_stream reads version 1"):
        Transcript.from_dict({"version": 99, "runs": [], "cells": []})
    with pytest.raises(ValueError, match="version None"):
        Transcript.from_dict({})


def test_a_transcript_never_changes() -> None:
    before = folded([RUN, Chunk("ann", "ann", 1.0, "Hel", "m1")])
    kept = before.to_dict()
    after, _ = fold(before, said("Hello"))
    assert before.to_dict() == kept
    assert after != before
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.settled = ()  # type: ignore[misc]


def test_finished_cells_come_first_and_live_ones_in_the_order_in_which_they_began() -> None:
    transcript = folded(
        [
            RUN,
            Chunk("ann", "ann", 1.0, "<thi", "m1"),  # not to be seen yet
            Chunk("ben", "ben", 1.0, "Hi", "m2"),
            Chunk("ann", "ann", 1.0, "nk>Hm</think>Yes", "m1"),
            Message("cy", "cy", 2.0, CellKind.TEXT, "Done", "TextMessage", "m3"),
        ]
    )
    assert [(cell.agent, cell.text) for cell in transcript] == [
        ("cy", "Done"),
        ("ben", "Hi"),
        ("ann", "Hm"),
        ("ann", "Yes"),
    ]
    assert len(transcript) == 4


def test_cells_of_an_agent_are_found_by_name_and_by_path() -> None:
    transcript = folded([RUN, said("outer"), said("inner", path="team/ann"), said("other", "ben", "ben")])
    assert [cell.text for cell in transcript.of("ann")] == ["outer", "inner"]
    assert [cell.text for cell in transcript.of("team/ann")] == ["inner"]
    with pytest.raises(UnknownAgentError, match=r"No agent is called 'nobody'.*: 'ann', 'team/ann', 'ben'\."):
        transcript.of("nobody")


def test_an_agent_of_the_team_that_has_said_nothing_yet_has_no_cells() -> None:
    transcript = replace(folded([RUN, said("outer")]), agents=(AgentInfo("cy", "team/cy"),))
    assert transcript.of("cy") == transcript.of("team/cy") == ()
    with pytest.raises(KeyError, match="'team/cy', 'ann'"):
        transcript.of("bob")


def test_transcripts_are_compared_by_what_they_say() -> None:
    assert folded([RUN, said("one")]) == folded([RUN, said("one")])
    assert folded([RUN, said("one")]) != folded([RUN, said("two")])
    assert Transcript() == Transcript()


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=60))
def test_a_text_in_pieces_is_the_text_and_has_few_of_them(pieces: list[str]) -> None:
    writing = StreamingCell(folded([said("")]).cells[0])
    for piece in pieces:
        writing = writing.grown(piece)
    text = "".join(pieces)
    assert (writing.text, writing.length, writing.cell.text) == (text, len(text), text)
    assert len(writing.pieces) <= len(text).bit_length()


# --- as the last line of a cell ------------------------------------------------------------------------------------


def test_a_transcript_shows_itself_in_a_notebook_as_html_markdown_and_text() -> None:
    transcript = folded([RUN, said("It is <b>late</b>."), RunFinished("r1", 2.0, CellStatus.DONE, "Enough.")])
    bundle = transcript._repr_mimebundle_()
    assert sorted(bundle) == ["text/html", "text/markdown", "text/plain"]
    assert "It is &lt;b&gt;late&lt;/b&gt;." in bundle["text/html"]
    assert all("Enough." in form and "ann" in form for form in bundle.values())
    assert transcript._repr_html_() == bundle["text/html"]
    assert transcript._repr_markdown_() == bundle["text/markdown"]
    assert repr(transcript) == "Transcript(runs=1, cells=1)"
    assert not any("not shown" in form for form in Transcript()._repr_mimebundle_().values())


@pytest.mark.parametrize("text", ["word " * 20, "word " * 200_000], ids=["many", "long"])
def test_what_a_notebook_shows_of_it_has_a_bound_and_says_what_is_left_out(text: str) -> None:
    events = [
        RunStarted("r1", 0.0, text),
        *(said(f"{number} {text}") for number in range(3_000 if len(text) < 200 else 3)),
    ]
    bundle = folded(events)._repr_mimebundle_()
    for form in bundle.values():
        assert len(form) < 400_000
        assert "earlier messages are not shown here" in form or "(cut: " in form
        assert "2999 word" in form or "2 word" in form  # the newest
