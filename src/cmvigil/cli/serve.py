"""``cmvigil serve``: the pages, the hooks and the launches, on this machine."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c
from . import server_data

if TYPE_CHECKING:
    from ..service.settings import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve_command(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 8137,
    host: Annotated[
        str, typer.Option("--host", help="Other addresses than loopback need a site's settings.")
    ] = "127.0.0.1",
    settings: server_data.SettingsFile = None,
    data: server_data.Data = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes that answer; else as the settings say.")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Others use this computer too: open only with the key in the address.")
    ] = False,
) -> None:
    """Serve the web pages: open the address, load an example or fill in the form, and read the advice."""
    found = server_data.settings(settings, data)
    if found.mode == "single-user" and host not in LOOPBACK:
        c.stop(f"--host {host}: without a login only loopback is served; a site gives --settings with mode = 'site'")
    key = token_urlsafe(16) if shared and found.start_key is None else None
    with ExitStack() as stack:
        listening = stack.enter_context(_listening(host, port))
        _tell_workers(settings, data, key, workers or found.workers, stack)
        found = server_data.settings(settings, data)
        from ..service import logs

        logs.start(found.log_level)
        _prepare(found)
        _announce(found, host, listening.getsockname()[1])
        _run(found, listening)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        c.stop(f"{host}:{port} cannot be served on ({error.strerror}); give another --port, or 0 for a free one")
    listening.set_inheritable(True)
    return listening


def _tell_workers(settings: Path | None, data: Path | None, key: str | None, workers: int, stack: ExitStack) -> None:
    """Each worker reads the settings anew, from the same file and the same environment."""
    os.environ["CMVIGIL_SETTINGS"] = str(settings.resolve()) if settings else ""
    if data is not None:
        os.environ["CMVIGIL_DATA"] = str(data.resolve())
    os.environ["CMVIGIL_WORKERS"] = str(workers)
    if key is not None:
        os.environ["CMVIGIL_START_KEY"] = key
    if workers > 1:  # they add up their figures in a folder
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(TemporaryDirectory(prefix="cmvigil-metrics-"))


def _prepare(found: Settings) -> None:
    """Bring the database to this version and read the knowledge before anybody is answered: faults are said here."""
    from ..service.store.database import Database, DatabaseError

    try:
        database = Database(found.database_url)
        database.migrate()
        database.close()
    except DatabaseError as error:
        c.stop(str(error))
    c.program(found.knowledge)


def _announce(found: Settings, host: str, port: int) -> None:
    name = f"[{host}]" if ":" in host else host
    key = f"login?key={found.start_key.get_secret_value()}" if found.start_key else ""
    typer.echo(f"cmvigil on http://{name}:{port}/{key}  (data: {found.data})", err=True)
    if found.mode == "single-user" and not key:
        typer.echo("Whoever is logged in to this computer can open it; --shared asks for a key.", err=True)
    for warning in found.warnings():
        typer.echo(f"Warning: {warning}", err=True)


def _run(found: Settings, listening: socket.socket) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    config = uvicorn.Config(
        "cmvigil.service.app:from_environment",
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=found.mode == "site",
        forwarded_allow_ips=found.trusted_proxies,
        timeout_graceful_shutdown=30,
        timeout_worker_healthcheck=60,
        workers=found.workers,
    )
    if found.workers > 1:
        Multiprocess(config, sockets=[listening]).run()
        return
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    if not server.started:
        raise typer.Exit(c.DEFECT)
