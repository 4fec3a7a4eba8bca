"""What int8 rows cost: the same bundle answering from the context table as it was fitted and as it is stored.

    python -m benchmarks.quantisation --work var/bundles/.work

``--work`` is the folder in which ``tagsmith train`` did its work. The questions are those of val posts: nothing is
chosen here, and test posts are for ``tagsmith evaluate`` alone.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.bundle.opening import open_bundle, resolve_bundle
from pipelines.corpus.posts import read_posts
from pipelines.corpus.questions import caption_question, questions, tags_question
from pipelines.evaluation.metrics import ranking_metrics
from pipelines.training.train_embeddings import EXACT
from recommend.assemble import assemble


def main() -> None:
    """Print nDCG@10 of both on the tasks ``tags`` and ``caption``, and their difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--every", type=int, default=4, help="asks every n-th question")
    arguments = parser.parse_args()
    stages = arguments.work / "stages"
    stored = open_bundle(resolve_bundle(stages / "train-ranker" / "out"))
    posts = list(read_posts(stages / "split" / "out" / "val.jsonl.gz", Path()))
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "bundle"
        shutil.copytree(stored.root, copy)
        shutil.rmtree(copy / "tables" / "global")
        shutil.copytree(stages / "train-embeddings" / "out" / EXACT / "tables" / "global", copy / "tables" / "global")
        engines = [assemble(bundle, threads=1) for bundle in (stored, replace(stored, root=copy))]
        for task, make in (("tags", tags_question), ("caption", caption_question)):
            asked = list(questions(posts, make))[:: arguments.every]
            queries, hidden = [question.query for question in asked], [question.hidden for question in asked]
            small, whole = (
                float(np.mean(ranking_metrics(engine.recommender.rank(queries, 10), hidden)["nDCG@10"]))
                for engine in engines
            )
            print(
                f"{task}: {len(asked)} questions, nDCG@10 int8 {small:.4f}, float32 {whole:.4f}, {small - whole:+.4f}"
            )


if __name__ == "__main__":
    main()
