"""The least training that still goes through every stage."""

from __future__ import annotations


def quick_training(name: str, *, word2vec_epochs: int, context_epochs: int) -> str:
    """Return a configuration, as TOML, that publishes whatever comes of it under ``name``."""
    return f"""
[topics]
backbone = "efficientnet_lite2"
noise_pictures = 20
held_out_groups = 2
[topics.head]
views = 1
iterations = 10
[embeddings.word2vec]
dimensions = 16
epochs = {word2vec_epochs}
[embeddings.context]
dimensions = 16
epochs = {context_epochs}
n_buckets = 1000
[embeddings.topic]
epochs = 1
head_epochs = 1
[ranker]
draws = 1
rounds = 20
confidence_questions = 50
[evaluate]
resamples = 50
picture_pairs = 5
nonsense = 5
[publish]
name = "{name}"
at_least = {{}}
"""
