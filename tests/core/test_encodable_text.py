"""Text that can be encoded, whatever a model or a tool hands over."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from nb_stream.core.encodable_text import clean, clean_start, cleaned

HALF, OTHER = chr(0xD83D), chr(0xDE00)
ANY = st.text(st.characters(codec=None, categories=None), max_size=8) | st.lists(
    st.sampled_from((HALF, OTHER, "a", "é", "😀")), max_size=8
).map("".join)


@given(ANY)
def test_every_text_can_be_encoded(text: str) -> None:
    clean(text).encode("utf-8")


@given(st.text(max_size=20))
def test_a_sound_text_stays_the_same_object(text: str) -> None:
    assert clean(text) is text


@given(st.lists(ANY, max_size=6))
def test_pieces_join_to_the_same_text_as_the_whole(pieces: list[str]) -> None:
    done, half = "", ""
    for piece in pieces:
        text, half = clean_start(half + piece)
        done += text
    assert done + clean(half) == clean("".join(pieces))


def test_halves_that_meet_are_one_character() -> None:
    assert clean(f"a{HALF}{OTHER}b") == "a😀b"
    assert clean(f"{OTHER}{HALF}{HALF}{OTHER}") == "\ufffd\ufffd😀"
    assert clean_start(f"a{HALF}") == ("a", HALF)
    assert clean_start(HALF) == ("", HALF)


@dataclass(frozen=True)
class Thing:
    name: str
    parts: tuple[object, ...] = ()
    more: object = None


def test_all_texts_inside_are_cleaned_and_the_rest_is_left_alone() -> None:
    sound = Thing("a", ("b", 1, None), {"c": ["d", 2.5]})
    assert cleaned(sound) is sound
    broken = Thing(HALF, ("b", Thing("x", (OTHER,))), {HALF: [HALF, {"c": HALF}], "d": True})
    assert cleaned(broken) == Thing(
        "\ufffd", ("b", Thing("x", ("\ufffd",))), {"\ufffd": ["\ufffd", {"c": "\ufffd"}], "d": True}
    )
