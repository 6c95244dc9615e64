"""The commands of the service: each is one call into a module of this package.

They become commands of ``leadlight`` where this package is installed with the extra ``serve``; see the entry
points. What is slow to import is imported inside the commands, so that ``--help`` is not.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from features.errors import LeadlightError
from serving import cli_keys, cli_upkeep
from serving.cli_options import DEFAULT, PANEL, AsJson, Data, DemoClock, Tenant, answer, say, settings_of

app = typer.Typer()
app.add_typer(cli_upkeep.app)
app.add_typer(cli_keys.app, name="keys", rich_help_panel=PANEL)


class Role(StrEnum):
    """What a bundle is activated as."""

    champion = "champion"
    challenger = "challenger"


@app.command(rich_help_panel=PANEL)
def serve(
    bundle: Annotated[Path | None, typer.Option(help="Folder of the bundle to serve.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Or a registered one, such as models:/leadlight@champion.")
    ] = None,
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 if left out.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 8000 if left out.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one per core is right.")] = None,
    demo_clock: DemoClock = None,
    as_json: AsJson = False,
) -> None:
    """Serve scores and reasons over HTTP, and the review pages, until Ctrl-C.

    Without --bundle and --model, what was active before is served. Settings can also be given as LEADLIGHT_...
    variables.

    Example: `leadlight serve --bundle run/bundle --data service --workers 2`
    """
    from serving.lean import stay_lean

    stay_lean()
    from serving import starting

    if bundle is not None and model is not None:
        raise LeadlightError("name a bundle by --bundle or a registered one by --model, not both")
    settings = settings_of(data, demo_clock, host=host, port=port, workers=workers)
    listening = starting.listen(settings)
    settings = settings.model_copy(update={"port": listening.getsockname()[1]})
    banner = starting.prepare(settings, bundle, model)
    answer(as_json, banner.to_dict(), banner.lines())
    sys.stdout.flush()
    starting.run(settings, listening)


@app.command(rich_help_panel=PANEL)
def activate(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle, or the beginning of a fingerprint.")],
    role: Annotated[
        Role, typer.Option("--as", help="The champion answers; a challenger is compared with it.")
    ] = (Role.champion),
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle, keep it, and have the running service answer with it.

    Example: `leadlight activate run/bundle`, `leadlight activate run/bundle --as challenger`
    """
    from serving import switching
    from serving.desk import opened

    with opened(settings_of(data), make=True) as desk:
        done = switching.activate(desk, bundle, role.value)
    answer(as_json, done.to_dict(), done.lines())


@app.command(rich_help_panel=PANEL)
def rollback(data: Data = None, as_json: AsJson = False) -> None:
    """Have the champion before the present one answer again; called twice, the one before that.

    What was rolled back from does not come back but by `leadlight activate`.

    Example: `leadlight rollback`
    """
    from serving import switching
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = switching.rollback(desk)
    answer(as_json, done.to_dict(), done.lines())


@app.command(rich_help_panel=PANEL)
def retire(data: Data = None, as_json: AsJson = False) -> None:
    """Have no challenger any more; its bundle and its answers are kept.

    Example: `leadlight retire`
    """
    from serving import switching
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = switching.retire(desk)
    answer(as_json, done.to_dict(), done.lines())


@app.command(rich_help_panel=PANEL)
def sign(
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    key: Annotated[Path, typer.Option(help="PEM file of the private key.")],
    as_json: AsJson = False,
) -> None:
    """Sign a bundle, for services that hold the public key (LEADLIGHT_PUBLIC_KEY).

    Example: `leadlight sign --bundle run/bundle --key keys/leadlight-signing.pem`
    """
    from models.signing import sign as step

    fingerprint = step(bundle, key)
    answer(as_json, {"fingerprint": fingerprint}, [f"signed    {fingerprint[:12]}, in {bundle}"])


@app.command(rich_help_panel=PANEL)
def load(
    history: Annotated[Path, typer.Argument(help="History, as written by `leadlight ingest`.")],
    tenant: Tenant = DEFAULT,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Load a history into the service's store; loading it again changes nothing.

    Example: `leadlight load history --data service`
    """
    from serving.desk import opened
    from serving.loading import load_history

    with opened(settings_of(data), make=True) as desk:
        done = load_history(desk.store, history, tenant, desk.clock.now(), say)
    answer(as_json, done.to_dict(), done.lines())


@app.command(rich_help_panel=PANEL)
def rescore(
    only_open: Annotated[bool, typer.Option("--open", help="Only leads that wait for a decision.")] = False,
    tenant: Tenant = DEFAULT,
    data: Data = None,
    demo_clock: DemoClock = None,
    as_json: AsJson = False,
) -> None:
    """Score all leads of the store with the active model and record it: each night, or after a new model.

    Example: `leadlight rescore --open`
    """
    from serving import rescoring
    from serving.desk import opened

    with opened(settings_of(data, demo_clock)) as desk:
        done = rescoring.run(desk, tenant, only_open=only_open, say=say)
    answer(as_json, done.to_dict(), done.lines())
