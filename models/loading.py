"""Read a model back from its text files. No code is loaded, only numbers and words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from features.errors import LeadlightError
from models.blend import Blend
from models.boosting import Boosting
from models.learning import Files, Model
from models.logistic import Logistic
from models.naive_bayes import NaiveBayes
from models.points.model import PointsModel
from models.pointsheet import SheetModel

KINDS: Final[dict[str, Callable[[Files], Model]]] = {
    "boosting": Boosting.from_files,
    "logistic": Logistic.from_files,
    "naive_bayes": NaiveBayes.from_files,
    "points": PointsModel.from_files,
    "sheet": SheetModel.from_files,
}


def model_from_files(files: Files) -> Model:
    """Inverse of ``Model.to_files``.

    Args:
        files: text by file name; the parts of a blend lie in ``parts/<number>/``.

    Raises:
        LeadlightError: there is no ``model.json``, or it is of a kind that this version does not know.
    """
    if "model.json" not in files:
        raise LeadlightError(
            "this is no model", ["there is no model.json; train again to write the folder anew"]
        )
    plain = json.loads(files["model.json"])
    kind = plain.get("kind")
    if kind == "blend":
        folders = [f"parts/{at}/" for at in range(len(plain["weights"]))]
        return Blend.assemble(plain, [model_from_files(_inside(files, folder)) for folder in folders])
    if kind not in KINDS:
        known = ", ".join([*KINDS, "blend"])
        raise LeadlightError(f"this version does not know the kind of model {kind!r}", [f"it knows {known}"])
    return KINDS[kind](files)


def _inside(files: Files, folder: str) -> dict[str, str]:
    return {name.removeprefix(folder): text for name, text in files.items() if name.startswith(folder)}
