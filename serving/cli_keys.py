"""``leadlight keys``: API keys, and keys that sign bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.cli_options import DEFAULT, AsJson, Data, Tenant, answer, settings_of

app = typer.Typer(help="API keys, and keys that sign bundles.", no_args_is_help=True)


@app.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What uses it, such as salesforce.")],
    scope: Annotated[list[str], typer.Option(help="May be repeated; `all` for every one.")],
    tenant: Tenant = DEFAULT,
    days: Annotated[int | None, typer.Option(min=1, help="How long it holds; for ever if left out.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key; its secret is shown this once.

    Example: `leadlight keys create --name salesforce --scope score --scope evidence:write --days 365`
    """
    from serving import granting
    from serving.desk import opened

    with opened(settings_of(data), make=True) as desk:
        done = granting.create(desk, tenant, name, scope, days)
    answer(as_json, done, [str(done["key"])])


@app.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Whose; all if left out.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the API keys; secrets are not stored, so they cannot be shown.

    Example: `leadlight keys list`
    """
    from serving import granting
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        found = granting.listed(desk, tenant)
    answer(as_json, {"keys": found}, [granting.line(one) for one in found] or ["there are no keys"])


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The part between the two underscores.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let an API key open nothing any more, within a second.

    Example: `leadlight keys revoke 1f2e3d4c5b`
    """
    from serving import granting
    from serving.desk import opened

    with opened(settings_of(data)) as desk:
        granting.revoke(desk, key_id)
    answer(as_json, {"revoked": key_id}, [f"revoked   {key_id}"])


@app.command("new-signing")
def new_signing_keys(
    out: Annotated[Path, typer.Option(help="Folder for the two PEM files.")], as_json: AsJson = False
) -> None:
    """Make a pair of keys that sign bundles; keep the private one where models are approved.

    Example: `leadlight keys new-signing --out keys`
    """
    from models.signing import new_keys

    private, public = new_keys(out)
    told = [f"private   {private}   (keep it to yourself)", f"public    {public}   (LEADLIGHT_PUBLIC_KEY)"]
    answer(as_json, {"private": str(private), "public": str(public)}, told)
