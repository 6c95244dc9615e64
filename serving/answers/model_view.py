"""The models that answer, as plain data (``schemas.model.ModelShown``)."""

from __future__ import annotations

from typing import Any

from features.definitions import Feature
from features.sentences import title
from models.bundle import ModelBundle
from serving.answers.sheet import withheld
from serving.live import LiveModels


def model_view(models: LiveModels) -> dict[str, Any]:
    """The champion in full, and what is served beside it."""
    bundle = models.champion.bundle
    manifest, limits, reasons = bundle.manifest, bundle.bands.limits, bundle.playbook.reasons
    arms = [arm for arm in (models.champion, models.challenger) if arm is not None]
    return {
        "name": manifest["model"],
        "bundle": bundle.fingerprint,
        "definition": manifest["definition"],
        "base_rate": manifest["base_rate"],
        "horizon_days": dict(manifest["horizon_days"]),
        "trained_until": manifest["last_as_of"],
        "leads": manifest["leads"],
        "positives": manifest["positives"],
        "bands": {"a": limits.a, "b": limits.b, "c": limits.c, "source": limits.source},
        "points": bundle.scale.anchor,
        "points_to_double": bundle.scale.points_to_double,
        "features": [_feature(bundle, feature) for feature in bundle.features],
        "arms": [
            {"role": arm.role, "name": arm.bundle.manifest["model"], "bundle": arm.fingerprint}
            for arm in arms
        ],
        "previous": models.previous,
        "review_reasons": {"rejected": list(reasons.rejected), "recycled": list(reasons.recycled)},
        "card": bundle.card,
    }


def _feature(bundle: ModelBundle, feature: Feature) -> dict[str, Any]:
    return {
        "name": feature.name,
        "title": title(feature, bundle.playbook.phrases),
        "signal": feature.signal,
        "explicit": feature.explicit,
        "withheld": withheld(feature, bundle.playbook.withhold),
    }
