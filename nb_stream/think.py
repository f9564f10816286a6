"""Thoughts that models write into their text as `<think>…</think>`, split off while they stream.

Only a mark at the very beginning of a text (after white space) opens a thought: the same letters further on may
be part of an answer about such marks. AutoGen's OpenAI client writes the marks itself round `reasoning_content`
and takes them off again by stripping characters, which eats letters of the thought (0.7.5, `_openai_client.py`);
`heal` gives them back.
"""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


def split(phase: str, text: str) -> tuple[str, str, str, str]:
    """Place the next piece of a streamed text.

    Takes the phase (`"start"`, `"thought-start"`, `"thought"`, `"gap"` or `"answer"`) and the text that is not
    placed yet; returns the new phase, the text for the thought, the text for the answer, and what has to wait for
    the next piece. However a text is cut, the pieces of its thought and of its answer join to the same two texts.
    """
    thought = ""
    if phase == "start":
        body = text.lstrip()
        if len(body) < len(OPEN) and OPEN.startswith(body):
            return "start", "", "", text
        if not body.startswith(OPEN):
            return "answer", "", text, ""
        phase, text = "thought-start", body[len(OPEN) :]
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
    if phase == "gap":
        text = text.lstrip("\n")
        phase = "answer" if text else "gap"
    return phase, thought, text, ""


def _tail(text: str) -> int:
    """How many last characters may belong to the closing mark or to the line breaks before it."""
    for length in range(min(len(CLOSE) - 1, len(text)), 0, -1):
        if CLOSE.startswith(text[-length:]):
            break
    else:
        length = 0
    body = text[: len(text) - length]
    return length + len(body) - len(body.rstrip("\n"))


def whole(text: str) -> tuple[str, str]:
    """The thought and the answer of a finished text; the thought is empty where a mark is missing."""
    if not opens(text) or CLOSE not in text:
        return "", text
    thought, answer = text.lstrip()[len(OPEN) :].split(CLOSE, 1)
    return thought.strip("\n"), answer.lstrip("\n")


def opens(text: str) -> bool:
    """Whether a text begins with the mark of a thought."""
    return text.lstrip().startswith(OPEN)


def same(said: str, streamed: str) -> bool:
    """Whether `said` is the `streamed` thought, as it was or with letters eaten from its ends."""
    core = said.strip()
    if not core:
        return False
    before, found, after = streamed.partition(core)
    return bool(found) and not before.strip().strip(OPEN) and not after.strip().strip(CLOSE)


def heal(said: str, streamed: str) -> str:
    """The thought in full, where AutoGen's own text of it (`said`) lost letters of the `streamed` one."""
    return streamed if same(said, streamed) and said.strip() != streamed.strip() else said
