"""`Remote`: the address of a worker, which stands where a team does in `TeamStream` and `TeamPanel`."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping

from .transport import TRANSPORTS, open_transport

TOKEN_VARIABLE = "NB_STREAM_TOKEN"
"""The environment variable with the token, for workers and for viewers."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")

TEAM_NAME = re.compile(r"[\w.\-]+", re.ASCII)
"""The name of a team at a gRPC host, which many teams may share."""


class Remote:
    """A team in another process: `python -m nb_stream serve module:team` there, and `TeamPanel(Remote(url))` here.

    `url` is the address of the worker ("http://127.0.0.1:8765", "https://host/some/prefix"). `token` is the worker's;
    without it, that of the environment variable NB_STREAM_TOKEN is sent. `headers` are sent with each request, for a
    proxy in between (JupyterHub: `{"Authorization": "token …"}`). `verify` is the file of a certificate authority for a
    certificate that no public authority signed. "grpc://host:50051/team" is a team in AutoGen's distributed runtime
    (`serve --grpc`): it has no TLS, no headers and no proxies, and is for loopback and for networks that you trust.

    It is only an address: each stream or panel made of it has a connection of its own. What such a stream gives:

    - `run` and `run_stream` give what they give for a team here. The messages are of the agent framework's own classes
      if it is installed here, and equal to the worker's. If it is not, or for a class that only the worker knows, they
      have `source`, `content`, `type`, `id`, `models_usage` and `to_text()`. A run that fails raises RemoteRunError
      with the worker's words. If a wait for `run` is cancelled, the run is cancelled; a run that was begun by `start`
      goes on when its stream is gone.
    - Switches are the team's: everybody who watches sees them move. `streaming`, `unchecked`, `approve_code`,
      `input_timeout` and `input_default` are options of the worker.
    - The first connection brings everything that was said before. Callbacks get only what comes afterwards.

    Raises ValueError for an address that has no known scheme or no host, and for one in the clear to another computer;
    ImportError if its transport is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: str | os.PathLike[str] | bool = True,
        insecure: bool = False,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in TRANSPORTS:
            known = ", ".join(f"{scheme}://" for scheme in TRANSPORTS)
            raise ValueError(f"The address of a worker begins with {known}; {url!r} does not.")
        if not parts.hostname:
            raise ValueError(f"The address {url!r} has no host.")
        if parts.username or parts.password:
            raise ValueError("The address of a worker has no user and no password: give it a token.")
        if parts.scheme in ("http", "grpc") and parts.hostname not in LOOPBACK and not insecure:
            what = "every text" if parts.scheme == "grpc" else "the token and every text"
            raise ValueError(
                f"{parts.hostname} is another computer, and {parts.scheme}:// would show {what} in the clear on the "
                "way there. Use https://, or a tunnel to 127.0.0.1. On a network that you trust: "
                "Remote(…, insecure=True)."
            )
        if parts.scheme == "grpc" and not TEAM_NAME.fullmatch(parts.path.strip("/")):
            raise ValueError(f"The address {url!r} names no team: grpc://{parts.netloc}/team.")
        open_transport(parts.scheme)  # says what is not installed
        self.scheme = parts.scheme
        self.url = url.rstrip("/")
        self.token = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
        self.headers = dict(headers or {})
        self.verify = verify

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"
