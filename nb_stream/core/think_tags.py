"""Splits the thoughts of models off from their answers while they stream.

A backend may put a shield beneath a model client, which knows what is a thought. It puts the thought between `BEGIN`
and `END`, and everything else is text. Text of other clients has marks. `<think>…</think>` marks a thought at
the very beginning of a text, after white space. In a text with `</think>` alone, everything before the mark is a
thought, because the template of the model has opened it. The same letters later in a text, or in backticks, may be part
of an answer about such marks.

Some clients write the marks and take them off again by stripping characters. This also takes letters from the ends of
the thought; `repaired_thought` gives them back.
"""

from __future__ import annotations

import re

OPEN, CLOSE = "<think>", "</think>"

BEGIN, END = "\ufdd0", "\ufdd1"
"""The marks of a shield. No text has them: Unicode reserves these characters for use inside a program."""


_QUOTED = "`" + CLOSE
_BARE_MARK = re.compile(f"{OPEN}|`?{CLOSE}")
_KNOWN_MARK = re.compile(f"([{BEGIN}{END}])")


def split(phase: str, text: str) -> tuple[str, str, str, str]:
    """Split the next piece of a streamed text into thought and answer.

    Takes the phase, at first `"start"`, and the text that is not placed yet. Returns the new phase, the text for the
    thought, the text for the answer, and the text that has to wait for the next piece. However a text is cut, the
    pieces of its thought and of its answer join to the same two texts.

    The phase of an answer without marks is `"bare"`. If the phase goes on to `"turned-gap"` or `"turned"`, the text so
    far was a thought after all. From the first mark of a shield on, the phases are `"known"` and `"known-thought"`:
    then `<think>` is text like any other.
    """
    if phase.startswith("known"):
        return _known(phase, text)
    before, begin, behind = text.partition(BEGIN)
    if begin:
        phase, thought, answer, pending = split(phase, before)
        if phase in ("thought", "thought-start"):
            thought += pending
        else:
            answer += pending
        phase, more_thought, more_answer, pending = _known("known-thought", behind)
        return phase, thought + more_thought, answer + more_answer, pending
    return _marked(phase, text)


def _known(phase: str, text: str) -> tuple[str, str, str, str]:
    said = {"known": "", "known-thought": ""}
    for part in _KNOWN_MARK.split(text):
        if part in (BEGIN, END):
            phase = "known-thought" if part == BEGIN else "known"
        else:
            said[phase] += part
    return phase, said["known-thought"], said["known"], ""


def _marked(phase: str, text: str) -> tuple[str, str, str, str]:
    thought = answer = ""
    if phase == "start":
        body = text.lstrip()
        if any(len(body) < len(mark) and mark.startswith(body) for mark in (OPEN, CLOSE)):
            return "start", "", "", text  # so far it may be the beginning of a mark
        if body.startswith(OPEN):
            phase, text = "thought-start", body[len(OPEN) :]
        elif body.startswith(CLOSE):
            phase, text = "turned-gap", body[len(CLOSE) :]
        else:
            phase = "bare"
    if phase == "bare":
        mark = _BARE_MARK.search(text)
        if mark is None:
            kept = _kept(text, OPEN, CLOSE, _QUOTED)
            return "bare", "", text[: len(text) - kept], text[len(text) - kept :]
        if mark[0] == CLOSE:
            phase, thought, text = "turned-gap", text[: mark.start()], text[mark.end() :]
        else:  # an answer that names marks: nothing behind this place is a mark
            phase = "text"
    if phase == "thought-start":
        text = text.lstrip("\n")
        if not text:
            return phase, "", "", ""
        phase = "thought"
    if phase == "thought":
        end = text.find(CLOSE)
        if end < 0:
            kept = _tail(text)
            return "thought", text[: len(text) - kept], "", text[len(text) - kept :]
        thought, text, phase = text[:end].rstrip("\n"), text[end + len(CLOSE) :], "gap"
    if phase in ("gap", "turned-gap"):
        answer = text.lstrip("\n")
        if answer:
            phase = "answer" if phase == "gap" else "turned"
        return phase, thought, answer, ""
    return phase, thought, text, ""


def is_turned(phase: str) -> bool:
    """Whether a text that began like an answer has turned out to be a thought."""
    return phase in ("turned-gap", "turned")


def _tail(text: str) -> int:
    """How many characters at the end may belong to the closing mark or to the line breaks before it."""
    length = _kept(text, CLOSE)
    body = text[: len(text) - length]
    return length + len(body) - len(body.rstrip("\n"))


def _kept(text: str, *marks: str) -> int:
    """How many characters at the end may be the beginning of a mark."""
    longest = max(map(len, marks)) - 1
    lengths = range(min(longest, len(text)), 0, -1)
    return next((n for n in lengths if any(len(mark) > n and mark.startswith(text[-n:]) for mark in marks)), 0)


def whole(text: str) -> tuple[str, str]:
    """The thought and the answer of a finished text. The thought is empty if a mark is missing."""
    if opens(text):
        if CLOSE not in text:
            return "", text
        thought, answer = text.lstrip()[len(OPEN) :].split(CLOSE, 1)
        return thought.strip("\n") if thought.strip() else "", answer.lstrip("\n")
    mark = _BARE_MARK.search(text)
    if mark is None or mark[0] != CLOSE:
        return "", text
    thought = text[: mark.start()]
    return thought if thought.strip() else "", text[mark.end() :].lstrip("\n")


def opens(text: str) -> bool:
    """Whether a text begins with the mark of a thought."""
    return text.lstrip().startswith(OPEN)


def unmarked(text: str) -> str:
    """A text in which the marks of a shield, which only nb_stream may write, are replaced by U+FFFD."""
    return text.replace(BEGIN, "\ufffd").replace(END, "\ufffd")


def with_think_tags(text: str) -> str:
    """A streamed text in which `<think>` and `</think>`, which readers know, replace the marks of a shield."""
    return text.replace(BEGIN, OPEN).replace(END, CLOSE)


def same(said: str, streamed: str) -> bool:
    """Whether `said` is the `streamed` thought, whole or without some letters at its ends."""
    core = said.strip()
    if not core:
        return False
    before, found, after = streamed.partition(core)
    return bool(found) and not before.strip().strip(OPEN) and not after.strip().strip(CLOSE)


def repaired_thought(said: str, streamed: str) -> str:
    """The whole thought: `streamed` if its message, `said`, has lost letters at the ends; else `said`."""
    return streamed if same(said, streamed) and said.strip() != streamed.strip() else said
