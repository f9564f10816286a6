"""The commands `export` and `replay` of `python -m nb_stream`: they write a recording as a file, or play it.

Errors come as one sentence on standard error and an exit code, because scripts call these commands.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import sys
import time
import warnings
from typing import Any, cast

from .errors import NbStreamError, RecordingWarning, ReplayedError

EXIT_DONE, EXIT_FAILED, EXIT_BROKEN = 0, 1, 3

EXIT_CODES_HELP = """exit codes:
  0  done
  1  could not be done; one sentence on standard error says why
  2  the command line was wrong
  3  done, but the recording is broken: what stands before the damage was used
"""


def add_commands(commands: Any) -> None:
    """Add `export` and `replay` to the sub-commands of a parser. Each sets the option `run`, a function that takes the
    options and returns the exit code."""
    from .export import FORMATS

    forms = "\n".join(f"  {'run' + suffix:<16}{form.words}" for suffix, form in FORMATS.items())
    write = commands.add_parser(
        "export",
        help="turn a recording into a page, a notebook, Markdown, text, JSON or AG-UI events",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"""Turn a recording into a file. The end of its name says which form:

{forms}

Add .gz to compress it. Record with TeamPanel(team, record="run.jsonl"), or afterwards with
panel.save("run.jsonl").

With --interactive, a page (.html) holds the panel itself: search, filter, timeline, and a replay with the
original timing. It needs no kernel, no server and no network.

examples:
  python -m nb_stream export run.jsonl run.html
  python -m nb_stream export run.jsonl run.html --interactive
""",
        epilog=EXIT_CODES_HELP,
    )
    write.add_argument("recording", metavar="RUN", help="a recording (.jsonl, .jsonl.gz), or a transcript (.json)")
    write.add_argument("out", metavar="OUT", help="the file to write; an existing file is replaced")
    write.add_argument("--interactive", action="store_true", help="write a page that plays the recording (.html)")
    write.set_defaults(run=_export)
    play = commands.add_parser(
        "replay",
        help="play a recording in this terminal",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""Play a recording in this terminal, token for token. Needs no key and no network. Agents that
wrote at the same time have a place each. In a pipe, a file or a log it prints plain lines, and agents that wrote at
the same time one after the other.

examples:
  python -m nb_stream replay run.jsonl
  python -m nb_stream replay run.jsonl --speed 4 --agent writer --agent critic
  python -m nb_stream replay run.jsonl --speed inf --no-stream    everything at once
""",
        epilog=EXIT_CODES_HELP,
    )
    play.add_argument("recording", metavar="RUN", help="a recording (.jsonl, .jsonl.gz)")
    play.add_argument(
        "--speed",
        type=_speed_argument,
        default=1.0,
        metavar="N",
        help="how many times as fast as it was; inf for at once",
    )
    play.add_argument(
        "--agent", action="append", metavar="NAME", help="print only this agent, by name or path; may be repeated"
    )
    play.add_argument(
        "--no-stream", action="store_true", help="print messages when they are finished, not as they grow"
    )
    play.set_defaults(run=_replay)


def _speed_argument(word: str) -> float:
    try:
        speed = float(word)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"{word!r} is no number above zero")
    return speed


def _export(options: argparse.Namespace) -> int:
    from .export import export, suffix_of
    from .recording.reader import load_transcript

    if not suffix_of(options.out):
        return _fail(_unknown(options.out))
    with _Broken() as broken:
        try:
            if options.interactive:
                _export_interactive(options.recording, options.out)
            else:
                with _Progress(f"Reading {options.recording}") as progress:
                    transcript = load_transcript(options.recording, progress)
                    progress.clear()
                export(transcript, options.out)
        except (NbStreamError, ValueError) as error:
            return _fail(str(error))
        except OSError as error:
            return _fail(f"Cannot write {options.out}: {error.strerror or error}.")
    return broken.code


def _export_interactive(name: str, out: str) -> None:
    from .export import export_interactive
    from .recording.reader import Recording, is_transcript, load_transcript

    if is_transcript(name):
        export_interactive(load_transcript(name), out)
    else:
        recording = Recording(name)
        export_interactive(recording.events(), out, agents=recording.agents)


def _unknown(name: str) -> str:
    from .export import SUFFIXES

    return f"Cannot tell what to write from the name {name!r}. Let it end in {', '.join(SUFFIXES)}."


def _replay(options: argparse.Namespace) -> int:
    from .recording.replay import Replay
    from .stream import TeamStream
    from .terminal.view import terminal_view

    async def play() -> None:
        stream = TeamStream(replay, streaming=True)  # all tokens, whatever the switches were when it was recorded
        view = terminal_view(stream, agents=options.agent, tokens=not options.no_stream, note=place)
        stream.watch(view)
        with contextlib.closing(view):
            for _ in range(replay.runs):
                run = stream.start()
                try:
                    await run
                except (ReplayedError, asyncio.CancelledError):
                    if not run.done():
                        raise  # Ctrl-C has cancelled this task, and not the recorded run

    def place() -> str:
        fast = "at once" if math.isinf(replay.speed) else f"{replay.speed:g} times as fast"
        return f"{replay.position:.1f} s" if replay.speed == 1 else f"{replay.position:.1f} s, {fast}"

    with _Broken() as broken:
        try:
            replay = Replay(options.recording, options.speed)
            asyncio.run(play())
        except NbStreamError as error:
            return _fail(str(error))
    return broken.code


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return EXIT_FAILED


class _Broken:
    """A context that prints the first RecordingWarning as a sentence. `code` is the exit code."""

    def __init__(self) -> None:
        self.code = EXIT_DONE
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> _Broken:
        self._caught.__enter__()
        warnings.simplefilter("always", RecordingWarning)
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if not issubclass(category, RecordingWarning):
                before(message, category, *rest)
            elif self.code == EXIT_DONE:
                self.code = EXIT_BROKEN
                print(message, file=sys.stderr)

        warnings.showwarning = cast(Any, show)
        return self

    def __exit__(self, *exc: Any) -> None:
        self._caught.__exit__(*exc)


class _Progress:
    """A line on standard error for work that takes more than a second, if standard error is a terminal."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._began = time.monotonic()
        self._shown = False

    def __enter__(self) -> _Progress:
        return self

    def __call__(self, part: float) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._began > 1.0:
            self._shown = True
            print(f"\r{self._words}: {part:.0%} ", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False

    def __exit__(self, *exc: Any) -> None:
        self.clear()
