"""A server on loopback that speaks OpenAI's chat-completions protocol, faults included.

Tests drive AutoGen's real ``OpenAIChatCompletionClient`` through it, because what matters there (thoughts
from ``reasoning_content``, usage in a chunk of its own, a body that ends too early) the real client makes of
real bytes. It runs in threads of its own, so that it can be reached while a test's event loop is busy and
from another process such as a kernel, and it needs the standard library only.

    with OpenAIServer([Reply("Hello.")]) as server:
        client = OpenAIChatCompletionClient(model="gpt-4o-mini", base_url=server.url, api_key="test")
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.openai_wire import (
    Answer,
    Body,
    Fault,
    HttpError,
    Raw,
    Reply,
    ToolCall,
    by_system,
    choice_body,
    chunk_body,
    completion_of,
    deltas_of,
    error_body,
    finish_reason_of,
    usage_of,
)

__all__ = ["Answer", "HttpError", "OpenAIServer", "Raw", "Reply", "ToolCall", "by_system"]


class OpenAIServer:
    """Serve ``replies`` on a free port of 127.0.0.1 while the ``with`` block runs.

    ``replies`` is a queue, one answer for each request in the order of arrival (a request too many gets
    status 500 and a sentence), or a function of the parsed request body, called for one request at a time on
    a thread of the server. As OpenAI does, it refuses ``stream_options`` without ``stream``. All that follows
    may be called on any thread.
    """

    def __init__(self, replies: Iterable[Answer] | Callable[[Body], Answer]) -> None:
        self._choose = replies if callable(replies) else _queue(replies)
        self._changed = threading.Condition()
        self._requests: tuple[Body, ...] = ()
        self._disconnects = 0
        self._http = _HTTPServer(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="openai-server")

    @property
    def url(self) -> str:
        """The ``base_url`` for a client."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def requests(self) -> tuple[Body, ...]:
        """The parsed bodies of all chat-completion requests, the oldest first."""
        return self._requests

    @property
    def disconnects(self) -> int:
        """How many clients went away before their answer was complete."""
        return self._disconnects

    def release(self) -> None:
        """Let every stalled answer go on, those to come included."""
        self._http.released.set()

    def wait_until(self, condition: Callable[[OpenAIServer], bool], timeout: float = 30.0) -> None:
        """Block until its requests and disconnects fulfil ``condition(server)``; else raise TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError(
                    f"The condition did not hold within {timeout} s: the server has seen "
                    f"{len(self._requests)} requests and {self._disconnects} disconnects."
                )

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _answer(self, body: Body) -> Answer:
        with self._changed:
            self._requests += (body,)
            self._changed.notify_all()
            if "stream_options" in body and not body.get("stream"):
                return HttpError(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
            return self._choose(body)

    def _note_disconnect(self) -> None:
        with self._changed:
            self._disconnects += 1
            self._changed.notify_all()


def _queue(answers: Iterable[Answer]) -> Callable[[Body], Answer]:
    waiting = deque(answers)

    def next_answer(_: Body) -> Answer:
        if waiting:
            return waiting.popleft()
        return HttpError(500, "No answer is left in the script of this server.")

    return next_answer


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, script: OpenAIServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.released = threading.Event()
        self.closing = threading.Event()


class _Cut(Exception):
    """The answer ends here, and the connection is closed as it is."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HTTPServer
    # A client that connects and sends nothing must not keep the server from closing.
    timeout = 5

    def do_POST(self) -> None:
        self.close_connection = True
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            if self.path != "/v1/chat/completions":
                self._send_json(error_body(f"There is no {self.path} here."), 404)
                return
            answer = self.server.script._answer(body)
            if isinstance(answer, HttpError):
                headers = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
                self._send_json(error_body(answer.message), answer.status, headers)
            elif isinstance(answer, Raw):
                self._send_raw(answer, body)
            elif body.get("stream"):
                self._send_stream(answer, body)
            else:
                self._send_whole(answer, body)
        except (BrokenPipeError, ConnectionResetError):
            self.server.script._note_disconnect()
        except _Cut:
            pass

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the requests are recorded."""

    def _send_whole(self, reply: Reply, body: Body) -> None:
        self._wait(reply.pace * len(deltas_of(reply)))
        content = json.dumps(completion_of(reply, body)).encode()
        if reply.fault is None:
            self._send_json(completion_of(reply, body))
        elif reply.fault == "error":
            self._send_json(error_body("The scripted server failed."))
        else:
            # Without a length a body ends where the connection does, so that a part of it is a clean end.
            clean = reply.fault in ("eof", "malformed")
            self._send_headers(200, {} if clean else {"Content-Length": str(len(content))}, "application/json")
            half = len(content) // 2
            self.wfile.write(content[:half])
            self._strike(reply.fault)
            self.wfile.write(content[half:])

    def _send_raw(self, answer: Raw, body: Body) -> None:
        if not body.get("stream"):
            self._send_json({**answer.whole, "model": body["model"]})
        elif answer.refuses and answer.refuses in body:
            self._send_json(error_body(f"Unrecognized request argument supplied: {answer.refuses}"), 400)
        else:
            self._send_headers(200, {"Transfer-Encoding": "chunked"}, answer.content_type)
            for event in answer.events:
                text = f"data: {json.dumps(event)}\n\n" if isinstance(event, dict) else event
                self._write_chunk(text.encode() if isinstance(text, str) else text)
            self._write_chunk(b"")

    def _send_stream(self, reply: Reply, body: Body) -> None:
        self._send_headers(200, {"Transfer-Encoding": "chunked"}, "text/event-stream")
        usage = usage_of(reply, body)
        running = usage if reply.usage == "every" else None
        for _ in range(reply.empty_chunks):
            self._send_event(chunk_body(body, [], None))
        self._send_event(chunk_body(body, [choice_body({"role": "assistant", "content": ""})], running))
        deltas = deltas_of(reply)
        before = deltas if reply.fault is None else deltas[: reply.fault_after]
        for delta in before:
            self._wait(reply.pace)
            self._send_event(chunk_body(body, [choice_body(delta)], running))
        if reply.fault is not None:
            self._strike(reply.fault)
        for delta in deltas[len(before) :]:
            self._wait(reply.pace)
            self._send_event(chunk_body(body, [choice_body(delta)], running))
        self._send_event(chunk_body(body, [choice_body({}, finish_reason_of(reply))], running))
        if reply.usage == "asked" and (body.get("stream_options") or {}).get("include_usage"):
            self._send_event(chunk_body(body, [], usage))
        self._send_data("[DONE]")
        self._write_chunk(b"")

    def _strike(self, fault: Fault) -> None:
        """Do what the fault says at this place; the answer goes on afterwards only if it stalled."""
        if fault == "stall":
            self._wait(None)
            return
        streaming = "Transfer-Encoding" in self._sent
        if fault == "malformed" and streaming:
            self._send_data('{"choices": [{"delta"')
        elif fault == "error":
            self._send_event(error_body("The scripted server failed."))
        elif fault == "eof" and streaming:
            self._write_chunk(b"")
        elif fault == "reset":
            # Closing with a linger time of zero sends RST in place of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        raise _Cut

    def _wait(self, seconds: float | None) -> None:
        """Sleep, None meaning until the release; end early if the client or the server goes."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.server.closing.is_set():
            left = 1.0 if deadline is None else deadline - time.monotonic()
            if left <= 0 or (deadline is None and self.server.released.is_set()):
                return
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.02))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError("The client went away.")
        raise _Cut

    def _send_headers(self, status: int, headers: Mapping[str, str], content_type: str) -> None:
        self._sent = {"Content-Type": content_type, "Connection": "close", **headers}
        self.send_response(status)
        for name, value in self._sent.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_json(self, payload: Body, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(payload).encode()
        length = {"Content-Length": str(len(content))}
        self._send_headers(status, {**length, **(headers or {})}, "application/json")
        self.wfile.write(content)

    def _send_event(self, payload: Body) -> None:
        self._send_data(json.dumps(payload))

    def _send_data(self, data: str) -> None:
        self._write_chunk(f"data: {data}\n\n".encode())

    def _write_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
