"""``featx serve``: classifiers behind HTTP."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from featx.cli.environment import EnvironmentCommand
from featx.cli.options import provider_option, trust_option
from featx.cli.paths import PredictorPath
from featx.errors import BadOption

__all__ = ["serve_command"]

_STANDARD_ERROR = 2
# Seconds between two checks of the files.
_RELOAD_SECONDS = 2.0


@click.command("serve", cls=EnvironmentCommand)
@click.argument("classifiers", nargs=-1, required=True, type=PredictorPath())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port."
)
@click.option(
    "--token",
    envvar="FEATX_TOKEN",
    help="Let in only who shows it as Authorization: Bearer [or $FEATX_TOKEN].",
)
@click.option(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Let pages of this origin ask from a browser, such as https://example.org; * is every one.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Answer to this name, too: without a token, on the loopback, to localhost only.",
)
@click.option("--jobs", type=int, metavar="N", help="Worker threads [default: cores].")
@click.option(
    "--queue",
    type=int,
    metavar="N",
    help="Requests that may wait [default: two a worker, six at least].",
)
@click.option("--timeout", default=30.0, show_default=True, help="Seconds a request may take.")
@click.option("--max-body", default=32, show_default=True, help="MiB of a request's body.")
@click.option("--max-samples", default=64, show_default=True, help="Samples of a request.")
@click.option(
    "--max-total-pixels",
    type=int,
    metavar="N",
    help="Pixels of all pictures of a request that has several [default: 400 million].",
)
@provider_option
@click.option("--reload/--no-reload", default=True, show_default=True, help="Follow the files.")
@trust_option
def serve_command(
    classifiers: tuple[Path, ...],
    host: str,
    port: int,
    token: str | None,
    cors: tuple[str, ...],
    allow_host: tuple[str, ...],
    jobs: int | None,
    queue: int | None,
    timeout: float,
    max_body: int,
    max_samples: int,
    max_total_pixels: int | None,
    provider: str,
    reload: bool,
    trusted: tuple[str, ...],
) -> None:
    """Answer HTTP requests with CLASSIFIERS, each under its own name without .featx or .featx.zip.

    Open the address in a browser to try them; /docs lists what programs can ask. The log is one JSON line
    a request on standard error. SIGHUP has every file read again.
    """
    _refuse_empty_token(token)
    _require_libraries()
    from featx.persistence.artifact import load
    from featx.server import AccessLog, Limits, create_app, run
    from featx.server.hosts import is_loopback

    limits = Limits(
        workers=jobs,
        queue=queue,
        timeout=timeout,
        max_body=max_body << 20,
        max_samples=max_samples,
        max_total_pixels=max_total_pixels,
    )
    paths = _by_name(classifiers)
    read = partial(load, trusted=trusted)
    loaded = {name: read(path, provider=provider) for name, path in paths.items()}
    access_log = AccessLog(_STANDARD_ERROR)
    on_loopback = is_loopback(host)
    app = create_app(
        loaded,
        limits=limits,
        token=token,
        # Who listens for others does not know by what names they reach it.
        hosts=allow_host if on_loopback or allow_host else None,
        cors=cors,
        log=access_log,
        sources=paths,
        reload_every=_RELOAD_SECONDS if reload else None,
        load=read,
    )
    if not on_loopback and token is None:
        click.echo(f"{host}: whoever reaches it may use it; --token lets in who knows it", err=True)
    run(app, host=host, port=port, limits=limits, log=access_log, on_stop=access_log.close)


def _refuse_empty_token(token: str | None) -> None:
    """Raise BadOption for a token that was given and is empty: it would lock nobody out.

    click takes an empty variable of the environment for none.
    """
    found = os.environ.get("FEATX_TOKEN") if token is None else token
    if found is not None and not found.strip():
        raise BadOption(
            "--token or FEATX_TOKEN: found an empty token, which would let everyone in; expected a secret, "
            "or leave it out altogether"
        )


def _require_libraries() -> None:
    from featx._extras import require

    for library in ("starlette", "pydantic", "uvicorn", "prometheus_client", "python_multipart"):
        require(library, extra="serve")


def _by_name(paths: tuple[Path, ...]) -> dict[str, Path]:
    """Return paths by the names of their classifiers; raise BadOption where two have the same."""
    named: dict[str, Path] = {}
    for path in paths:
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError) as error:
            # Python before 3.13 says so of links that lead in a circle with a RuntimeError.
            raise BadOption(
                f"{path}: cannot be read: its symbolic links lead in a circle"
            ) from error
        name = resolved.name.removesuffix(".zip").removesuffix(".featx")
        if name in named:
            raise BadOption(f"{path}: {named[name]} has the name {name} already; rename one")
        named[name] = resolved
    return named
