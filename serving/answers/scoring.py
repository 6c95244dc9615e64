"""Scores with reasons: from a lead of the store, or from evidence that was sent along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import orjson
from sqlalchemy import Connection

from features.errors import TableError
from features.evidence import Evidence
from features.online import Bound, Row
from models.sealed import BundleError
from serving.answers import moves, sheet_view
from serving.answers.answer import (
    LATE_EVIDENCE,
    LATE_LEAD,
    Answer,
    Asked,
    Detail,
    Origin,
    Outcome,
    outcome,
    scored,
)
from serving.answers.known import Known, KnownLeads
from serving.answers.prepared import Prepared, refrain
from serving.answers.records import record_of
from serving.answers.refusals import Unscorable
from serving.answers.replaying import replay
from serving.answers.shadow import Shadows, shadow
from serving.answers.since import NOTHING, Since
from serving.answers.stored import prediction_id
from serving.answers.views import Views
from serving.arms import Arm
from serving.clock import Clock
from serving.live import Live, LiveModels
from serving.store import arrivals, predictions, suppression
from serving.store import evidence as rows
from serving.store.engine import Store
from serving.store.predictions import Prediction

__all__ = ["Answer", "Detail", "Origin", "Prepared", "Scoring"]

Enrich = Callable[[Asked, Arm, Evidence, Outcome], Answer]
"""What an answer says besides."""


class Scoring:
    """Thread-safe. Reads the store, never writes to it."""

    def __init__(self, clock: Clock, store: Store, live: Live) -> None:
        self._clock = clock
        self._store = store
        self._live = live
        self._leads = KnownLeads()
        self._views = Views()
        self._shadows = Shadows()

    def of_lead(
        self,
        tenant: str,
        lead_id: str,
        as_of: int | None = None,
        *,
        origin: Origin = "lead",
        reasons: Detail = "signals",
    ) -> Prepared:
        """Score a lead of the store as of ``as_of`` (now where ``None``).

        Raises:
            Unscorable: with a code.
            StoreUnavailable: nothing can be read.
            NoModelError: no model is loaded.
        """
        return self._of_lead(tenant, lead_id, as_of, (origin, reasons), None)

    def explanation(
        self, tenant: str, lead_id: str, as_of: int | None = None, *, origin: Origin = "lead"
    ) -> Prepared:
        """``of_lead`` by feature, with ``moves`` and ``peer`` in the answer."""
        return self._of_lead(tenant, lead_id, as_of, (origin, "features"), _explain)

    def of_evidence(
        self,
        tenant: str,
        evidence: Evidence,
        as_of: int | None = None,
        *,
        origin: Origin = "score",
        reasons: Detail = "signals",
    ) -> Prepared:
        """Score what was sent along. Of the store only an objection counts, and whether the lead was erased."""
        [prepared] = self.of_many(tenant, [evidence], as_of, origin=origin, reasons=reasons)
        if isinstance(prepared, Unscorable):
            raise prepared
        return prepared

    def of_many(
        self,
        tenant: str,
        leads: Sequence[Evidence],
        as_of: int | None = None,
        *,
        origin: Origin = "score",
        reasons: Detail = "signals",
    ) -> list[Prepared | Unscorable]:
        """``of_evidence`` for several leads, by one snapshot of the models; one that cannot be scored says why."""
        now, models = self._clock.now(), self._live.current()
        with self._store.reading() as connection:
            standing = suppression.standing(connection, tenant, {lead.lead_id for lead in leads})
        prepared: list[Prepared | Unscorable] = []
        for lead in leads:
            try:
                moment = _moment(as_of, now, lead.created_at)
                asked = _asked_along(Asked(tenant, lead.lead_id, moment, now, origin, reasons), lead)
                prepared.append(self._of_evidence(asked, models, lead, standing.get(lead.lead_id)))
            except Unscorable as refused:
                prepared.append(refused)
        return prepared

    def _of_evidence(
        self, asked: Asked, models: LiveModels, lead: Evidence, standing: suppression.Standing | None
    ) -> Prepared:
        if standing == "forgotten":
            raise Unscorable("lead_forgotten")
        if standing == "objected":
            return refrain(asked, models.champion)
        arm = models.arm_for(lead.lead_id, lead.account_id, lead.service_line)
        return self._answer(asked, models, arm, Known(0, lead, with_account=True), None)

    def replay(self, tenant: str, prediction_id: str, *, reasons: Detail = "signals") -> Answer:
        """A stored answer and what its stored values give now (``schemas.scores.Recorded``).

        May load an old model, which takes seconds: not for the threads that score.

        Raises:
            Unscorable: there is no such prediction, or its model cannot be loaded any more.
        """
        with self._store.reading() as connection:
            kept = predictions.get(connection, tenant, prediction_id)
        if kept is None:
            raise Unscorable("prediction_not_found")
        if kept.log_odds is None:
            return replay(kept, None, None)
        try:
            arm = self._live.arm(kept.bundle)
        except BundleError as error:
            raise Unscorable("model_not_available") from error
        return replay(kept, arm, self._views.again(arm, kept) if reasons == "features" else None)

    def sheet(self, tenant: str, lead_id: str, as_of: int | None = None) -> Answer:
        """The team's own rules for a lead (``schemas.model.SheetShown``); nothing is recorded.

        Raises:
            Unscorable: also where the person objected, or there is no sheet.
        """
        now = self._clock.now()
        with self._store.reading() as connection:
            head = self._head(connection, tenant, lead_id)
            moment = _moment(as_of, now, head.created_at)
            if head.objected:
                raise Unscorable("lead_objected")
            arm = self._live.current().arm_for(lead_id, head.account_id, head.service_line)
            known = self._known(connection, tenant, lead_id, head.revision, [arm])
        row = _row(arm, _bound(known, arm), moment)
        view = self._views.of(arm, known, row, moment)
        return sheet_view.shown(arm, view, row, lead_id, head.service_line, moment)

    def silent(self, prepared: Prepared) -> Prepared:
        """The answer to the same question about somebody who objected in the meantime."""
        one = prepared.records[0]
        asked = Asked(
            one.tenant, one.lead_id, one.as_of, one.made_at, one.origin, "signals", one.service_line
        )
        return refrain(asked, self._live.current().champion)

    def _of_lead(
        self,
        tenant: str,
        lead_id: str,
        as_of: int | None,
        wanted: tuple[Origin, Detail],
        enrich: Enrich | None,
    ) -> Prepared:
        now = self._clock.now()
        origin, detail = wanted
        models = self._live.current()
        with self._store.reading() as connection:
            head = self._head(connection, tenant, lead_id)
            moment = _moment(as_of, now, head.created_at)
            asked = Asked(
                tenant, lead_id, moment, now, origin, detail, head.service_line, head.revision, head.last
            )
            if head.objected:
                return refrain(asked, models.champion)
            arm = models.arm_for(lead_id, head.account_id, head.service_line)
            earlier = self._earlier(arm, asked)
            arms = _arms(models, arm) if earlier is None else [*_arms(models, arm), earlier]
            known = self._known(connection, tenant, lead_id, head.revision, arms)
            if moment < now:
                asked = replace(asked, warnings=_late(connection, asked, head, arm))
            since = Since.of(connection, asked, known, earlier)
        return self._answer(asked, models, arm, known, enrich, since)

    def _earlier(self, arm: Arm, asked: Asked) -> Arm | None:
        """The model of the last score, where there is a change to tell and the model is at hand."""
        last = asked.last
        if last is None or asked.as_of <= last.as_of:
            return None
        return arm if last.bundle == arm.fingerprint else self._live.kept(last.bundle)

    def _head(self, connection: Connection, tenant: str, lead_id: str) -> rows.Head:
        head = rows.head(connection, tenant, lead_id)
        if head is None:
            self._leads.drop(tenant, lead_id)
            raise Unscorable("lead_not_found")
        return head

    def _known(
        self, connection: Connection, tenant: str, lead_id: str, revision: int, arms: Sequence[Arm]
    ) -> Known:
        with_account = any(arm.features.needs_account for arm in arms)
        known = self._leads.get(tenant, lead_id, revision, with_account=with_account)
        if known is None:
            evidence = rows.read_evidence(connection, tenant, lead_id, with_account=with_account)
            if evidence is None:
                raise Unscorable("lead_not_found")
            known = Known(revision, evidence, with_account)
            self._leads.put(tenant, lead_id, known)
        return known

    def _answer(  # noqa: PLR0917 - what is asked, and of what
        self,
        asked: Asked,
        models: LiveModels,
        arm: Arm,
        known: Known,
        enrich: Enrich | None,
        since: Since = NOTHING,
    ) -> Prepared:
        result = outcome(arm, _row(arm, _bound(known, arm), asked.as_of))
        view = self._views.of(arm, known, result.row, asked.as_of)
        answer = scored(asked, arm, view, result, prediction_id(asked.made_at))
        answer["change"] = since.change(asked, arm, known, result)
        if enrich is not None:
            answer |= enrich(asked, arm, known.evidence, result)
        body = orjson.dumps(answer)
        records: tuple[Prediction, ...] = (record_of(asked, arm, result, (answer["prediction_id"], body)),)
        challenger, alert_points = shadow(models), arm.bundle.playbook.alerts.points
        if challenger is None:
            return Prepared(body, records, answer, alert_points)
        beside = self._shadows.record(asked, challenger, known)
        records += () if beside is None else (beside,)
        return Prepared(body, records, answer, alert_points, shadow_failed=beside is None)


def _late(connection: Connection, asked: Asked, head: rows.Head, arm: Arm) -> tuple[str, ...]:
    """What came here after the moment of the past that is asked about."""
    others = arm.features.needs_account
    seen = arrivals.Seen(asked.lead_id, head.account_id, asked.as_of, arm.bundle.excused, others)
    found = arrivals.late(connection, asked.tenant, seen)
    said = ((LATE_LEAD, found.lead), (LATE_EVIDENCE, found.evidence))
    return tuple(text for text, holds in said if holds)


def _arms(models: LiveModels, arm: Arm) -> list[Arm]:
    challenger = shadow(models)
    return [arm] if challenger is None else [arm, challenger]


def _moment(as_of: int | None, now: int, created_at: int) -> int:
    moment = now if as_of is None else as_of
    if moment > now:
        raise Unscorable("as_of_in_future")
    if moment < created_at:
        raise Unscorable("as_of_before_lead")
    return moment


def _bound(known: Known, arm: Arm) -> Bound:
    try:
        return known.bound(arm)
    except TableError as error:
        raise Unscorable("evidence_unusable") from error


def _row(arm: Arm, bound: Bound, as_of: int) -> Row:
    return arm.features.row(bound, as_of)


def _asked_along(asked: Asked, lead: Evidence) -> Asked:
    without_colleagues = lead.account_id is not None and not lead.colleagues
    return replace(asked, service_line=lead.service_line, without_colleagues=without_colleagues)


def _explain(asked: Asked, arm: Arm, evidence: Evidence, result: Outcome) -> Answer:
    peer = arm.bundle.peers.of(asked.service_line)
    return {
        "moves": moves.moves(arm, evidence, asked.as_of, result.log_odds),
        "peer": {"name": peer.name, "leads": peer.leads},
    }
