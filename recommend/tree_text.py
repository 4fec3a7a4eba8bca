"""Reads LightGBM's text of trees completely before LightGBM does, which trusts every number in it.

LightGBM takes counts, sizes and indices as they stand: one wrong digit has it read beyond its arrays, walk in circles
or end the process. So each line is read here by the rules of LightGBM's own writer (``GBDT::SaveModelToString`` and
``Tree::ToString``, model versions v3 and v4), and LightGBM gets a text that is put together from what was read: no byte
reaches it that was not understood. Categorical splits and linear leaves, which no ranker of ours has, are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MOST_BYTES = 64_000_000
MOST_TREES = 20_000
MOST_LEAVES = 4_096
MOST_FEATURES = 1_000
DEEPEST = 200
"""Explaining an answer walks a tree by recursion; and its memory grows with the square of the depth."""
VERSIONS = ("v3", "v4")
OBJECTIVES = ("lambdarank", "regression")
"""Those whose score is the plain sum of leaves."""
DECISIONS = (0, 2, 4, 6, 8, 10)
"""Numerical splits: 2 for going left where a value is missing; 0, 4 or 8 for what counts as missing (none, 0, NaN)."""
LARGEST_COUNT = 2**31 - 1

_NUMBER = r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:e[+-]?[0-9]{1,3})?"
_FLOATS = re.compile(rf"{_NUMBER}(?: {_NUMBER})*")
_THRESHOLDS = re.compile(rf"(?:{_NUMBER}|inf)(?: (?:{_NUMBER}|inf))*")
"""Where a split parts what is there from what is missing, LightGBM writes ``inf``."""
_INTEGERS = re.compile(r"-?[0-9]{1,10}(?: -?[0-9]{1,10})*")
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_RANGE = re.compile(rf"none|\[{_NUMBER}:{_NUMBER}\]")


class NotTrees(ValueError):
    """The text is not one that LightGBM may be given; the message says where."""


@dataclass(frozen=True, slots=True)
class TreeText:
    """Trees that were read completely.

    Attributes:
        features: names of the columns, in the order of the trees' indices.
        text: what LightGBM is given.
    """

    features: tuple[str, ...]
    text: str


def read_tree_text(content: bytes) -> TreeText:
    """Return what LightGBM may be given of a file of trees: all up to ``end of trees``.

    Raises:
        NotTrees: it is larger than any ranker, or not exactly what LightGBM writes for numerical trees.
    """
    if len(content) > MOST_BYTES:
        raise NotTrees(f"more than {MOST_BYTES // 1_000_000} MB")
    try:
        lines = _Lines(content.decode("ascii").split("\n"))
    except UnicodeDecodeError as error:
        raise NotTrees("a sign that is not ASCII") from error
    features, head = _read_head(lines)
    sizes = [_size(size) for size in lines.value("tree_sizes").split(" ")]
    if len(sizes) > MOST_TREES:
        raise NotTrees(f"more than {MOST_TREES} trees")
    lines.expect("")
    trees = []
    for number, size in enumerate(sizes):
        tree = _read_tree(lines, number, len(features))
        if len(tree) != size:
            raise NotTrees(f"tree {number} has another size than the head of the file says")
        trees.append(tree)
    lines.expect("end of trees")
    text = "\n".join((*head, f"tree_sizes={' '.join(map(str, sizes))}", "", "".join(trees) + "end of trees", ""))
    return TreeText(features, text)


class _Lines:
    """The lines of a file, taken one after the other."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._rest: Iterator[str] = iter(lines)
        self._number = 0

    def take(self) -> str:
        self._number += 1
        line = next(self._rest, None)
        if line is None:
            raise self.wrong("the file ends too early")
        return line

    def expect(self, wanted: str) -> str:
        if self.take() != wanted:
            raise self.wrong(f"not {wanted!r}" if wanted else "not empty")
        return wanted

    def value(self, key: str) -> str:
        name, equals, value = self.take().partition("=")
        if not equals or name != key:
            raise self.wrong(f"no {key}")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        value = self.value(key)
        if value not in allowed:
            raise self.wrong(f"{key} is not {' or '.join(allowed)}")
        return value

    def floats(self, key: str, n: int) -> str:
        """Return the value of a line of ``n`` finite numbers."""
        return self._numbers(key, n, _FLOATS, lambda token: math.isfinite(float(token)))[0]

    def thresholds(self, key: str, n: int) -> str:
        """Return the value of a line of ``n`` numbers, each finite or ``inf``."""
        return self._numbers(key, n, _THRESHOLDS, lambda text: text == "inf" or math.isfinite(float(text)))[0]

    def integers(self, key: str, n: int, least: int, most: int) -> tuple[str, list[int]]:
        """Return the value of a line of ``n`` integers from ``least`` to ``most``, and the integers."""
        value, tokens = self._numbers(key, n, _INTEGERS, lambda token: least <= int(token) <= most)
        return value, list(map(int, tokens))

    def _numbers(
        self, key: str, n: int, form: re.Pattern[str], allowed: Callable[[str], bool]
    ) -> tuple[str, list[str]]:
        value = self.value(key)
        tokens = value.split(" ") if value else []
        if len(tokens) != n or (tokens and not form.fullmatch(value)) or not all(map(allowed, tokens)):
            raise self.wrong(f"{key} does not hold the {n} numbers that it must")
        return value, tokens

    def wrong(self, what: str) -> NotTrees:
        return NotTrees(f"line {self._number}: {what}")


def _read_head(lines: _Lines) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of the columns, and the lines before the sizes of the trees."""
    head = [lines.expect("tree"), f"version={lines.choice('version', VERSIONS)}"]
    head += [
        f"{key}={lines.choice(key, [only])}" for key, only in (("num_class", "1"), ("num_tree_per_iteration", "1"))
    ]
    head.append(f"label_index={lines.choice('label_index', ['0'])}")
    last, (n_before,) = lines.integers("max_feature_idx", 1, 0, MOST_FEATURES - 1)
    head += [f"max_feature_idx={last}", f"objective={lines.choice('objective', OBJECTIVES)}"]
    names = lines.value("feature_names")
    features = tuple(names.split(" "))
    if len(features) != n_before + 1 or len(set(features)) != len(features) or not all(map(_NAME.fullmatch, features)):
        raise lines.wrong(f"feature_names does not hold {n_before + 1} different names")
    infos = lines.value("feature_infos")
    ranges = infos.split(" ")
    if len(ranges) != len(features) or not all(map(_RANGE.fullmatch, ranges)):
        raise lines.wrong("feature_infos does not hold a range for each feature")
    return features, [*head, f"feature_names={names}", f"feature_infos={infos}"]


def _size(token: str) -> int:
    if not token.isdecimal() or len(token) > 8:
        raise NotTrees("tree_sizes holds something that is no size")
    return int(token)


def _read_tree(lines: _Lines, number: int, n_features: int) -> str:
    """Return the text of one tree, with the two empty lines behind it."""
    text = [lines.expect(f"Tree={number}")]

    def floats(key: str, n: int) -> None:
        text.append(f"{key}={lines.floats(key, n)}")

    def integers(key: str, n: int, least: int, most: int) -> list[int]:
        value, numbers = lines.integers(key, n, least, most)
        text.append(f"{key}={value}")
        return numbers

    (n_leaves,) = integers("num_leaves", 1, 1, MOST_LEAVES)
    integers("num_cat", 1, 0, 0)
    n_splits = n_leaves - 1
    integers("split_feature", n_splits, 0, n_features - 1)
    floats("split_gain", n_splits)
    text.append(f"threshold={lines.thresholds('threshold', n_splits)}")
    decisions = integers("decision_type", n_splits, 0, max(DECISIONS))
    left = integers("left_child", n_splits, -n_leaves, n_splits - 1)
    right = integers("right_child", n_splits, -n_leaves, n_splits - 1)
    floats("leaf_value", n_leaves)
    # A tree that was never split has no weights.
    floats("leaf_weight", n_leaves if n_splits else 0)
    leaf_counts = integers("leaf_count", n_leaves, 1 if n_splits else 0, LARGEST_COUNT)
    floats("internal_value", n_splits)
    floats("internal_weight", n_splits)
    counts = integers("internal_count", n_splits, 1, LARGEST_COUNT)
    integers("is_linear", 1, 0, 0)
    floats("shrinkage", 1)
    text += [lines.expect(""), lines.expect("")]
    if not set(decisions) <= set(DECISIONS):
        raise lines.wrong(f"tree {number} decides otherwise than by size")
    _check_shape(lines, number, left, right, leaf_counts, counts)
    return "\n".join((*text, ""))


def _check_shape(
    lines: _Lines, number: int, left: list[int], right: list[int], leaf_counts: list[int], counts: list[int]
) -> None:
    """Refuse children that are no tree, one that is too deep, and counts that do not add up.

    Inner node ``i`` is ``i`` and leaf ``i`` is ``-i - 1``. An inner node is made after its parent and so has a greater
    number: with each node the child of one other, that leaves no room for a circle.
    """
    n_splits = len(left)
    if sorted(left + right) != [*range(-n_splits - 1, 0), *range(1, n_splits)] and n_splits:
        raise lines.wrong(f"tree {number} has a node with no parent, or with two")
    depths = [1] * n_splits
    for node, children in enumerate(zip(left, right, strict=True)):
        inner = [child for child in children if child >= 0]
        if any(child <= node for child in inner):
            raise lines.wrong(f"tree {number} has a node above its parent")
        for child in inner:
            depths[child] = depths[node] + 1
    if max(depths, default=0) > DEEPEST:
        raise lines.wrong(f"tree {number} is deeper than {DEEPEST}")
    below = [counts[child] if child >= 0 else leaf_counts[-child - 1] for child in (*left, *right)]
    if any(counts[node] != below[node] + below[n_splits + node] for node in range(n_splits)):
        raise lines.wrong(f"tree {number} has counts that do not add up")
