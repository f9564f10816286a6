"""Thoughts in marks: split off while they stream, wherever the text is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb_stream.core import think_tags
from tests.support.random_runs import REASONS, eaten

MANY = settings(max_examples=10 * settings().max_examples)
MARKED = st.lists(
    st.sampled_from(("<think>", "</think>", "<", "</", "think>", "<thi", "`", "\n", " ", "a", "b c", "🎉")), max_size=12
).map("".join)


def streamed(pieces: list[str]) -> tuple[str, str, str, str]:
    """The phase, the thought, the answer and what is pending after these pieces."""
    phase, thought, answer, pending = "start", "", "", ""
    for piece in pieces:
        before = phase
        phase, more_thought, more_answer, pending = think_tags.split(phase, pending + piece)
        if think_tags.is_turned(phase) and not think_tags.is_turned(before):
            thought, answer = answer, ""
        thought, answer = thought + more_thought, answer + more_answer
    return phase, thought, answer, pending


@MANY
@given(MARKED, st.sets(st.integers(0, 40)))
def test_cuts_make_no_difference(text: str, cuts: set[int]) -> None:
    """But for what still waits: of a thought it may be more or less."""
    borders = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    for pieces in ([text[start:end] for start, end in pairwise(borders)], list(text)):
        phase, thought, answer, pending = streamed(pieces)
        assert (phase, thought + pending, answer) == whole_of(text)


def whole_of(text: str) -> tuple[str, str, str]:
    phase, thought, answer, pending = streamed([text])
    return phase, thought + pending, answer


@MANY
@given(MARKED)
def test_a_text_is_split_alike_streamed_and_whole(text: str) -> None:
    _, thought, answer, pending = streamed([text])
    if (think_tags.opens(text) and think_tags.CLOSE in text) or is_lone(text):
        assert think_tags.whole(text) == (thought if thought.strip() else "", answer)
        assert pending == ""
    else:
        assert think_tags.whole(text) == ("", text)


def is_lone(text: str) -> bool:
    """Whether a text has the mark that ends a thought, and neither the one that begins it nor a backtick before it."""
    before, mark, _ = text.partition("</think>")
    return bool(mark) and "<think>" not in before and not before.endswith("`")


@MANY
@given(MARKED)
def test_nothing_of_a_text_is_lost_but_marks_and_the_line_breaks_beside_them(text: str) -> None:
    _, thought, answer, pending = streamed([text])
    kept = (thought + answer + pending).replace("\n", "").strip()
    if is_lone(text):
        assert kept == text.replace(think_tags.CLOSE, "", 1).replace("\n", "").strip()
    elif not think_tags.opens(text):
        assert kept == text.replace("\n", "").strip()
    else:
        rest = text.lstrip()[len(think_tags.OPEN) :].replace(think_tags.CLOSE, "", 1)
        assert kept == rest.replace("\n", "").strip()


@MANY
@given(st.lists(st.tuples(st.booleans(), MARKED), max_size=5), st.sets(st.integers(0, 60)))
def test_what_a_shield_has_marked_is_told_apart_whatever_letters_are_in_it(
    parts: list[tuple[bool, str]], cuts: set[int]
) -> None:
    parts.insert(0, (True, "It thinks. "))
    text = "".join(f"{think_tags.BEGIN}{said}{think_tags.END}" if thought else said for thought, said in parts)
    borders = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    for pieces in ([text[start:end] for start, end in pairwise(borders)], list(text)):
        _, thought, answer, pending = streamed(pieces)
        assert thought == "".join(said for is_thought, said in parts if is_thought)
        assert (answer, pending) == ("".join(said for is_thought, said in parts if not is_thought), "")


def test_a_thought_that_only_its_template_opened_ends_at_the_mark() -> None:
    assert streamed(["They want ", "a greeting.</thi", "nk>\n\nGood", " morning"]) == (
        "turned",
        "They want a greeting.",
        "Good morning",
        "",
    )
    assert think_tags.whole("\n</think>\n\nGood morning") == ("", "Good morning")
    for text in ("Close it with `</think>`.", "Write <think> and </think> round it."):
        assert think_tags.whole(text) == ("", text)
        assert streamed(list(text)) == ("text", "", text, "")


def test_what_may_be_a_mark_waits() -> None:
    assert think_tags.split("start", " <thi") == ("start", "", "", " <thi")
    assert think_tags.split("start", " <thin") == ("start", "", "", " <thin")
    assert think_tags.split("start", " <this") == ("bare", "", " <this", "")
    assert think_tags.split("thought", "Hm\n</th") == ("thought", "Hm", "", "\n</th")
    assert think_tags.split("thought", "\n</this") == ("thought", "\n</this", "", "")


@pytest.mark.parametrize("reason", REASONS)
def test_letters_that_were_eaten_are_given_back(reason: str) -> None:
    streamed = think_tags.whole(f"<think>{reason}</think>")[0]
    healed = think_tags.repaired_thought(eaten(reason), streamed)
    if eaten(reason).strip():
        assert healed.strip() == reason.strip()
    else:
        assert healed == eaten(reason)  # AutoGen reports no empty thought


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        ("something else", "the kind thought"),
        ("", "think"),
        ("e", "an e here"),
        ("Let", "Let me see"),
        ("thought", "the thought of it"),
    ],
)
def test_another_thought_is_left_as_it_is(said: str, whole: str) -> None:
    assert think_tags.repaired_thought(said, whole) == said
    assert not think_tags.same(said, whole)


def test_a_thought_that_lost_nothing_is_left_as_it_was_said() -> None:
    assert think_tags.repaired_thought(" as it was\n", "as it was") == " as it was\n"
