"""Fit the context embedding: exact softmax over all hashtags, then continued for each topic.

Needs torch; nothing that serves imports this file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from embeddings.context import GRAM, TOPIC, WORD, gram_buckets
from embeddings.context_corpus import Batch, ContextConfig, Corpus, EpochSampler, TopicTablesConfig
from embeddings.overlay import DeltaTable, build_delta
from embeddings.table import EmbeddingTable, build_table, log_prior_of

Ints = NDArray[np.int64]
Advance = Callable[[int], None]


class ContextNetwork(torch.nn.Module):
    """The parameters while they are fitted."""

    def __init__(
        self, n_rows: int, n_topics: int, log_prior: NDArray[np.float32], config: ContextConfig, seed: int
    ) -> None:
        """Start from small random vectors and the log prior as bias."""
        super().__init__()
        d = config.dimensions
        generator = torch.Generator().manual_seed(seed)
        self.own = torch.nn.Parameter(torch.randn(n_rows + 1, d, generator=generator) * 0.1)  # the last row stays 0
        self.grams = torch.nn.Parameter(torch.randn(max(1, config.n_buckets), d, generator=generator) * 0.1)
        self.topics = torch.nn.Parameter(torch.randn(n_topics, d, generator=generator) * 0.1)
        self.outputs = torch.nn.Parameter(torch.randn(len(log_prior), d, generator=generator) * 0.05)
        self.bias = torch.nn.Parameter(torch.from_numpy(log_prior.copy()))
        with torch.no_grad():
            self.own[-1] = 0

    def token_vectors(self, corpus: Corpus, tokens: Ints) -> torch.Tensor:
        """Return (n, d) input vectors of the given token numbers: their own plus the mean of their n-grams'."""
        own = corpus.own_row[tokens]
        vectors = functional.embedding(
            torch.from_numpy(np.where(own < 0, len(self.own) - 1, own)), self.own, padding_idx=len(self.own) - 1
        )
        sizes = corpus.gram_starts[tokens + 1] - corpus.gram_starts[tokens]
        ids = _ranges(corpus.gram_starts[tokens], sizes)
        if ids.size:
            offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)])[:-1])
            gathered = torch.from_numpy(corpus.gram_ids[ids])
            vectors = vectors + functional.embedding_bag(gathered, self.grams, offsets, mode="mean")
        return vectors

    def contexts(self, corpus: Corpus, batch: Batch) -> torch.Tensor:
        """Return (b, d) the context vectors of a batch."""
        different, inverse = np.unique(batch.token, return_inverse=True)
        vectors = self.token_vectors(corpus, different)
        order = np.argsort(batch.place, kind="stable")
        offsets = np.searchsorted(batch.place[order], np.arange(len(batch.posts)))
        summed = functional.embedding_bag(
            torch.from_numpy(inverse[order]),
            vectors,
            torch.from_numpy(offsets),
            mode="sum",
            per_sample_weights=torch.from_numpy(batch.weight[order]),
        )
        return summed + torch.from_numpy(batch.topics) @ self.topics


class ContextFit:
    """One fit, from posts to tables. Not for several threads.

    Args:
        corpus: of ``prepare_corpus`` with the same tags, words and number of buckets.
        tags: the outputs.
        words: caption words with vectors of their own.
        topics: names of the columns of ``corpus.topics``.
        config: numbers of the fit.
        seed: of initial vectors and of all sampling.
    """

    def __init__(
        self,
        corpus: Corpus,
        tags: Sequence[str],
        words: Sequence[str],
        topics: Sequence[str],
        config: ContextConfig,
        seed: int,
    ) -> None:
        torch.manual_seed(seed)
        self._corpus, self._config, self._seed = corpus, config, seed
        self._tags, self._words, self._topics = tags, words, topics
        uses = np.bincount(corpus.tag_target[corpus.tag_target >= 0], minlength=len(tags))
        self._prior = log_prior_of(uses)
        self._network = ContextNetwork(len(tags) + len(words), len(topics), self._prior, config, seed)
        self._sampler = EpochSampler(corpus, config)

    def fit(self, advance: Advance = lambda epochs: None) -> None:
        """Fit all rows; ``advance`` is told 1 after each epoch."""
        network, config = self._network, self._config
        rng = np.random.default_rng(self._seed)
        usable = self._sampler.usable
        optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), foreach=True)
        # A cycle has a way up and a way down, each of a step at least; of ten steps a tenth would be no way at all.
        n_steps = max(3, config.epochs * math.ceil(len(usable) / config.batch_posts))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=n_steps, pct_start=max(0.1, 2 / n_steps)
        )
        for _ in range(config.epochs):
            for batch in self._sampler.batches(usable, rng):
                contexts = network.contexts(self._corpus, batch)
                _step(optimizer, softmax_loss(contexts @ network.outputs.T + network.bias, batch))
                schedule.step()
            advance(1)

    def table(self) -> EmbeddingTable:
        """Return the global table, rows float32: hashtags, words, topics, buckets.

        The n-grams of known tokens are added to their own rows.
        """
        network, n_buckets = self._network, self._config.n_buckets
        with torch.no_grad():
            own = network.own[:-1].numpy().copy()
            grams = network.grams.numpy()
            for row, spelling in enumerate([*self._tags, *self._words]):
                buckets = gram_buckets(spelling, n_buckets) if n_buckets else np.zeros(0, np.int64)
                if buckets.size:
                    own[row] += grams[buckets].mean(axis=0)
            names = [
                *self._tags,
                *(WORD + word for word in self._words),
                *(TOPIC + topic for topic in self._topics),
                *(f"{GRAM}{bucket}" for bucket in range(n_buckets)),
            ]
            inputs = np.concatenate([own, network.topics.numpy(), grams[:n_buckets]])
            return build_table(names, inputs, network.outputs.numpy(), self._prior, output_bias=network.bias.numpy())

    def continue_topic(self, topic: int, base: EmbeddingTable, config: TopicTablesConfig) -> DeltaTable:
        """Return what one topic's posts change in the output side of ``base`` (this fit's table, as it is stored).

        Posts count by their share of the topic. Rows of hashtags that the topic hardly uses stay as they are.
        """
        share = self._corpus.topics[:, topic]
        posts = self._sampler.usable[share[self._sampler.usable] > 0]
        mine = self._corpus.tag_target >= 0
        uses = np.bincount(self._corpus.tag_target[mine], share[self._corpus.tag_post[mine]], minlength=len(self._tags))
        moving = torch.from_numpy((uses >= config.min_posts).astype(np.float32))
        start, start_bias = torch.from_numpy(base.dense_output()), torch.from_numpy(np.array(base.output_bias))
        shift = torch.zeros_like(start, requires_grad=True)
        bias_shift = torch.zeros_like(start_bias, requires_grad=True)
        optimizer = torch.optim.Adam([shift, bias_shift], lr=config.learning_rate, foreach=True)
        rng = np.random.default_rng((self._seed, topic))
        for _ in range(config.epochs):
            for batch in self._sampler.batches(posts, rng):
                with torch.no_grad():
                    contexts = self._network.contexts(self._corpus, batch)
                outputs, bias = start + shift * moving[:, None], start_bias + bias_shift * moving
                loss = softmax_loss(contexts @ outputs.T + bias, batch, share[batch.posts])
                _step(optimizer, loss + config.pull * (shift.square().sum() + bias_shift.square().sum()))
        with torch.no_grad():
            outputs, bias = start + shift * moving[:, None], start_bias + bias_shift * moving
        return build_delta(
            base, base.dense_input(), outputs.numpy(), log_prior_of(uses), output_bias=bias.numpy(), min_change=0.01
        )

    def topic_head(self, config: TopicTablesConfig) -> NDArray[np.float32]:
        """Return (d + 1, n_topics + 1) weights, the bias last, of softmax regression from context to topic.

        The last column is "none of them": posts without a topic. Contexts that show a topic are not used.
        """
        n_topics = len(self._topics)
        weight = torch.zeros(self._config.dimensions + 1, n_topics + 1, requires_grad=True)
        optimizer = torch.optim.Adam([weight], lr=0.01)
        rng = np.random.default_rng((self._seed, n_topics))
        for _ in range(config.head_epochs):
            for batch in self._sampler.batches(self._sampler.usable, rng):
                with torch.no_grad():
                    contexts = self._network.contexts(self._corpus, batch)
                hidden = torch.from_numpy(batch.topics.sum(axis=1) == 0)
                shares = self._corpus.topics[batch.posts]
                wanted = torch.from_numpy(np.column_stack([shares, 1 - shares.sum(axis=1)]).astype(np.float32))
                logits = contexts[hidden] @ weight[:-1] + weight[-1]
                _step(optimizer, functional.cross_entropy(logits, wanted[hidden]))
        return weight.detach().numpy()


def softmax_loss(logits: torch.Tensor, batch: Batch, share: NDArray[np.float32] | None = None) -> torch.Tensor:
    """Return the mean over posts of the cross entropy between the hidden hashtags and the softmax of (b, n) logits.

    Args:
        logits: one row a post of the batch.
        batch: the hidden hashtags; a post whose every predictable hashtag is shown counts for nothing.
        share: (b,) how much each post counts, or None for 1 each.
    """
    weights = batch.target_weight if share is None else batch.target_weight * share[batch.target_place]
    picked = logits[torch.from_numpy(batch.target_place), torch.from_numpy(batch.target)]
    mass = np.bincount(batch.target_place, weights, minlength=len(batch.posts)).astype(np.float32)
    normaliser = torch.logsumexp(logits, dim=1) @ torch.from_numpy(mass)
    return (normaliser - picked @ torch.from_numpy(weights)) / max(1.0, float(mass.sum()))


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _ranges(starts: Ints, sizes: Ints) -> Ints:
    """Return start, start + 1, … for each start, ``sizes`` numbers each, one after the other."""
    ends = np.cumsum(sizes)
    ramp = np.arange(int(ends[-1]) if len(ends) else 0)
    return ramp - np.repeat(ends - sizes, sizes) + np.repeat(starts, sizes)
