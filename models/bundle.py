"""The bundle: the directory that is served. Plain files, hashed; no pickle.

=================  =====================================================================================
manifest.json      what was learned from which data, by which versions
features.json      what the model needs to know of a lead, as definitions
model/             the model's own text files
bands.json         limits of the bands, and the groups behind the ranges
scale.json         how log-odds become points
peers.json         typical leads, to hold one against
golden.json        made-up rows and the answers they must give
playbook.yaml      what marketing and sales agreed on
MODEL_CARD.md      for people
SHA256SUMS         every file and its hash; the hash of this file is the fingerprint of the bundle
=================  =====================================================================================

There is no date of writing and no path in it: the same data and versions give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.special import expit

from features.definitions import SIGNALS, Feature
from features.errors import DefinitionError
from features.matrix import Floats, Matrix, Texts
from features.playbook import Playbook, parse_playbook
from features.sheet import Sheet
from models import golden as golden_rows
from models.bands import BandTable, Range
from models.contributions import TOLERANCE, Contributions
from models.golden import Golden
from models.learning import Model
from models.loading import model_from_files
from models.peers import Peers
from models.scale import Scale
from models.sealed import BundleError, seal, unseal

FORMAT: Final = 3
MODEL_FOLDER: Final = "model/"
REFITTED: Final = "refitted.json"
SHEET: Final = "sheet"
"""The group of what the team's own points add."""
GROUPS: Final = (*SIGNALS, SHEET)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model comes from.

    Attributes:
        model: name of the model.
        definition: version of the SQL definition it was labelled by.
        horizon_days: days in which an SQL counts, by service line; ``""`` is the default.
        rows, leads, positives: what it was trained on; positives are leads that converted.
        base_rate: share of SQLs in training.
        first_as_of, last_as_of: first and last moment asked about in training (ISO, UTC).
        history_sha256: digest of the manifest of the history.
        excused: attributes that were read as known when they happened: without history, and excused by name.
    """

    model: str
    definition: str
    horizon_days: Mapping[str, int]
    rows: int
    leads: int
    positives: int
    base_rate: float
    first_as_of: str
    last_as_of: str
    history_sha256: str
    excused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bundle is made of.

    Attributes:
        playbook: the text of the file, comments included.
        refitted: the team's sheet with learned points, where it has one and there is enough to learn from.
    """

    origin: Origin
    model: Model
    bands: BandTable
    scale: Scale
    peers: Peers
    golden: Golden
    playbook: str
    card: str
    refitted: Sheet | None = None


@dataclass(frozen=True)
class Scores:
    """Answers for the rows of a matrix, each taken apart.

    ``contributions.base + contributions.by_feature.sum(1) + contributions.sheet == log_odds``, always.

    Attributes:
        features: the columns of ``contributions.by_feature``.
        log_odds, probability, points: shape (rows,).
        band: "A" to "D", shape (rows,).
        contributions: in log-odds.
        scale: turns them into points.
    """

    features: tuple[Feature, ...]
    log_odds: Floats
    probability: Floats
    points: Floats
    band: Texts
    contributions: Contributions
    scale: Scale

    def __post_init__(self) -> None:
        apart = np.abs(self.contributions.total - self.log_odds).max(initial=0.0)
        if not apart <= TOLERANCE:
            raise ValueError(f"contributions miss the score by {apart:.3g} log-odds")

    @cached_property
    def by_signal(self) -> Floats:
        """Contributions in log-odds, shape (rows, groups), in the order of ``GROUPS``."""
        return by_group(self.features, self.contributions)

    @property
    def base_points(self) -> float:
        """Points before anything is known about a lead."""
        return float(self.scale.points(self.contributions.base))

    @property
    def points_by_feature(self) -> Floats:
        """Contributions in points, shape (rows, features)."""
        return self.scale.shares(self.contributions.by_feature)

    @property
    def points_by_signal(self) -> Floats:
        """Contributions in points, shape (rows, groups)."""
        return self.scale.shares(self.by_signal)


def by_group(features: Sequence[Feature], contributions: Contributions) -> Floats:
    """Contributions by signal and of the sheet, shape (rows, groups), in the order of ``GROUPS``.

    Args:
        features: the columns of ``contributions.by_feature``.
        contributions: in log-odds.
    """
    member = np.array([[feature.signal == signal for signal in SIGNALS] for feature in features])
    of_signals = contributions.by_feature @ member.reshape(-1, len(SIGNALS)).astype(np.float64)
    return np.column_stack([of_signals, contributions.sheet])


@dataclass(frozen=True)
class ModelBundle:
    """A loaded bundle. Made by ``load``; its files were verified before any of them was interpreted.

    Attributes:
        features: what the kernel has to compute, in the order of the columns of contributions.
    """

    manifest: Mapping[str, Any]
    features: tuple[Feature, ...]
    model: Model
    bands: BandTable
    scale: Scale
    peers: Peers
    golden: Golden
    playbook: Playbook
    card: str
    fingerprint: str
    refitted: Sheet | None = None

    @property
    def excused(self) -> frozenset[str]:
        """Attributes that are read as known when they happened, in training and in serving."""
        return frozenset(self.manifest["excused"])

    def log_odds(self, matrix: Matrix) -> Floats:
        """Calibrated log-odds alone, shape (rows,); for many rows at once."""
        return self.model.log_odds(self._own(matrix))

    def probability(self, matrix: Matrix) -> Floats:
        """Calibrated probability of an SQL within the horizon, shape (rows,)."""
        return np.asarray(expit(self.log_odds(matrix)))

    def score(self, matrix: Matrix) -> Scores:
        """Log-odds, probability, points, band and contributions of every row.

        Raises:
            DefinitionError: naming the features of the bundle that ``matrix`` lacks.
        """
        own = self._own(matrix)
        log_odds = self.model.log_odds(own)
        probability = np.asarray(expit(log_odds))
        return Scores(
            features=self.features,
            log_odds=log_odds,
            probability=probability,
            points=self.scale.points(log_odds),
            band=self.bands.band(probability),
            contributions=self.model.contributions(own),
            scale=self.scale,
        )

    def range_of(self, probability: float) -> Range:
        """What became of leads scored like this."""
        return self.bands.range_of(probability)

    def verify(self) -> None:
        """Recompute the golden rows.

        Raises:
            BundleError: if any answer is off by more than 1e-9.
        """
        golden_rows.verify(self.golden, self.model)

    def _own(self, matrix: Matrix) -> Matrix:
        """The columns of the bundle, in its order; a name tells all that a value depends on."""
        if matrix.features == self.features:
            return matrix
        at = {name: position for position, name in enumerate(matrix.names)}
        missing = [feature.name for feature in self.features if feature.name not in at]
        if missing:
            raise DefinitionError("the matrix lacks features of the bundle", missing)
        columns = [at[feature.name] for feature in self.features]
        words = {feature.name: matrix.words[feature.name] for feature in self.features if feature.is_category}
        return Matrix(self.features, matrix.values[:, columns], words)


def save(path: Path, parts: Parts) -> str:
    """Write a bundle and return its fingerprint.

    What is about to be written is read back first, and must give the golden answers.
    """
    files = {
        "manifest.json": _json({"format": FORMAT, **asdict(parts.origin), "made_with": made_with()}),
        "features.json": _json([feature.to_json() for feature in parts.golden.matrix.features]),
        "bands.json": _json(parts.bands.to_json()),
        "scale.json": _json(parts.scale.to_json()),
        "peers.json": _json(parts.peers.to_json()),
        "golden.json": golden_rows.dumps(parts.golden),
        "playbook.yaml": parts.playbook,
        "MODEL_CARD.md": parts.card,
        **({} if parts.refitted is None else {REFITTED: _json(parts.refitted.model_dump(mode="json"))}),
        **{MODEL_FOLDER + name: text for name, text in parts.model.to_files().items()},
    }
    content = {name: text.encode() for name, text in files.items()}
    _read(content, "not sealed yet", path).verify()
    return seal(path, content)


def load(path: Path) -> ModelBundle:
    """Read a bundle.

    Every hash is checked before any file is interpreted: LightGBM aborts the whole process on a truncated
    model, and does not notice a flipped digit.

    Raises:
        BundleError: if a file was changed, is missing or additional, or cannot be understood.
    """
    content, fingerprint = unseal(path)
    return _read(content, fingerprint, path)


def _read(content: Mapping[str, bytes], fingerprint: str, path: Path) -> ModelBundle:
    try:
        files = {name: raw.decode() for name, raw in content.items()}
        manifest = json.loads(files["manifest.json"])
        if manifest["format"] != FORMAT:
            raise BundleError(
                f"the bundle at {path} has format {manifest['format']}, this version reads {FORMAT}: "
                "train again with this version of leadlight"
            )
        features = tuple(Feature.from_json(feature) for feature in json.loads(files["features.json"]))
        model = model_from_files(_model_files(files))
        if {feature.name for feature in model.features} != {feature.name for feature in features}:
            raise BundleError(f"features.json of the bundle at {path} is not what its model needs")
        if not isinstance(manifest["excused"], list):
            raise BundleError(f"manifest.json of the bundle at {path} does not name the excused attributes")
        return ModelBundle(
            manifest=manifest,
            features=features,
            model=model,
            bands=BandTable.from_json(json.loads(files["bands.json"])),
            scale=Scale.from_json(json.loads(files["scale.json"])),
            peers=_peers(json.loads(files["peers.json"])),
            golden=Golden.from_json(json.loads(files["golden.json"]), features),
            playbook=parse_playbook(files["playbook.yaml"], source=f"{path / 'playbook.yaml'}"),
            card=files["MODEL_CARD.md"],
            fingerprint=fingerprint,
            refitted=Sheet.model_validate_json(files[REFITTED]) if REFITTED in files else None,
        )
    except (KeyError, ValueError, TypeError) as error:
        advice = "make it again with this version of leadlight"
        raise BundleError(
            f"the bundle at {path} cannot be understood; {advice}", [f"{type(error).__name__}: {error}"]
        ) from error


def _peers(data: Mapping[str, Any]) -> Peers:
    peers = Peers.from_json(data)
    if len(peers.everybody.by_group) != len(GROUPS):
        raise ValueError(f"typical leads are taken apart into {len(GROUPS)} groups: {', '.join(GROUPS)}")
    return peers


def _model_files(files: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(MODEL_FOLDER): text for name, text in files.items() if name.startswith(MODEL_FOLDER)
    }


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def made_with() -> dict[str, str]:
    """Versions of what the numbers of a bundle depend on."""
    return {name: _version(name) for name in ("leadlight", "lightgbm", "numpy", "scipy")}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
