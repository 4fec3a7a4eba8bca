"""From a ranking to a list: no two forms of one word, as many of each popularity tier as asked, pins first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidOption
from core.query import Tier
from core.suggestions import Notice
from recommend.catalogue.tiers import TIERS

SAME_FORM = 1.5
"""Similarity of two forms of one word. More than any cosine: the second form brings a post no new readers."""
KINSHIP = 0.75
"""Cosine up to which two hashtags are not alike but belong together: nineteen in twenty pairs that people put side by
side on val posts lie below it, and pushing those apart takes away what fits."""

NO_TIER = -1
"""In place of a tier, of a hashtag that nothing is known of."""

_STEM = 3
"""Letters that must be left of a word when its ending or ``insta`` is taken away."""
# Words in -us and -is are seldom plurals (virus, paris), those in -ss never.
_SINGULAR = ("ss", "us", "is")
_SIBILANTS = ("ses", "xes", "zes", "ches", "shes")


def form_of(tag: str) -> str:
    """Return what the forms of one word share: ``dogs``, ``instadog`` and ``_dog_`` all give ``dog``."""
    form = tag.replace("_", "")
    if form.startswith("insta") and len(form) >= len("insta") + _STEM:
        form = form.removeprefix("insta")
    if len(form) <= _STEM or not form.endswith("s") or form.endswith(_SINGULAR):
        return form
    if form.endswith("ies") and len(form) > _STEM + 2:
        return form[:-3] + "y"
    if form.endswith(_SIBILANTS) and len(form) > _STEM + 1:
        return form[:-2]
    return form[:-1]


def number_forms(tags: Iterable[str]) -> NDArray[np.int32]:
    """Return (n_tags,) int32: equal numbers for forms of one word."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(form_of(tag), len(numbers)) for tag in tags], dtype=np.int32)


def rerank(
    scores: NDArray[np.floating[Any]],
    vectors: NDArray[np.floating[Any]],
    forms: NDArray[np.integer[Any]],
    weight: float,
    k: int,
) -> NDArray[np.int64]:
    """Return (min(k, n),) int64 indices of the candidates in their new order, by maximal marginal relevance.

    The next candidate is the one with the highest (1 - weight) * score - weight * (its largest similarity to those
    chosen before), where scores are scaled from 0 to 1 over the candidates (Carbonell and Goldstein 1998, "The Use of
    MMR, Diversity-Based Reranking"). Similarity is how far the cosine is above ``KINSHIP``, 0 to 1, and
    ``SAME_FORM`` between forms of one word. Ties go to the candidate given first; weight 0 is the order of the scores.

    Args:
        scores: (n,) finite, of any range.
        vectors: (n, d) unit rows; a row of zeros resembles nothing.
        forms: (n,) as ``number_forms`` gives them.
        weight: 0 to 1.
        k: how many are wanted.
    """
    n = min(k, scores.shape[0])
    if weight <= 0:
        return np.argsort(-scores, kind="stable")[:n]
    relevance = (1.0 - weight) * _scaled(scores)
    rows = np.asarray(vectors, dtype=np.float32)
    similarity = np.maximum(rows @ rows.T - KINSHIP, 0.0) / (1.0 - KINSHIP)
    similarity[forms[:, None] == forms[None, :]] = SAME_FORM
    nearest = np.zeros(scores.shape[0], dtype=np.float64)
    free = np.ones(scores.shape[0], dtype=np.bool_)
    order = np.empty(n, dtype=np.int64)
    for position in range(n):
        best = int(np.where(free, relevance - weight * nearest, -np.inf).argmax())
        order[position] = best
        free[best] = False
        np.maximum(nearest, similarity[best], out=nearest)
    return order


def _scaled(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    exact = np.asarray(scores, dtype=np.float64)
    if not exact.size:
        return exact
    low, high = float(exact.min()), float(exact.max())
    return (exact - low) / (high - low) if high > low else np.zeros_like(exact)


def with_pins(ranked: Iterable[str], pins: Sequence[str], exclude: Collection[str]) -> tuple[str, ...]:
    """Return pins in the given order, then ``ranked`` without what is pinned or excluded; no duplicates.

    Args:
        ranked: hashtags in normal form, best first.
        pins: always first, whether or not anything is known of them.
        exclude: never returned.

    Raises:
        InvalidOption: a hashtag is both pinned and excluded.
    """
    both = next((tag for tag in pins if tag in exclude), None)
    if both is not None:
        raise InvalidOption(f"{both!r} is both pinned and excluded; take it out of one of the two", field="pin")
    return tuple(dict.fromkeys([*pins, *(tag for tag in ranked if tag not in exclude)]))


def apply_mix(
    tiers: Sequence[int] | NDArray[np.integer[Any]], mix: Mapping[Tier, int] | None, limit: int, n_pinned: int = 0
) -> tuple[list[int], tuple[Notice, ...]]:
    """Return the indices, rising, of up to ``limit`` entries of a ranked list, with as many of each tier as asked.

    The first ``n_pinned`` are kept whatever their tiers, and count. Then each tier of ``mix`` gets its best entries.
    What is left of ``limit`` goes to the best of the tiers that ``mix`` does not name, then to the best of any, but
    never to a tier of which 0 were asked.

    Args:
        tiers: (n,) index in ``tiers.TIERS`` of each entry, best first; ``NO_TIER`` where nothing is known (pins).
        mix: how many of each tier, or None for any.
        limit: how many in all.
        n_pinned: how many entries at the start are pins.

    Returns:
        The indices, and a notice for each tier with fewer entries than asked.

    Raises:
        InvalidOption: ``mix`` adds up to more than ``limit``, or asks for fewer than none.
    """
    if mix is None:
        return list(range(min(limit, len(tiers)))), ()
    _check_mix(mix, limit)
    wanted = {TIERS.index(name): count for name, count in mix.items()}
    numbers = [int(tier) for tier in tiers]
    chosen = list(range(min(n_pinned, limit, len(numbers))))
    rest = range(len(chosen), len(numbers))
    missing = {tier: count - sum(numbers[index] == tier for index in chosen) for tier, count in wanted.items()}
    asked: list[int] = []
    for index in rest:
        if missing.get(numbers[index], 0) > 0:
            missing[numbers[index]] -= 1
            asked.append(index)
    named = set(asked)
    others = [index for index in rest if index not in named and wanted.get(numbers[index]) != 0]
    # Stable: within either half the order of rank stays.
    others.sort(key=lambda index: numbers[index] in wanted)
    chosen.extend([*asked, *others][: limit - len(chosen)])
    return sorted(chosen), _unfilled(wanted, [numbers[index] for index in chosen])


def _check_mix(mix: Mapping[Tier, int], limit: int) -> None:
    negative = next((name for name, count in mix.items() if count < 0), None)
    if negative is not None:
        raise InvalidOption(
            f"mix asks for {mix[negative]} {negative} hashtags; give 0 or more", field=f"mix.{negative}"
        )
    total = sum(mix.values())
    if total > limit:
        raise InvalidOption(
            f"mix adds up to {total}, more than limit {limit}; lower one or raise the other", field="mix"
        )


def _unfilled(wanted: Mapping[int, int], found: Sequence[int]) -> tuple[Notice, ...]:
    notices = []
    for tier, count in sorted(wanted.items()):
        n_found = found.count(tier)
        if n_found < count:
            detail = f"only {n_found} of the {count} {TIERS[tier]} hashtags asked for could be found"
            notices.append(Notice("mix_not_filled", detail, f"mix.{TIERS[tier]}"))
    return tuple(notices)
