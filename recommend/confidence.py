"""How far an answer can be trusted, and when to say that nothing is known.

A picture is known when its energy reaches that of the photographs that the classifier was tested on; a text is known
when one of its words or seeds is. An answer abstains when neither is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import BundleCorrupt
from core.query import Query
from core.suggestions import Level
from recommend.signals.base import TextSignals
from recommend.signals.text import SeedLift, SeedSpelling, WordLift

CONFIDENCE_FILE = "confidence.json"
LIKE_A_KNOWN_SEED = 0.3
"""Cosine of n-grams from which an unknown seed is taken for a form of a known hashtag: of unknown seeds on val three in
four are over it, of random letters fewer than one in twenty."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """The thresholds that say how far an answer can be trusted, chosen on val posts.

    Attributes:
        least_energy: of a picture that is known, in nats.
        least_evidence: natural-log evidence that a text's best hashtag needs beyond its popularity.
        sure_evidence: the same for a text that is known well.
        sure_topic: probability of a picture's best topic from which it is known well.
    """

    least_energy: float
    least_evidence: float
    sure_evidence: float
    sure_topic: float

    def judge(self, query: Query, text: TextSignals) -> tuple[Level, bool]:
        """Return the level of trust, and whether to abstain."""
        evidence = text_evidence(text)
        text_known = evidence >= self.least_evidence
        image = query.image
        image_known = image is not None and (image.energy is None or image.energy >= self.least_energy)
        if query.options.topic is None and not text_known and not image_known:
            return "low", True
        image_sure = image_known and image is not None and float(image.topics.max()) >= self.sure_topic
        if image_sure or evidence >= self.sure_evidence:
            return "high", False
        return "medium", False


def text_evidence(text: TextSignals) -> float:
    """Return the strongest evidence for a hashtag in caption or seeds, in nats beyond its popularity; 0 without any.

    A seed that is not known is evidence when it is written like one that is: ``hikingadventures`` like ``hiking``.
    """
    best = max(float(text.column(name).max(initial=0.0)) for name in (SeedLift.name, WordLift.name))
    spelt = float(text.column(SeedSpelling.name).max(initial=0.0))
    said = max((float(np.log1p(n_words)) for _, n_words in text.said.values()), default=0.0)
    return max(best, said, spelt if spelt >= LIKE_A_KNOWN_SEED else 0.0)


def save_confidence(confidence: Confidence, path: Path) -> None:
    """Write the thresholds to ``path``."""
    plain = {name: getattr(confidence, name) for name in Confidence.__dataclass_fields__}
    path.write_text(json.dumps(plain, indent=1), encoding="utf-8")


def open_confidence(folder: Path) -> Confidence:
    """Return the thresholds in ``folder``.

    Raises:
        BundleCorrupt: the file is missing or broken.
    """
    try:
        plain = json.loads((folder / CONFIDENCE_FILE).read_text(encoding="utf-8"))
        return Confidence(**{name: float(plain[name]) for name in Confidence.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"{folder / CONFIDENCE_FILE} is damaged ({type(error).__name__}); train again") from error
