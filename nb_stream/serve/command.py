"""The command `python -m nb_stream serve module:team`."""

from __future__ import annotations

import argparse
import importlib
import ipaddress
import os
import secrets
import socket
import sys
from typing import Any

from ..errors import NbStreamError
from ..remote.address import TOKEN_VARIABLE


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
""",
    )
    serve.add_argument(
        "team", metavar="MODULE:TEAM", help="a team, an agent, a TeamStream, or a function that makes one"
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8765, help="the port; 0 takes a free one (default: %(default)s)")
    serve.add_argument("--certfile", help="a certificate (PEM), for https")
    serve.add_argument("--keyfile", help="the key of the certificate (PEM)")
    serve.add_argument("--insecure-host", action="store_true", help="listen at --host without a certificate")
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
    try:
        import uvicorn

        from . import app
    except ImportError as error:
        raise ImportError(f'{error}. Install the server with: pip install "nb_stream[serve]"') from None
    token = os.environ.get(TOKEN_VARIABLE, "")
    made = not token
    token = token or secrets.token_urlsafe(24)
    given = {"record": options.record, "input_timeout": options.input_timeout}
    given = {name: value for name, value in given.items() if value is not None}
    served = app(found(options.team), token=token, **given)
    with socket.create_server((options.host, options.port), family=_family(options.host)) as door:
        host, port = door.getsockname()[:2]
        where = f"{'https' if options.certfile else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        print(f"Serving {options.team} at {where}", flush=True)
        if made:
            print(f"Token: {token}", flush=True)
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
    return 0


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
