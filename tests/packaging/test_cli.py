"""The command line: `export` and `replay`, as a process, with exit codes and errors in one sentence."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from nb_stream.export import SUFFIXES
from tests.support.paths import ROOT
from tests.support.recordings import record, slow_run, write


def nb_stream(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m nb_stream` with these arguments."""
    return subprocess.run(
        [sys.executable, "-m", "nb_stream", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
        **options,
    )


@pytest.fixture
def recording(tmp_path) -> pathlib.Path:
    path = tmp_path / "run.jsonl"
    asyncio.run(record("writers", path))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_export_writes_what_the_name_says(suffix: str, recording, tmp_path) -> None:
    done = nb_stream("export", recording, tmp_path / f"out{suffix}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = (tmp_path / f"out{suffix}").read_text("utf-8")
    for said in ("Do it.", "poet", "the harbour keeps its breath", "critic", "the loan is called in"):
        assert said in written


def test_a_transcript_can_be_exported_again(recording, tmp_path) -> None:
    assert nb_stream("export", recording, tmp_path / "one.json").returncode == 0
    assert nb_stream("export", tmp_path / "one.json", tmp_path / "two.json").returncode == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_replay_prints_the_run(recording) -> None:
    done = nb_stream("replay", recording, "--speed", "inf")
    assert (done.returncode, done.stderr) == (0, "")
    heads = [line.strip("- ") for line in done.stdout.splitlines() if line.startswith("----------")]
    assert heads[:-1] == ["run 1: Do it.", "user", "poet", "critic", "poet", "critic"]


@pytest.mark.alone
def test_replay_keeps_the_time_and_takes_a_speed(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    assert min(seconds_of_replay(path, "inf") for _ in range(3)) < 0.8
    assert 0.8 < min(seconds_of_replay(path, "2") for _ in range(3)) < 1.8  # as recorded it takes two


def seconds_of_replay(path: pathlib.Path, speed: str) -> float:
    """How long `nb_stream replay` takes, from its first line: a program's start says nothing about its speed."""
    with subprocess.Popen(
        [sys.executable, "-m", "nb_stream", "replay", str(path), "--speed", speed],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("---------- run 1")
        began = time.monotonic()
        child.stdout.read()
        took = time.monotonic() - began
    assert child.returncode == 0
    return took


def test_replay_narrows_to_agents_and_leaves_tokens_out(recording) -> None:
    done = nb_stream("replay", recording, "--speed", "inf", "--agent", "critic", "--no-stream")
    heads = [line.strip("- ") for line in done.stdout.splitlines() if line.startswith("----------")]
    assert heads[:-1] == ["run 1: Do it.", "critic", "critic"]


def test_replay_plays_every_run_also_one_that_failed(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    asyncio.run(record("faulty", path, runs=2))
    done = nb_stream("replay", path, "--speed", "inf")
    assert done.returncode == 0
    assert "---------- failed" in done.stdout
    assert "---------- done" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export", "none.jsonl", "out.html"], "Cannot open none.jsonl: No such file or directory."),
        (
            ["export", "other.txt", "out.html"],
            "other.txt is not a recording of nb_stream: its first line is no header.",
        ),
        (["export", "run.jsonl", "out.pdf"], "Cannot tell what to write from the name 'out.pdf'."),
        (["export", "run.jsonl", "no/out.html"], "Cannot write no/out.html: No such file or directory."),
        (["replay", "none.jsonl"], "Cannot open none.jsonl: No such file or directory."),
        (
            ["replay", "run.jsonl", "--agent", "nobody"],
            "No agent is called 'nobody'. The agents of this team are: 'ann'",
        ),
        (["replay", "newer.jsonl"], "newer.jsonl has version 9; this nb_stream reads recordings up to version 2."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(arguments: list[str], sentence: str, tmp_path) -> None:
    write(tmp_path / "run.jsonl", slow_run())
    (tmp_path / "other.txt").write_text("hello\n")
    (tmp_path / "newer.jsonl").write_text(json.dumps({"nb_stream": "recording", "version": 9, "agents": []}) + "\n")
    done = nb_stream(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(sentence), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["export", "run.jsonl"], ["replay"], ["replay", "run.jsonl", "--speed", "0"]]
)
def test_a_wrong_command_line_gives_2(arguments: list[str]) -> None:
    done = nb_stream(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


@pytest.mark.parametrize("command", ["export", "replay"])
def test_a_broken_recording_is_used_up_to_the_damage_and_gives_3(command: str, recording, tmp_path) -> None:
    data = recording.read_bytes()
    recording.write_bytes(data[: len(data) // 2])
    out = [tmp_path / "out.md"] if command == "export" else ["--speed", "inf"]
    done = nb_stream(command, recording, *out)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "is broken at line" in done.stderr
    assert "Do it." in (done.stdout or (tmp_path / "out.md").read_text("utf-8"))


def test_ctrl_c_ends_a_replay_quietly(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    with subprocess.Popen(
        [sys.executable, "-m", "nb_stream", "replay", str(path), "--speed", "0.01"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    ) as child:
        assert child.stdout.readline().startswith("---------- run 1")
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
        assert child.returncode == 130
        assert errors == ""


def test_a_reader_that_leaves_early_is_no_error(recording) -> None:
    done = subprocess.run(
        f"{sys.executable} -m nb_stream replay {recording} --speed inf | head -1",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stdout.startswith("---------- run 1")
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["export", "replay"])
def test_help_teaches(command: str) -> None:
    done = nb_stream(command, "--help")
    assert done.returncode == 0
    assert f"python -m nb_stream {command} run.jsonl" in done.stdout
    assert "exit codes:" in done.stdout
    top = nb_stream("--help")
    assert command in top.stdout
