"""The command `python -m nb_stream serve module:team`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import ipaddress
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from ..errors import NbStreamError
from ..remote.address import TOKEN_VARIABLE

HTTP_PORT = 8765
"""The port of a worker over HTTP."""


def add_command(commands: Any) -> None:
    """Add `serve` to the sub-commands of a parser."""
    serve = commands.add_parser(
        "serve",
        help="run a team here, and let notebooks elsewhere watch and switch it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"""Run a team here. Notebooks and scripts watch it with TeamPanel(Remote("http://host:port")).

The token that they need is that of the variable {TOKEN_VARIABLE}. If there is none, one is made and printed.
Without a certificate the port is open to this computer only: use an SSH tunnel, jupyter-server-proxy or a
reverse proxy with TLS.

example:
  python -m nb_stream serve my_teams:research --port 8765
  python -m nb_stream serve my_teams:research --host 0.0.0.0 --certfile cert.pem --keyfile key.pem
  python -m nb_stream serve my_teams:research --grpc
""",
    )
    serve.add_argument(
        "team", metavar="MODULE:TEAM", help="a team, an agent, a TeamStream, or a function that makes one"
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    serve.add_argument("--port", type=int, help="the port; 0 takes a free one (default: 8765; with --grpc 50051)")
    serve.add_argument("--certfile", help="a certificate (PEM), for https")
    serve.add_argument("--keyfile", help="the key of the certificate (PEM)")
    serve.add_argument("--insecure-host", action="store_true", help="listen at --host without a certificate")
    serve.add_argument(
        "--grpc",
        action="store_true",
        help="serve over AutoGen's distributed runtime: viewers use grpc://HOST:PORT/TEAM. It has no TLS and is for "
        "loopback and for networks that you trust",
    )
    serve.add_argument("--join", action="store_true", help="with --grpc: a host runs at HOST:PORT already; join it")
    serve.add_argument("--record", metavar="FILE", help="record all runs in this file")
    serve.add_argument("--input-timeout", type=float, metavar="S", help="seconds after which nobody is waited for")
    serve.set_defaults(run=serve_team)


def serve_team(options: argparse.Namespace) -> int:
    """Serve until a signal ends it. Returns the exit code: 1, with a sentence on standard error, if it cannot."""
    try:
        return _serve(options)
    except (NbStreamError, ValueError, OSError, ImportError, AttributeError, TypeError) as error:
        print(f"Cannot serve {options.team}: {error}", file=sys.stderr)
        return 1


def _serve(options: argparse.Namespace) -> int:
    if not options.certfile and not is_loopback(options.host):
        if not options.insecure_host:
            raise ValueError(
                f"{options.host} is open to other computers, and without a certificate they read everything. Give "
                "--certfile and --keyfile, or listen at 127.0.0.1 behind a tunnel. On a network that you trust: "
                "--insecure-host."
            )
        print(
            f"Warning: {options.host} is open to other computers without TLS: whoever is on the way can read all texts "
            "and the token.",
            file=sys.stderr,
        )
    token = os.environ.get(TOKEN_VARIABLE, "")
    made = not token
    token = token or secrets.token_urlsafe(24)
    given = {"record": options.record, "input_timeout": options.input_timeout}
    given = {name: value for name, value in given.items() if value is not None}

    def ready(where: str) -> None:
        print(f"Serving {options.team} at {where}", flush=True)
        if made:
            print(f"Token: {token}", flush=True)

    if options.grpc:
        asyncio.run(_serve_grpc(options, token, given, ready))
    else:
        _serve_http(options, token, given, ready)
    return 0


def _serve_http(options: argparse.Namespace, token: str, given: dict[str, Any], ready: Callable[[str], None]) -> None:
    try:
        import uvicorn

        from . import app
    except ImportError as error:
        raise ImportError(f'{error}. Install the server with: pip install "nb_stream[serve]"') from None
    served = app(found(options.team), token=token, **given)
    port = HTTP_PORT if options.port is None else options.port
    with socket.create_server((options.host, port), family=_family(options.host)) as door:
        host, port = door.getsockname()[:2]
        ready(f"{'https' if options.certfile else 'http'}://{f'[{host}]' if ':' in host else host}:{port}")
        config = uvicorn.Config(
            served,
            log_level="warning",
            access_log=False,
            ssl_certfile=options.certfile,
            ssl_keyfile=options.keyfile,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        server = uvicorn.Server(config)
        end = server.shutdown

        async def shutdown(sockets: list[socket.socket] | None = None) -> None:
            served.state.worker.close()  # else the server waits for connections that never end by themselves
            await end(sockets)

        server.shutdown = shutdown  # type: ignore[method-assign]
        server.run(sockets=[door])


async def _serve_grpc(
    options: argparse.Namespace, token: str, given: dict[str, Any], ready: Callable[[str], None]
) -> None:
    if options.certfile or options.keyfile:
        raise ValueError("--grpc has no TLS: leave out --certfile and --keyfile, or --grpc.")
    from ..remote.grpc import GRPC_PORT
    from .grpc import serve_at_host
    from .limits import checked_token
    from .worker import Worker

    checked_token(token)
    team = found(options.team)
    name = options.team.partition(":")[2]
    port = GRPC_PORT if options.port is None else options.port or _free_port(options.host)
    host = f"{f'[{options.host}]' if ':' in options.host else options.host}:{port}"
    end = asyncio.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows ends it without a word
            asyncio.get_running_loop().add_signal_handler(kind, end.set)
    await serve_at_host(
        Worker.of(team, given),
        token,
        host,
        name,
        own=not options.join,
        ready=lambda: ready(f"grpc://{host}/{name}"),
        end=end,
    )


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=_family(host)) as door:
        port: int = door.getsockname()[1]
        return port


def found(name: str) -> Any:
    """The thing that `module:attribute` names. Raises ValueError if there is none."""
    module, _, path = name.partition(":")
    if not module or not path:
        raise ValueError("it is to be MODULE:TEAM, for example my_teams:research.")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    thing: Any = importlib.import_module(module)
    for part in path.split("."):
        if not hasattr(thing, part):
            raise ValueError(f"the module {module} has no {path!r}.")
        thing = getattr(thing, part)
    return thing


def is_loopback(host: str) -> bool:
    """Whether an address is this computer's own, which no other computer reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
