"""A model server on this machine that speaks OpenAI's chat-completions protocol, with a scripted model behind it.

With it, the notebook about real models runs without a key: AutoGen's own client talks to this server over HTTP.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .script import count_tokens, split_chunks

_ELSE = "I am a scripted model, and have no answer to that."


class DemoServer:
    """Answers on a free port of 127.0.0.1 until `close`, or until the process ends.

    The keys of `answers` are parts of system messages: a request gets the answer of the first key that its system
    message contains. `pace` is the time in seconds before each piece of a streamed answer. Each request is answered in
    a thread of its own.
    """

    def __init__(self, answers: Mapping[str, str], *, pace: float = 0.02) -> None:
        self._http = _HTTPServer(("127.0.0.1", 0), _RequestHandler)
        self._http.answers, self._http.pace = dict(answers), pace
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The `base_url` for a client."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    answers: Mapping[str, str]
    pace: float


class _RequestHandler(BaseHTTPRequestHandler):
    server: _HTTPServer

    def do_POST(self) -> None:
        """Answer a request for a completion."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path != "/v1/chat/completions":
            self._head(404, "application/json")
            self._write({"error": {"message": f"There is no {self.path} here."}})
            return
        text, usage = self._answer(body["messages"])
        if not body.get("stream"):
            time.sleep(self.server.pace * count_tokens(text))
            self._head(200, "application/json")
            message = {"role": "assistant", "content": text}
            self._write(_frame(body, "chat.completion", {"message": message, "finish_reason": "stop"}, usage))
            return
        self._head(200, "text/event-stream")
        try:
            for piece in split_chunks(text):
                time.sleep(self.server.pace)
                delta = {"role": "assistant", "content": piece}
                self._event(_frame(body, "chat.completion.chunk", {"delta": delta, "finish_reason": None}))
            self._event(_frame(body, "chat.completion.chunk", {"delta": {}, "finish_reason": "stop"}))
            if (body.get("stream_options") or {}).get("include_usage"):
                self._event(_frame(body, "chat.completion.chunk", None, usage))
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            pass  # the client closed the connection, as it does if a run is cancelled

    def log_message(self, format: str, *args: Any) -> None:
        """Prints nothing, because the lines would stand in the notebook."""

    def _answer(self, messages: list[dict[str, Any]]) -> tuple[str, dict[str, int]]:
        system = " ".join(str(message["content"]) for message in messages if message["role"] == "system")
        text = next((answer for part, answer in self.server.answers.items() if part in system), _ELSE)
        prompt, completion = sum(count_tokens(str(message["content"])) for message in messages), count_tokens(text)
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        return text, usage

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def _event(self, frame: Mapping[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(frame).encode() + b"\n\n")

    def _write(self, value: Mapping[str, Any]) -> None:
        self.wfile.write(json.dumps(value).encode())


def _frame(
    body: Mapping[str, Any], kind: str, choice: Mapping[str, Any] | None, usage: Mapping[str, int] | None = None
) -> dict[str, Any]:
    choices = [] if choice is None else [{"index": 0, **choice}]
    return {
        "id": "chatcmpl-demo",
        "object": kind,
        "created": int(time.time()),
        "model": body.get("model"),
        "choices": choices,
        "usage": usage,
    }
