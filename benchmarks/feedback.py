"""What feedback is worth: the posts of authors with many of them replayed in their order, with and without it.

    python -m benchmarks.feedback --bundle bundles/starter --posts data/posts --split test

Each author is a workspace. Every post is asked once, with its caption where it has one, else with one to three of its
hashtags; then its author accepts what was suggested and stands in the post, and adds what was not suggested. Nothing is
rejected: people leave hashtags out without a word. What is chosen by this is chosen on val; test tells the figure.
Intervals draw authors, not posts, since the posts of one are alike.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.bundle.opening import open_bundle, resolve_bundle
from core.posts import Post
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.corpus.questions import Question, caption_question, tags_question
from pipelines.evaluation.metrics import ranking_metrics
from recommend.assemble import assemble
from recommend.hierarchy import HierarchicalRecommender
from recommend.workspace import HORIZON_DAYS, Event, adjustments

SHOWN = 20
N_RESAMPLES = 2000
METRIC = "nDCG@10"


def main() -> None:
    """Print nDCG@10 without and with feedback, by source and by how much of it there was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--posts", type=Path, required=True)
    parser.add_argument("--split", default="val", choices=["val", "test"])
    parser.add_argument("--min-posts", type=int, default=5, help="authors with fewer are left out")
    arguments = parser.parse_args()
    recommender = assemble(open_bundle(resolve_bundle(arguments.bundle)), threads=1).recommender
    authors = histories(FolderPosts(arguments.posts, Tally()).posts(), arguments.split, arguments.min_posts)
    measured = [replay(recommender, posts) for posts in authors.values()]
    sources = [posts[0].source for posts in authors.values()]
    for name in ("all", *sorted(set(sources))):
        kept = [values for values, source in zip(measured, sources, strict=True) if name in ("all", source)]
        report(f"{name}, every post", kept)
        report(f"{name}, from the fourth post on", [values[3:] for values in kept])


def histories(posts: Iterator[Post], split: str, min_posts: int) -> dict[str, list[Post]]:
    """Return each author's dated posts in their order, of authors with at least ``min_posts`` that can be asked."""
    found: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        if post.split == split and post.author and post.time and ask(post) is not None:
            found[f"{post.source}:{post.author}"].append(post)
    return {
        author: sorted(own, key=lambda post: (post.time or "", post.post_id))
        for author, own in sorted(found.items())
        if len(own) >= min_posts
    }


def ask(post: Post) -> Question | None:
    """Return the one question that a post is asked."""
    return caption_question(post) or tags_question(post)


def replay(recommender: HierarchicalRecommender, posts: Sequence[Post]) -> NDArray[np.float64]:
    """Return (n_posts, 2) nDCG@10 without and with the feedback on the posts before."""
    said: list[tuple[str, str, int]] = []
    values = []
    for post in posts:
        question = ask(post)
        assert question is not None, "only posts that can be asked have come this far"
        today = datetime.fromisoformat(str(post.time)).toordinal()
        events: list[Event] = [
            (tag, verdict, today - day)  # type: ignore[misc]
            for tag, verdict, day in said
            if today - day <= HORIZON_DAYS
        ]
        queries = [question.query, replace(question.query, workspace=adjustments(events))]
        ranked = recommender.rank(queries, SHOWN)
        values.append(ranking_metrics([ranking[:10] for ranking in ranked], [question.hidden] * 2)[METRIC])
        shown = set(ranked[1])
        said += [(tag, "accepted" if tag in shown else "added", today) for tag in question.hidden]
    return np.array(values, dtype=np.float64)


def report(name: str, measured: Sequence[NDArray[np.float64]]) -> None:
    """Print the means without and with feedback, and the ratio and its interval over authors."""
    kept = [values for values in measured if len(values)]
    sums = np.array([values.sum(axis=0) for values in kept])
    sizes = np.array([len(values) for values in kept])
    draws = np.random.default_rng(0).integers(0, len(kept), size=(N_RESAMPLES, len(kept)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)[:, None]
    without, with_it = sums.sum(axis=0) / sizes.sum()
    low, high = np.percentile(means[:, 1] - means[:, 0], [2.5, 97.5])
    print(
        f"{name}: {len(kept)} authors, {sizes.sum()} posts, {METRIC} {without:.4f} without, {with_it:.4f} with,"
        f" {with_it - without:+.4f} [{low:+.4f}, {high:+.4f}]"
    )


if __name__ == "__main__":
    main()
