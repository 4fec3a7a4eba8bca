"""Equal keys are found part by part, as a dictionary would find them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.hashes import uniform_draw
from pipelines.cleaning.keys import Keys, Records, Rows, equal_keys
from pipelines.cleaning.pictures import distances
from pipelines.cleaning.samples import Samples
from pipelines.cleaning.signatures import Signer, hash_key, shingles, similarities
from tests.unit.pipelines.corpora_on_disk import WORDS, caption

KEY = np.dtype([("key", "<u8")])


def naive_groups(keys: list[int]) -> list[list[int]]:
    """Return the rows of each key that two or more have."""
    groups = defaultdict(list)
    for row, key in enumerate(keys):
        if key:
            groups[key].append(row)
    return sorted(rows for rows in groups.values() if len(rows) > 1)


@given(st.lists(st.integers(0, 12) | st.integers(0, 2**64 - 1), max_size=60), st.integers(1, 70), st.integers(1, 7))
def test_groups_are_those_of_a_dictionary(keys: list[int], part_rows: int, chunk: int) -> None:
    """Whatever the size of a part, each group is found once and whole, its rows ascending."""

    def read() -> Iterator[tuple[Rows, Keys]]:
        for start in range(0, len(keys), chunk):
            some = keys[start : start + chunk]
            yield np.arange(start, start + len(some)), np.array(some, dtype=np.uint64)

    assert sorted(rows.tolist() for rows in equal_keys(read, len(keys), part_rows)) == naive_groups(keys)


def test_records_come_back_in_order_and_singly(tmp_path: Path) -> None:
    """What was appended is what is read, chunk by chunk or row by row."""
    records = Records(tmp_path / "keys", KEY, 0)
    for start in (0, 40_000):
        records.append(np.arange(start, start + 40_000, dtype=np.uint64).view(KEY))
    whole = np.concatenate([chunk["key"] for _, chunk in records.chunks()])
    assert whole.tolist() == list(range(80_000))
    assert records.rows(np.array([70_000, 3]))["key"].tolist() == [70_000, 3]
    records.close()


def test_what_an_interrupted_run_left_behind_is_cut_off(tmp_path: Path) -> None:
    """Rows that no ledger counts are gone, half a row with them."""
    path = tmp_path / "keys"
    first = Records(path, KEY, 0)
    first.append(np.arange(10, dtype=np.uint64).view(KEY))
    first.close()
    path.write_bytes(path.read_bytes() + b"half")
    again = Records(path, KEY, 7)
    again.append(np.array([99], dtype=np.uint64).view(KEY))
    assert [chunk["key"].tolist() for _, chunk in again.chunks()] == [[0, 1, 2, 3, 4, 5, 6, 99]]
    again.close()


def jaccard(one: list[str], other: list[str]) -> float:
    """Return the similarity that signatures estimate."""
    a, b = set(shingles(one)), set(shingles(other))
    return len(a & b) / len(a | b)


def test_similarities_are_near_those_of_the_sets() -> None:
    """128 functions estimate a Jaccard similarity within four standard errors, on average without bias."""
    signer = Signer(0.8, 128)
    texts = [caption(n, 14).split() for n in range(12)]
    texts += [[*text[:-2], "other", "words"] for text in texts]
    errors = []
    for one, other in combinations(texts, 2):
        estimate = similarities(signer.sign(one)[0], signer.sign(other)[0][None])[0]
        errors.append(estimate - jaccard(one, other))
    assert max(map(abs, errors)) < 4 * 0.5 / 128**0.5
    assert abs(np.mean(errors)) < 0.02


@pytest.mark.parametrize("alphabet", ["abcdefgh", "абвгдежз", "天地玄黄宇宙洪荒"])
def test_shingles_are_runs_of_characters_in_every_script(alphabet: str) -> None:
    """A word of eight characters with its edges has six of five."""
    assert {shingle.decode() for shingle in shingles([alphabet])} == {f" {alphabet} "[at : at + 5] for at in range(6)}


def test_copies_with_a_word_changed_share_a_band_nearly_always() -> None:
    """Of captions of 30 words with one more word, 95 in 100 are found; of unrelated ones, none."""
    signer = Signer(0.8, 128)
    found, near, chance = 0, 0, 0
    for n in range(100):
        words = caption(n, 30).split()
        one, bands = signer.sign(words)
        copy, copied = signer.sign([*words, "sunny"])
        stranger, strange = signer.sign(caption(1000 + n, 30).split()[::-1])
        found += bool(np.intersect1d(bands, copied).size)
        near += bool(signer.near(one, copy[None])[0])
        chance += bool(signer.near(one, stranger[None])[0])
        assert (bands != 0).all()
        assert (strange != 0).all()
    assert found >= 95
    assert near >= 95
    assert chance == 0


def test_equal_words_in_another_order_are_not_the_same_caption() -> None:
    """Shingles cross the spaces, so that lists of the same things differ."""
    signer = Signer(0.8, 128)
    one, other = (signer.sign(words)[0] for words in (WORDS, WORDS[::-1]))
    assert not signer.near(one, other[None])[0]


def test_a_key_is_never_zero_and_depends_on_every_byte() -> None:
    """Zero means no key."""
    assert hash_key(b"") > 0
    assert len({hash_key(bytes([n])) for n in range(256)}) == 256


@given(st.lists(st.integers(0, 2**256 - 1), min_size=1, max_size=6))
def test_distances_are_counts_of_different_bits(values: list[int]) -> None:
    """The fast count equals Python's."""
    looks = np.array([[value >> shift & 2**64 - 1 for shift in (0, 64, 128, 192)] for value in values], dtype=np.uint64)
    assert distances(looks[0], looks).tolist() == [(values[0] ^ value).bit_count() for value in values]


@given(st.lists(st.floats(0, 1), unique=True, max_size=30), st.integers(0, 5))
def test_samples_are_the_lowest_ranks_of_each_rule(ranks: list[float], size: int) -> None:
    """The order in which posts are met plays no part."""
    samples: Samples[float] = Samples(size)
    for at, rank in enumerate(ranks):
        samples.offer("even" if at % 2 == 0 else "odd", rank, rank)
    assert samples.of("even") == sorted(ranks[::2])[:size]
    assert sorted(thing for _, thing in samples.all()) == sorted(sorted(ranks[::2])[:size] + sorted(ranks[1::2])[:size])


def test_ranks_are_spread_evenly() -> None:
    """Each dropped post has the same chance of being looked at."""
    ranks = np.array([uniform_draw("walks-00001.jsonl", number) for number in range(2000)])
    assert abs(ranks.mean() - 0.5) < 0.03
    assert len(set(ranks.tolist())) == 2000
