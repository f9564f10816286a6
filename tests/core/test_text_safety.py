"""Characters that deceive a reader are shown by their number; those that scripts and emoji need stay."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb_stream.core.text_safety import one_line, visible


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d💻 🏳\ufe0f\u200d🌈 👍🏽\u200d♂\ufe0f",
        "می\u200cخواهم क्\u200dष",
        "1\ufe0f\u20e3 ☀\ufe0e 葛\ufe00",
        "tab\tand line\nend",
    ],
)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("pass\u200dword, pass\u200cword", ["U+200D", "U+200C"]),
        ("a\ufe0fb 😀\ufe0f\ufe01\ufe02", ["U+FE0F", "U+FE01", "U+FE02"]),
        ("\u202eevil\u2066 \u200b\ufeff\u2028", ["U+202E", "U+2066", "U+200B", "U+FEFF", "U+2028"]),
        ("x\U000e0041\U000e01ef\U000e0fff", ["U+E0041", "U+E01EF", "U+E0FFF"]),
        ("\u202e\ufe0f\u200d", ["U+202E", "U+FE0F", "U+200D"]),
        ("bell\x07 nul\x00 \x1b]8;;http://x\x1b\\", ["U+0007", "U+0000", "U+001B", "U+001B"]),
    ],
)
def test_what_deceives_is_shown_by_its_number(text: str, numbers: list[str]) -> None:
    assert re.findall(r"⟦(.*?)⟧", visible(text)) == numbers


@given(st.text())
def test_what_was_made_visible_stays_as_it_is_and_can_be_encoded(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_one_line_is_short_and_has_no_line_ends() -> None:
    assert one_line("a\n b\r\nc\x1b[31md") == "a b cd"
    assert one_line("word " * 100, 20) == "word word word word…"
