"""``tagsmith serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from tagsmith.options import BundleOption, RuntimeOption, ThreadsOption, choose_followed


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on. Default: TAGSMITH_HOST, else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", help="Port to listen on; 0 lets the system choose. Default: TAGSMITH_PORT, else 8000."),
    ] = None,
    bundle: BundleOption = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes that answer. Default: TAGSMITH_WORKERS, else 1.")
    ] = None,
    runtime: RuntimeOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Answer requests over HTTP until told to stop.

    Other settings come from the environment; docs/settings.md lists them.
    """
    from service.run.serve import serve as run_service
    from service.settings import load_settings

    followed, starter = choose_followed(bundle)
    run_service(
        load_settings(
            host=host, port=port, bundle=followed, starter=starter, workers=workers, runtime=runtime, threads=threads
        )
    )
