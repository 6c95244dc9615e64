"""Commands for the rights of people, and for keeping a service in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.cli_options import DEFAULT, PANEL, AsJson, Data, LeadId, Tenant, answer, settings_of

app = typer.Typer()
outbox = typer.Typer(help="Changes of scores that the CRM has to hear.", no_args_is_help=True)
app.add_typer(outbox, name="outbox", rich_help_panel=PANEL)


@app.command(rich_help_panel=PANEL)
def forget(lead: LeadId, tenant: Tenant = DEFAULT, data: Data = None, as_json: AsJson = False) -> None:
    """Erase everything about a lead, to the byte; it cannot come back under this id.

    Example: `leadlight forget 00Q5e00001ABCDE`
    """
    from serving import people
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = people.forget(desk, tenant, lead)
    answer(as_json, done, ["erased    nothing of this lead is left; backups made before still hold it"])


@app.command("object", rich_help_panel=PANEL)
def object_(
    lead: LeadId,
    reason: Annotated[str | None, typer.Option(help="For the record.")] = None,
    tenant: Tenant = DEFAULT,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Record that a person objects to profiling: no score is computed any more, and answers say so.

    Example: `leadlight object 00Q5e00001ABCDE --reason "by mail"`
    """
    from serving import people
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = people.object_to_profiling(desk, tenant, lead, reason)
    answer(as_json, done, ["recorded  this lead is not scored any more"])


@app.command(rich_help_panel=PANEL)
def withdraw(lead: LeadId, tenant: Tenant = DEFAULT, data: Data = None, as_json: AsJson = False) -> None:
    """Take an objection back, when the person agrees to be scored again.

    Example: `leadlight withdraw 00Q5e00001ABCDE`
    """
    from serving import people
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = people.withdraw(desk, tenant, lead)
    answer(
        as_json,
        done,
        ["recorded  this lead is scored again" if done["withdrawn"] else "there was no objection"],
    )


@app.command(rich_help_panel=PANEL)
def purge(data: Data = None, as_json: AsJson = False) -> None:
    """Remove what is older than LEADLIGHT_RETENTION_DAYS (730): answers, delivered changes, files of jobs.

    Example: `leadlight purge`
    """
    from serving import keeping
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = keeping.purge(desk)
    answer(as_json, done, [f"{name:<12}{count:,} removed" for name, count in done.items()])


@app.command(rich_help_panel=PANEL)
def backup(
    out: Annotated[Path, typer.Option(help="Folder for the backup; must not exist yet.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Copy the database and the bundles while the service runs; the copy is a data folder of its own.

    Example: `leadlight backup --out backups/monday`
    """
    from serving import keeping
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = keeping.backup(desk, out)
    answer(as_json, done, [f"backup    {done['bytes']:,} bytes, {done['bundles']} bundles, in {out}"])


@outbox.command("list")
def list_outbox(tenant: Tenant = DEFAULT, data: Data = None, as_json: AsJson = False) -> None:
    """List dead letters: changes that the receiver did not take in many tries.

    Example: `leadlight outbox list`
    """
    from serving import keeping
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        done = keeping.dead_letters(desk, tenant)
    told = [f"{one['id']:>8}  {one['settled_at']}  {one['attempts']} tries  {one['problem']}" for one in done]
    answer(as_json, {"dead": done}, told or ["there are no dead letters"])


@outbox.command("replay")
def replay_outbox(tenant: Tenant = DEFAULT, data: Data = None, as_json: AsJson = False) -> None:
    """Have dead letters tried again, but none of a lead of which there is newer news.

    Example: `leadlight outbox replay`
    """
    from serving import keeping
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        count = keeping.replay(desk, tenant)
    answer(as_json, {"replayed": count}, [f"{count:,} will be tried again"])
