"""A small run of the benchmark's posts: what is planted goes, what is not stays."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.synthetic_posts import kind_of, write_corpus
from tests.unit.pipelines.corpora_on_disk import kept_ids, run_clean

N_POSTS = 2500


def test_planted_spam_and_copies_go_and_ordinary_posts_stay(tmp_path: Path) -> None:
    """Every advertisement, trade and same post goes, nine near copies in ten, and hardly an ordinary post."""
    write_corpus(tmp_path / "corpus", N_POSTS, lambda n_posts: None)
    run_clean(tmp_path / "corpus", tmp_path / "clean")
    planted = Counter(kind_of(number) for number in range(N_POSTS))
    kept = Counter(kind_of(int(name.removeprefix("made-up:"))) for name in kept_ids(tmp_path / "clean"))
    assert min(planted[kind] for kind in ("advert", "follow", "same", "near")) >= 8
    assert kept["advert"] == kept["follow"] == kept["same"] == 0
    assert kept["near"] <= 0.1 * planted["near"]
    assert kept["plain"] >= 0.999 * planted["plain"]
    assert kept["invisible"] == planted["invisible"]
