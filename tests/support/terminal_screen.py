"""What a terminal shows of what was written to it: the few sequences that a live view uses, on an endless screen."""

from __future__ import annotations

import re

_PIECE = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|\x1b\]8;[^\x1b]*\x1b\\|[\r\n]|[^\x1b\r\n]+")


class Screen:
    """The lines on the screen, and whether the cursor can be seen."""

    def __init__(self, written: str) -> None:
        self.lines, self.cursor = [""], True
        row = column = end = 0
        for found in _PIECE.finditer(written):
            assert found.start() == end, f"an unknown sequence: {written[end : end + 20]!r}"
            end, piece = found.end(), found[0]
            if piece == "\n":
                row, column = row + 1, 0
                self.lines.extend([""] * (row + 1 - len(self.lines)))
            elif piece == "\r":
                column = 0
            elif found[2] == "A":
                row -= int(found[1] or 1)
                assert row >= 0
            elif found[2] == "K":
                self.lines[row] = ""
            elif found[1] == "?25":
                self.cursor = found[2] == "h"
            elif found[2] is None:
                self.lines[row] = (
                    self.lines[row][:column].ljust(column) + piece + self.lines[row][column + len(piece) :]
                )
                column += len(piece)
        assert end == len(written), f"an unknown sequence: {written[end : end + 20]!r}"
        self.lines = [line.rstrip() for line in self.lines]

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Heads with the words below them, and where a run begins and ends, with nothing below it."""
        made: list[tuple[str, str]] = []
        for line in self.lines:
            if rule := re.fullmatch(r"(.*?) [─═]+", line):
                made.append((rule[1], ""))
            elif line.strip():
                head, said = made.pop()
                made.append((head, " ".join([*said.split(), *line.split()])))
        return made
