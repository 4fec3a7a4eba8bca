"""The stage that learns words and hashtags: counts, tables of vectors, and what a context says about topics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.posts import Post
from core.text.blocklist import Blocklist, load_blocklist
from core.text.caption import caption_words
from core.text.display import Segmenter, build_word_counts
from embeddings.array_folder import write_array, write_json
from embeddings.context_corpus import prepare_corpus
from embeddings.context_training import ContextFit
from embeddings.cooccurrence import TokenisedPost, count_posts, save_counts
from embeddings.overlay import save_delta
from embeddings.pretrained import PretrainedVectors, load_pretrained
from embeddings.table import build_table, log_prior_of, open_table, save_table
from embeddings.tag_habits import count_habits, save_habits
from embeddings.tokens import post_tokens, word_token
from embeddings.word2vec import WHOLE_POST_SKIP_GRAM, fit_word2vec
from models.classifier.files import read_facts
from pipelines.config.training import EmbeddingsConfig
from pipelines.corpus.posts import read_posts
from pipelines.corpus.topics import read_lexicon, topics_of
from pipelines.workshop.stage import StageContext
from recommend.knowledge.class_words import class_terms

VERSION = 2
EXACT = "exact"
"""Folder of the global table as it was fitted, which no bundle takes along: what int8 rows cost is measured by it."""
GLOVE_FILE = "glove_6b_100d_85k_int8.npz"


def run(context: StageContext[EmbeddingsConfig]) -> None:
    """Write ``counts``, ``habits``, ``tables``, ``topic_head.npy`` and ``words.json`` from the train split alone.

    Raises:
        DataError: the posts teach no hashtag.
    """
    config, progress, out = context.config, context.progress, context.out
    torch.set_num_threads(1)  # sums in another order are other sums
    posts = list(read_posts(context.inputs["split"] / "train.jsonl.gz", context.inputs["data"]))
    facts = read_facts(context.inputs["train-topics"])
    topics = facts.topics
    blocklist = load_blocklist()
    tokenised = [tokenise(post, blocklist) for post in posts]
    shares = topics_of(posts, topics, read_lexicon(context.inputs["topic_lexicon"]).marking)

    progress.note("counting what is used together")
    counts = count_posts(
        [TokenisedPost(post.hashtags, (*post.words, *pairs(post.words)), post.author) for post in tokenised],
        topics=topics,
        topic_weights=shares,
    )
    save_counts(counts, out / "counts")
    save_habits(count_habits(tokenised, counts.tags), out / "habits")
    words = [word for word in counts.words if " " not in word]

    glove = _glove(context.inputs.get("weights"))
    uses = {tag: int(n) for tag, n in zip(counts.tags, counts.whole.tag_posts, strict=True)}
    known = build_word_counts((post.words for post in tokenised), uses, glove.words if glove else ())
    write_json(out / "words.json", known)
    _save_meanings(out / "tables" / "meaning", counts.tags, words, facts.imagenet_classes, Segmenter(known), glove)

    _fit_word2vec(config, tokenised, counts.tags, words, context.seed, out / "tables" / "word2vec")
    progress.note("Word2Vec is fitted")
    corpus = prepare_corpus(tokenised, counts.tags, words, shares, config.context.n_buckets)
    fit = ContextFit(corpus, counts.tags, words, topics, config.context, context.seed)
    fit.fit(progress.task("context embedding, epochs", config.context.epochs).advance)
    table = fit.table()
    save_table(table, out / "tables" / "global", row_format="int8")
    save_table(table, out / EXACT / "tables" / "global", row_format="float32")
    base = open_table(out / "tables" / "global")
    task = progress.task("topic tables", len(topics))
    for number, topic in enumerate(topics):
        save_delta(fit.continue_topic(number, base, config.topic), out / "tables" / f"topic-{topic}")
        task.advance(1)
    write_array(out / "topic_head.npy", fit.topic_head(config.topic))
    summary = {
        "hashtags": len(counts.tags),
        "words": len(words),
        "posts": len(posts),
        "topic_posts": _sums(topics, shares),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")


def pairs(words: Sequence[str]) -> tuple[str, ...]:
    """Return each pair of neighbouring words as one token; the space in it tells it from a word."""
    return tuple(f"{first} {second}" for first, second in pairwise(words))


def tokenise(post: Post, blocklist: Blocklist) -> TokenisedPost:
    """Return a post as counting sees it, without the hashtags that must not be learnt."""
    allowed = tuple(tag for tag in post.hashtags if blocklist.blocked(tag) is None)
    return TokenisedPost(allowed, caption_words(post.caption), post.author)


def _glove(weights: Path | None) -> PretrainedVectors | None:
    path = None if weights is None else weights / GLOVE_FILE
    return load_pretrained(path) if path is not None and path.is_file() else None


def _fit_word2vec(
    config: EmbeddingsConfig,
    posts: Sequence[TokenisedPost],
    tags: Sequence[str],
    words: Sequence[str],
    seed: int,
    to: Path,
) -> None:
    chosen = config.word2vec
    whole_post = replace(
        WHOLE_POST_SKIP_GRAM,
        dimensions=chosen.dimensions,
        epochs=chosen.epochs,
        negatives=chosen.negatives,
        seed=seed % (1 << 31),
    )
    sentences = [post_tokens(post.hashtags, tuple(dict.fromkeys(post.words))) for post in posts]
    table = fit_word2vec(sentences, [*tags, *map(word_token, words)], len(tags), whole_post)
    save_table(table, to, row_format="int8")


def _save_meanings(
    folder: Path,
    tags: Sequence[str],
    words: Sequence[str],
    classes: Sequence[str],
    segmenter: Segmenter,
    glove: PretrainedVectors | None,
) -> None:
    """Write vectors of hashtags, classes and caption words in one general word space: the mean of their words'."""
    dimensions = glove.dimensions if glove else 1
    named = [
        *([segmenter.segment(tag) for tag in tags]),
        *([class_terms(number, name) for number, name in enumerate(classes)]),
        *((word,) for word in words),
    ]
    vectors = np.zeros((len(named), dimensions), dtype=np.float32)
    if glove:
        for row, terms in enumerate(named):
            vectors[row] = _mean([glove.get(word) for term in terms for word in term.split()], dimensions)
    names = [*tags, *(f"c:{number}" for number in range(len(classes))), *map(word_token, words)]
    save_table(build_table(names, vectors, None, log_prior_of(np.ones(len(tags)))), folder, row_format="int8")


def _mean(vectors: Sequence[NDArray[np.float32] | None], dimensions: int) -> NDArray[np.float32]:
    found = [vector / max(float(np.linalg.norm(vector)), 1e-9) for vector in vectors if vector is not None]
    return np.mean(found, axis=0, dtype=np.float32) if found else np.zeros(dimensions, np.float32)


def _sums(topics: Sequence[str], shares: NDArray[np.float32]) -> dict[str, int]:
    return {topic: int(n) for topic, n in zip(topics, (shares > 0).sum(axis=0), strict=True)}
