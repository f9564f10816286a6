"""Serves a team to viewers in other processes: `python -m nb_stream serve module:team`, or `app(team)` in a server of
your own. `nb_stream.Remote` is the viewers' side.

    from nb_stream.serve import app

    application = app(team, token="…")            # an ASGI application: uvicorn module:application
    fastapi.mount("/team", app(team, token="…"))  # or a part of yours
"""

from __future__ import annotations

from typing import Any


def app(team: Any, *, token: str | None = None, **options: Any) -> Any:
    """An ASGI application that serves a team to viewers (`nb_stream.Remote`).

    `team` is what `TeamPanel` takes: a team, an agent, a function without arguments that returns one, or a
    `TeamStream`. `options` are those of `TeamStream`; `streaming` is True if it is not given. `token` is the secret
    that viewers must send; without it, that of the environment variable NB_STREAM_TOKEN counts. The team runs on the
    event loop of the server, and its runs go on when every viewer is gone.

    Raises ValueError if there is no token, TypeError for options beside a `TeamStream`, ImportError if Starlette is not
    installed (`pip install "nb_stream[serve]"`), and the errors of `TeamStream`.
    """
    from .http import asgi_application
    from .worker import Worker

    return asgi_application(Worker.of(team, options), token)
