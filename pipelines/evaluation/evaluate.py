"""The stage that measures a bundle on posts and pictures that nothing was learnt from, beside the published methods."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.atomic import write_atomic
from core.bundle.opening import open_bundle, resolve_bundle
from core.posts import Post
from core.query import ImageEvidence, Query
from core.text.caption import caption_words
from embeddings.context import join
from embeddings.cooccurrence import TokenisedPost
from models.labelled.topic_folder import LabelledPicture, TopicFolder, read_topic_folder
from models.labelled.topic_predictions import observe
from pipelines.config.training import EvaluateConfig
from pipelines.corpus.posts import read_posts
from pipelines.corpus.questions import Question, caption_question, questions, tags_question
from pipelines.corpus.topics import LEXICON_FILE, read_lexicon, topics_of
from pipelines.evaluation.behaviour import abstentions, gibberish_queries, noise_queries, picture_overlaps
from pipelines.evaluation.bootstrap import Bar, Bars, Interval, Resamples
from pipelines.evaluation.contenders import (
    GLOBAL,
    LEARNT,
    N_THREADS,
    SHIPPED,
    ScoringRecommender,
    published_tables,
    ways_of,
)
from pipelines.evaluation.pictures import WITHOUT_PICTURE, image_figures, measure_images
from pipelines.evaluation.scoreboard import Case, Ranker
from pipelines.evaluation.text import (
    REFERENCE,
    Measured,
    measure,
    pooled_ratio,
    routing_figures,
    semantic_vectors,
    task_figures,
)
from pipelines.evaluation.topics import topic_figures
from pipelines.training.image_weights import with_image_weights
from pipelines.training.train_ranker import LEFT_OUT_FILE
from pipelines.workshop.stage import StageContext
from recommend.assemble import assemble
from recommend.baselines.method import Corpus, build_corpus
from recommend.baselines.popularity import Popularity
from recommend.baselines.registry import fit_baselines
from recommend.baselines.topic_popularity import TopicPopularity
from recommend.ranker import open_ranker
from recommend.routing import topic_mixture

VERSION = 2
METRICS_FILE = "metrics.json"
PICTURE_SPLITS = ("test", "ood")

Figures = dict[str, Any]


def run(context: StageContext[EvaluateConfig]) -> None:
    """Write ``metrics.json``: every figure with its interval, and every bar with whether it was met.

    Raises:
        DataError: there are no test posts, or pictures cannot be read.
        BundleError: the bundle cannot be used.
    """
    evaluation = Evaluation(context)
    bars = Bars()
    figures: Figures = {"bars": bars.rows}
    for part in (evaluation.text, evaluation.images, evaluation.pictures):
        figures |= part(bars)
    text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(context.out / METRICS_FILE, text + "\n")


class Evaluation:
    """One bundle, the data it is measured on, and what was measured so far."""

    def __init__(self, context: StageContext[EvaluateConfig]) -> None:
        """Open the bundle and fit what it is compared with."""
        self._context = context
        self._config, self._seed = context.config, context.seed
        self._bundle = open_bundle(resolve_bundle(context.inputs["train-ranker"]))
        self._engine = assemble(self._bundle, threads=1)
        self._lexicon = _lexicon(context.inputs["data"])
        self._corpus = self._train_corpus()
        self._tests = self._posts("test")
        left_out = context.inputs["train-ranker"] / LEFT_OUT_FILE
        self._left_out = json.loads(left_out.read_text(encoding="utf-8")) if left_out.is_file() else {}
        self._without: dict[str, ScoringRecommender] = {}

    def text(self, bars: Bars) -> Figures:
        """Return the tasks ``tags`` and ``caption``, and routing side by side."""
        rankers = self._rankers()
        vectors = semantic_vectors(self._engine.knowledge)
        topic_of = self._topic_of()
        tag_posts = dict(zip(self._corpus.tags, self._corpus.counts.whole.tag_posts.tolist(), strict=True))
        measured: dict[str, Measured] = {}
        for task, make in (("tags", tags_question), ("caption", caption_question)):
            asked = list(questions(self._tests, make))
            if asked:
                measured[task] = measure(
                    asked,
                    rankers,
                    vectors,
                    n_resamples=self._config.resamples,
                    seed=self._seed,
                    progress=self._context.progress,
                )
        limits = {"tags": Bar(at_least=1.05, low_above=1.02), "caption": Bar(at_least=1.35, low_above=1.25)}
        for task, of_task in measured.items():
            for way in (LEARNT, SHIPPED):
                name = f"{task}: {way}, nDCG@10 over {REFERENCE[task]}"
                bars.judge(name, of_task.board.ratio(way, REFERENCE[task]), limits[task])
        pooled = partial(
            pooled_ratio, list(measured.values()), LEARNT, n_resamples=self._config.resamples, seed=self._seed
        )
        if measured:
            bars.judge(
                "topic tables: soft routing over the global table, all posts", pooled(GLOBAL), Bar(low_above=1.0)
            )
        abstained = {
            task: abstentions(self._engine.recommender, _queries(of_task.asked)) for task, of_task in measured.items()
        }
        for task, values in abstained.items():
            bars.judge(f"abstains on test, {task}", self._interval(values), Bar(at_most=0.05))
        self._gibberish(bars)
        return {
            **{task: task_figures(of_task, task, tag_posts, topic_of) for task, of_task in measured.items()},
            "routing": routing_figures(measured, topic_of),
        }

    def images(self, bars: Bars) -> Figures:
        """Return the tasks with a picture, where there are posts that have one."""
        posts = [post for post in self._posts("multimodal") if post.image is not None]
        fallback = TopicPopularity(self._corpus, self._mixture) if self._corpus.counts.by_topic else None
        if not posts or fallback is None:
            return {}
        measured = measure_images(
            posts,
            self._engine.classifier,
            self._recommender_of,
            fallback,
            Popularity(self._corpus),
            n_resamples=self._config.resamples,
            seed=self._seed,
        )
        alone = measured.get("image")
        if alone is not None:
            for metric in ("nDCG@10", "A@5"):
                name = f"image alone: {metric} over {fallback.name}"
                bars.judge(name, alone.ratio(fallback.name, metric), Bar(at_least=1.10))
        beside = measured.get("image_caption")
        if beside is not None:
            bars.judge(
                "image and caption: nDCG@10 over the caption alone", beside.ratio(WITHOUT_PICTURE), Bar(at_least=1.0)
            )
        return {
            task: image_figures(of_task, fallback.name if task == "image" else WITHOUT_PICTURE)
            for task, of_task in measured.items()
        }

    def pictures(self, bars: Bars) -> Figures:
        """Return what the classifier does on labelled pictures, and how much a picture changes an answer."""
        folder = read_topic_folder(self._context.inputs["topics"], self._seed)
        limits = {
            "test": {"top-1": Bar(at_least=0.95), "ECE": Bar(at_most=0.04)},
            "ood": {"top-1": Bar(at_least=0.80), "top-2": Bar(at_least=0.94), "ECE": Bar(at_most=0.08)},
        }
        found: Figures = {"topics": {}, "topics_by_topic": {}, "confusion": {}}
        for split in PICTURE_SPLITS:
            pictures = folder.of_split(split)
            if not pictures or folder.topics != self._engine.classifier.topics:
                continue
            task = self._context.progress.task(f"{split} pictures", len(pictures))
            seen = observe(self._engine.classifier, pictures, N_THREADS, task.advance)
            measured = topic_figures(folder, pictures, seen, self._seed)
            found["topics"][split] = measured.row(len(pictures))
            found["topics_by_topic"][f"by_topic, {split}"] = measured.by_topic
            found["confusion"][split] = measured.confusion
            for name, bar in limits[split].items():
                bars.judge(f"topics, {split}: {name}", measured.overall[name], bar)
            if split == "test":
                self._picture_behaviour(bars, folder, pictures, seen)
        return found

    def _picture_behaviour(
        self, bars: Bars, folder: TopicFolder, pictures: Sequence[LabelledPicture], seen: Sequence[ImageEvidence]
    ) -> None:
        recommender = self._engine.recommender
        labelled = [(picture.topics[0], evidence) for picture, evidence in zip(pictures, seen, strict=True)]
        overlaps = picture_overlaps(recommender, labelled, self._config.picture_pairs, self._seed)
        if len(overlaps):
            resamples = Resamples(len(overlaps), n_resamples=self._config.resamples, seed=self._seed)
            median = resamples.statistic(
                lambda weights: float(np.median(np.repeat(overlaps, weights.astype(np.int64))))
            )
            bars.judge("the picture matters: median Jaccard@10 of two pictures of one topic", median, Bar(at_most=0.7))
        noise = noise_queries(self._engine.classifier, self._config.nonsense, self._seed)
        bars.judge("abstains on noise pictures", self._interval(abstentions(recommender, noise)), Bar(at_least=0.9))
        photographs = [Query(image=evidence) for evidence in seen]
        known = self._interval(abstentions(recommender, photographs))
        bars.judge("abstains on test, pictures", known, Bar(at_most=0.05))

    def _gibberish(self, bars: Bars) -> None:
        asked = gibberish_queries(self._config.nonsense, self._seed)
        values = abstentions(self._engine.recommender, asked)
        bars.judge("abstains on gibberish captions", self._interval(values), Bar(at_least=0.9))

    def _interval(self, values: NDArray[np.float64]) -> Interval:
        return Resamples(len(values), n_resamples=self._config.resamples, seed=self._seed).interval(values)

    def _rankers(self) -> dict[str, Ranker]:
        """Return every method by name, the recommender's ways first."""
        note = self._context.progress.note
        tables = {"Word2Vec": self._engine.knowledge.word2vec}
        tables |= published_tables(self._corpus, self._context.cache / "published", note)
        mixture = self._mixture if self._corpus.counts.by_topic else None
        baselines = fit_baselines(self._corpus, mixture=mixture, tables=tables)
        return ways_of(self._engine.recommender) | {baseline.name: baseline for baseline in baselines}

    def _mixture(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_topics) topics of queries as the recommender sees them."""
        knowledge = self._engine.knowledge
        rows = []
        for query in queries:
            words = knowledge.context.word_vectors(tuple(dict.fromkeys(query.words)))
            context = join(words, knowledge.context.tag_vectors(query.seeds))
            rows.append(topic_mixture(knowledge, query, context).topics)
        return np.stack(rows)

    def _recommender_of(self, source: str) -> ScoringRecommender:
        """Return the recommender with the picture weights that were learnt without ``source``, where they are known."""
        if source not in self._left_out:
            return self._engine.recommender
        if source not in self._without:
            ranker = with_image_weights(open_ranker(self._bundle.root), self._left_out[source])
            self._without[source] = assemble(self._bundle, threads=1, ranker=ranker).recommender
        return self._without[source]

    def _train_corpus(self) -> Corpus:
        posts = self._posts("train")
        tokenised = [TokenisedPost(post.hashtags, caption_words(post.caption), post.author) for post in posts]
        topics = self._engine.knowledge.topics
        return build_corpus(tokenised, topics, topics_of(posts, topics, self._lexicon) if self._lexicon else None)

    def _topic_of(self) -> Callable[[Case], str | None]:
        """Return from a question to the topic that its whole post is marked by, for tables alone."""
        topics = self._engine.knowledge.topics
        shares = topics_of(self._tests, topics, self._lexicon)
        marked = {
            post.post_id: topics[int(row.argmax())] for post, row in zip(self._tests, shares, strict=True) if row.any()
        }
        return lambda case: marked.get(case.post_id) if isinstance(case, Question) else None

    def _posts(self, split: str) -> list[Post]:
        path = self._context.inputs["split"] / f"{split}.jsonl.gz"
        return list(read_posts(path, self._context.inputs["data"])) if path.is_file() else []


def _lexicon(data: Path) -> dict[str, frozenset[str]]:
    path = data / LEXICON_FILE
    return read_lexicon(path).marking if path.is_file() else {}


def _queries(asked: Sequence[Question]) -> list[Query]:
    return [question.query for question in asked]
