"""What LightGBM is given: nothing that could end the process, and all that it writes itself."""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommend.lean_lightgbm import lightgbm
from recommend.ranker import TEXT_KINDS, trees_file
from recommend.tree_text import DECISIONS, DEEPEST, MOST_BYTES, NotTrees, read_tree_text

N_FEATURES = 4
FEATURES = tuple(f"signal_{number}" for number in range(N_FEATURES))
ZERO = 1e-35
WILD = ("-9", "99", "0", "-1", "1", "2147483648", "99999999999999999999", "1e308", "1e999", "nan", "inf", "")
N_MUTANTS = 200


@dataclass(frozen=True)
class Tree:
    """One tree as its text has it, without looking at whether it is one."""

    n_leaves: int
    features: list[int]
    thresholds: list[float]
    decisions: list[int]
    left: list[int]
    right: list[int]
    values: list[float]

    def text(self, number: int) -> str:
        """Return the tree as LightGBM writes it."""
        sizes = [0] * (self.n_leaves - 1)
        for node in reversed(range(self.n_leaves - 1)):
            sizes[node] = sum(1 if child < 0 else sizes[child] for child in (self.left[node], self.right[node]))
        lines: dict[str, list[object]] = {
            "num_leaves": [self.n_leaves],
            "num_cat": [0],
            "split_feature": [*self.features],
            "split_gain": [1] * len(sizes),
            "threshold": [*map(repr, self.thresholds)],
            "decision_type": [*self.decisions],
            "left_child": [*self.left],
            "right_child": [*self.right],
            "leaf_value": [*map(repr, self.values)],
            "leaf_weight": [1] * self.n_leaves if sizes else [],
            "leaf_count": [1] * self.n_leaves,
            "internal_value": [0] * len(sizes),
            "internal_weight": [0] * len(sizes),
            "internal_count": [*sizes],
            "is_linear": [0],
            "shrinkage": [1],
        }
        return f"Tree={number}\n" + "".join(f"{key}={' '.join(map(str, v))}\n" for key, v in lines.items()) + "\n\n"

    def answer(self, row: NDArray[np.float64]) -> float:
        """Return the leaf that a row falls into, by walking."""
        node = 0 if self.features else -1
        while node >= 0:
            value, decision = row[self.features[node]], self.decisions[node]
            missing = decision >> 2
            if np.isnan(value) and missing != 2:
                value = 0.0
            if (missing == 1 and abs(value) < ZERO) or (missing == 2 and np.isnan(value)):
                goes_left = bool(decision & 2)
            else:
                goes_left = bool(value <= self.thresholds[node])
            node = self.left[node] if goes_left else self.right[node]
        return self.values[-node - 1]


def file_of(trees: list[Tree], features: tuple[str, ...] = FEATURES) -> str:
    """Return a file of trees as LightGBM writes it."""
    texts = [tree.text(number) for number, tree in enumerate(trees)]
    sizes = " ".join(str(len(text)) for text in texts)
    return (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={len(features) - 1}\nobjective=lambdarank\nfeature_names={' '.join(features)}\n"
        f"feature_infos={' '.join(['[-1:1]'] * len(features))}\ntree_sizes={sizes}\n\n"
        f"{''.join(texts)}end of trees\n\nfeature_importances:\n\nparameters:\n\nend of parameters\n"
    )


def parsed(text: str) -> list[Tree]:
    """Return the trees in a file, trusting it."""
    trees = []
    for block in text.split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in block.splitlines()[1:] if "=" in line)

        def of(key: str, lines: dict[str, str] = lines) -> list[str]:
            return lines[key].split()

        whole = {key: [int(value) for value in of(key)] for key in ("split_feature", "decision_type", "left_child")}
        trees.append(
            Tree(
                int(lines["num_leaves"]),
                whole["split_feature"],
                [float(value) for value in of("threshold")],
                whole["decision_type"],
                whole["left_child"],
                [int(value) for value in of("right_child")],
                [float(value) for value in of("leaf_value")],
            )
        )
    return trees


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree of any shape: leaves are split one after the other, as LightGBM grows them."""
    n_leaves = draw(st.integers(1, 9))
    left: list[int] = []
    right: list[int] = []
    for node in range(n_leaves - 1):
        leaf = -draw(st.integers(0, node)) - 1
        for side in (left, right):
            side[:] = [node if child == leaf else child for child in side]
        left.append(leaf)
        right.append(-node - 2)
    n_splits = n_leaves - 1
    numbers = (
        st.just(math.inf)
        | st.floats(-1e300, 1e300, allow_nan=False, allow_subnormal=False)
        | st.integers(-3, 3).map(float)
    )

    def several(of: st.SearchStrategy[float], n: int) -> list[float]:
        return draw(st.lists(of, min_size=n, max_size=n))

    return Tree(
        n_leaves,
        draw(st.lists(st.integers(0, N_FEATURES - 1), min_size=n_splits, max_size=n_splits)),
        several(numbers, n_splits),
        draw(st.lists(st.sampled_from(DECISIONS), min_size=n_splits, max_size=n_splits)),
        left,
        right,
        several(st.integers(-1000, 1000).map(float), n_leaves),
    )


def rows_of(seed: int) -> NDArray[np.float64]:
    """Return rows with missing values, zeros and numbers at which trees split."""
    random_source = np.random.default_rng(seed)
    rows = random_source.normal(scale=2, size=(40, N_FEATURES)).round(random_source.integers(0, 4))
    rows[random_source.random(rows.shape) < 0.2] = np.nan
    return rows


def asked(text: str, rows: NDArray[np.float64], *, parts: bool = False) -> NDArray[np.float64]:
    """Return what LightGBM answers."""
    booster = lightgbm.Booster(model_str=text)
    return np.asarray(booster.predict(rows, num_threads=1, pred_contrib=parts), dtype=np.float64)


@settings(max_examples=150)
@given(st.lists(trees(), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_accepted_trees_answer_as_a_walk_through_their_text_does(grown: list[Tree], seed: int) -> None:
    """Whatever their shape: LightGBM gets what was read."""
    rows = rows_of(seed)
    read = read_tree_text(file_of(grown).encode())
    assert read.features == FEATURES
    expected = [sum(tree.answer(row) for tree in grown) for row in rows]
    assert asked(read.text, rows).tolist() == expected


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 40),
    st.sampled_from(["lambdarank", "regression"]),
    st.booleans(),
    st.integers(4, 60),
)
def test_what_lightgbm_writes_is_accepted(seed: int, leaves: int, objective: str, zeros_miss: bool, n: int) -> None:
    """Trees of every kind that our rankers are trained with, few rows and constant columns among them."""
    table = np.vstack([rows_of(seed), rows_of(seed + 1)])[:n]
    table[:, 3] = 1.0
    told = {"objective": objective, "num_leaves": leaves, "min_data_in_leaf": 2, "min_data_in_bin": 1}
    told |= {"verbosity": -1, "num_threads": 1, "zero_as_missing": zeros_miss, "bagging_freq": 1, "seed": seed % 99}
    label = np.random.default_rng(seed).integers(0, 2, n)
    data = lightgbm.Dataset(table, label, group=[n], feature_name=list(FEATURES), params=told)
    booster = lightgbm.train({**told, "bagging_fraction": 0.8}, data, 3)
    text = booster.model_to_string()
    read = read_tree_text(text.encode())
    rows = rows_of(seed + 2)
    for parts in (False, True):
        assert asked(read.text, rows, parts=parts).tolist() == asked(text, rows, parts=parts).tolist()
    walked = np.array([sum(tree.answer(row) for tree in parsed(text)) for row in rows])
    np.testing.assert_allclose(asked(read.text, rows), walked, atol=1e-12)
    again = lightgbm.Booster(model_str=read.text).model_to_string()
    assert read_tree_text(again.encode()) == read


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_the_starter_bundles_trees_are_passed_on_as_they_are(repository: Path, kind: str) -> None:
    """Up to their end, to the byte: no answer changes."""
    content = (repository / "bundles" / "starter" / trees_file(kind)).read_bytes()
    text = read_tree_text(content).text
    assert content.startswith(text.encode())
    assert text.endswith("\nend of trees\n")


def cut_short(text: str, n_trees: int) -> str:
    """Return a file's first trees."""
    head, sizes = re.match(r"(.*?\ntree_sizes=)([0-9 ]+)\n\n", text, flags=re.DOTALL).groups()  # type: ignore[union-attr]
    body = text[text.index("\nTree=0\n") + 1 : text.index(f"\nTree={n_trees}\n") + 1]
    return f"{head}{' '.join(sizes.split()[:n_trees])}\n\n{body}end of trees\n"


def mutant(text: str, chance: random.Random) -> str:
    """Return the text with one number changed: a digit of it, or the whole; or a line gone, doubled or cut."""
    kind = chance.choice(["digit", "digit", "number", "number", "line"])
    if kind == "digit":
        at = chance.choice([match.start() for match in re.finditer(r"[0-9]", text)])
        return text[:at] + chance.choice("0123456789") + text[at + 1 :]
    if kind == "number":
        found = chance.choice(list(re.finditer(r"(?<=[= ])-?[0-9][0-9.e+-]*", text)))
        return text[: found.start()] + chance.choice(WILD) + text[found.end() :]
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    lines[at : at + 1] = chance.choice([[], [lines[at]] * 2, [lines[at][: len(lines[at]) // 2]], ["num_cat=1"]])
    return "\n".join(lines)


def test_no_mutant_of_the_starter_bundles_trees_ends_the_process(repository: Path, tmp_path: Path) -> None:
    """Each is refused by our reader, or answers finite numbers; LightGBM would have ended the process over many."""
    chance = random.Random(23)
    for kind in TEXT_KINDS:
        whole = (repository / "bundles" / "starter" / trees_file(kind)).read_text("ascii")
        text = cut_short(whole, 3)
        (tmp_path / f"{kind}-whole").write_text(text, "ascii")
        for number in range(N_MUTANTS):
            (tmp_path / f"{kind}-{number:03d}").write_text(mutant(text, chance), "ascii")
    child = subprocess.run(
        [sys.executable, "-m", "tests.support.tree_mutants", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=repository,
        timeout=300,
        check=False,
    )
    assert child.returncode == 0, child.stdout[-200:] + child.stderr[-2000:]
    told = dict(line.split() for line in child.stdout.splitlines())
    assert len(told) == len(TEXT_KINDS) * (N_MUTANTS + 1)
    assert [told[f"{kind}-whole"] for kind in TEXT_KINDS] == ["answers"] * len(TEXT_KINDS)
    outcomes = Counter(told.values())
    assert min(outcomes["refused"], outcomes["answers"]) > 50


GROWN = file_of(
    [
        Tree(4, [0, 1, 2], [0.5, 1.5, -1.0], [2, 8, 0], [1, -1, -3], [2, -2, -4], [1.0, 2.0, 3.0, 4.0]),
        Tree(1, [], [], [], [], [], [7.0]),
    ]
)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("num_cat=0", "num_cat=9", "num_cat"),
        ("num_leaves=4", "num_leaves=9", "split_feature"),
        ("num_leaves=4", "num_leaves=-9", "num_leaves"),
        ("num_leaves=4", "num_leaves=99999", "num_leaves"),
        ("split_feature=0 1 2", "split_feature=0 1 4", "split_feature"),
        ("split_feature=0 1 2", "split_feature=0 -1 2", "split_feature"),
        ("split_feature=0 1 2", "split_feature=0  12", "split_feature"),
        ("threshold=0.5", "threshold=nan", "threshold"),
        ("threshold=0.5", "threshold=1e999", "threshold"),
        ("threshold=0.5", "threshold=-inf", "threshold"),
        ("threshold=0.5 ", "threshold=", "threshold"),
        ("decision_type=2", "decision_type=1", "decides otherwise"),
        ("decision_type=2", "decision_type=12", "decision_type"),
        ("left_child=1", "left_child=0", "no parent"),
        ("left_child=1 -1", "left_child=1 2", "no parent"),
        ("left_child=1 -1", "left_child=1 -3", "no parent"),
        ("left_child=1 -1", "left_child=1 -9", "left_child"),
        ("left_child=1 -1 -3\nright_child=2 -2 -4", "left_child=-1 2 -3\nright_child=-2 1 -4", "above its parent"),
        ("leaf_value=1.0", "leaf_value=inf", "leaf_value"),
        ("leaf_count=1", "leaf_count=0", "leaf_count"),
        ("internal_count=4", "internal_count=5", "add up"),
        ("is_linear=0", "is_linear=1", "is_linear"),
        ("is_linear=0", "is_linear=0\nleaf_const=1 1 1 1", "shrinkage"),
        ("shrinkage=1", "shrinkage=1\ncat_threshold=1", "not empty"),
        ("Tree=1", "Tree=01", "Tree=1"),
        ("tree_sizes=", "tree_sizes=9", "size"),
        ("tree_sizes=", "tree_sizes= ", "size"),
        ("end of trees", "Tree=2", "end of trees"),
        ("version=v4", "version=v5", "version"),
        ("num_class=1", "num_class=2", "num_class"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3", "num_tree_per_iteration"),
        ("max_feature_idx=3", "max_feature_idx=2", "feature_names"),
        ("max_feature_idx=3", "max_feature_idx=3\naverage_output", "objective"),
        ("objective=lambdarank", "objective=binary sigmoid:1", "objective"),
        ("feature_names=signal_0 signal_1", "feature_names=signal_0 signal_0", "different names"),
        ("feature_names=signal_0", "feature_names=sig\u00a0nal", "ASCII"),
        ("feature_infos=[-1:1]", "feature_infos=1:2:3", "feature_infos"),
        ("\n", "\r\n", "line 1"),
    ],
)
def test_what_lightgbm_would_trust_is_refused(old: str, new: str, says: str) -> None:
    """The message names the line and what is wrong with it."""
    read_tree_text(GROWN.encode())
    assert old in GROWN
    with pytest.raises(NotTrees, match=says):
        read_tree_text(GROWN.replace(old, new, 1).encode())


def test_trees_that_are_too_deep_or_files_too_large_are_refused() -> None:
    """LightGBM explains answers by recursion, which a chain of a hundred thousand splits would end."""
    depth = DEEPEST + 1
    chain = Tree(
        depth + 1,
        [0] * depth,
        [0.0] * depth,
        [2] * depth,
        [*range(1, depth), -1],
        [-number - 2 for number in range(depth)],
        [0.0] * (depth + 1),
    )
    with pytest.raises(NotTrees, match="deeper"):
        read_tree_text(file_of([chain]).encode())
    with pytest.raises(NotTrees, match="MB"):
        read_tree_text(b" " * (MOST_BYTES + 1))


@given(st.binary(max_size=300))
def test_wild_bytes_are_refused(content: bytes) -> None:
    """Empty ones too."""
    with pytest.raises(NotTrees):
        read_tree_text(content)
    with pytest.raises(NotTrees):
        read_tree_text(GROWN[:60].encode() + content)
