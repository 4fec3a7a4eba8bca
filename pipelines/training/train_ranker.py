"""The stage that learns to rank, on val posts that no table has seen, and puts the draft bundle together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from core.clock import utc_timestamp
from core.posts import Post
from models.classifier.files import FACTS_FILE as CLASSIFIER_FACTS
from models.classifier.files import NETWORK_FILE
from pipelines.config.training import RankerConfig
from pipelines.corpus.posts import read_posts
from pipelines.corpus.questions import Question, caption_question, questions, tags_question
from pipelines.training.card import licences_of
from pipelines.training.image_weights import fit_image_weights, left_out_weights
from pipelines.training.ranker_data import RankingSet, fit_confidence, fit_trees, gather
from pipelines.workshop.stage import StageContext
from recommend.assemble import WORDS_FILE, lay_groundwork
from recommend.confidence import CONFIDENCE_FILE, save_confidence
from recommend.ranker import RANKER_FILE, TEXT_KINDS, Ranker
from recommend.safety import allowed_mask

VERSION = 7
LEFT_OUT_FILE = "image_weights_by_source.json"
DRAFT = "draft"


def run(context: StageContext[RankerConfig]) -> None:
    """Write the draft bundle, and beside it the picture weights learnt without each source of multimodal posts."""
    config, progress = context.config, context.progress
    learnt, classifier_folder = context.inputs["train-embeddings"], context.inputs["train-topics"]
    ground = lay_groundwork(learnt, classifier_folder, runtime="onnx", threads=1)
    knowledge, facts = ground.knowledge, ground.facts
    allowed = allowed_mask(knowledge.tags, ground.blocked)
    posts = list(read_posts(context.inputs["split"] / "val.jsonl.gz", context.inputs["data"]))

    sets: dict[str, RankingSet] = {}
    asked = {kind: val_questions(posts, kind, config.draws) for kind in TEXT_KINDS}
    task = progress.task("signals of val posts", sum(map(len, asked.values())))
    for kind, found in asked.items():
        sets[kind] = gather(ground.text, found, allowed, task.advance)
    trees = {}
    fitting = progress.task("rankers", len(TEXT_KINDS))
    for kind, ranking_set in sets.items():
        trees[kind] = fit_trees(kind, ranking_set, config, context.seed)
        fitting.advance(1)

    multimodal = _multimodal(context)
    weigh = partial(fit_image_weights, ground, Ranker(trees, {}), pull=config.image_pull)
    progress.note("weighing what pictures say")
    image, by_source = left_out_weights(multimodal, ground.classifier, weigh)
    ranker = Ranker(trees, image)
    confidence = fit_confidence(config, asked, ground.text, facts.energy.threshold)

    with DraftBundle(context.out, DRAFT) as draft:
        for source in (learnt / name for name in ("counts", "habits", "tables", "topic_head.npy", WORDS_FILE)):
            _copy(source, draft)
        for name in (NETWORK_FILE, CLASSIFIER_FACTS):
            shutil.copyfile(classifier_folder / name, draft.path(name))
        ranker.save(draft.path(RANKER_FILE).parent)
        save_confidence(confidence, draft.path(CONFIDENCE_FILE))
        draft.seal(
            Provenance(
                created=utc_timestamp(),
                topics=facts.topics,
                preprocessing=facts.preprocessing.to_dict(),
                licences=licences_of(facts.backbone, knowledge.tag_meanings.shape[1] > 1),
                counts={
                    "hashtags": len(knowledge.tags),
                    "words": len([word for word in knowledge.counts.words if " " not in word]),
                    "train_posts": knowledge.counts.whole.n_posts,
                    "val_posts": len(posts),
                    "multimodal_posts": len(multimodal),
                },
            )
        )
        draft.publish()
    (context.out / LEFT_OUT_FILE).write_text(json.dumps(by_source, indent=1), encoding="utf-8")
    summary = {kind: {"questions": len(asked[kind]), "rows": len(gathered.table)} for kind, gathered in sets.items()}
    (context.out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")


def val_questions(posts: Sequence[Post], kind: str, draws: int) -> list[Question]:
    """Return the questions of one kind of text: each captioned post without seeds, and several draws of seeds."""
    if kind == "caption":
        return list(questions(posts, partial(caption_question, most_seeds=0)))
    found: dict[tuple[str, tuple[str, ...]], Question] = {}
    for draw in range(draws):
        make = (
            partial(tags_question, draw=draw)
            if kind == "seeds"
            else partial(caption_question, draw=draw, least_seeds=1)
        )
        for question in questions(posts, make):
            if question.query.seeds:
                found.setdefault((question.post_id, tuple(sorted(question.query.seeds))), question)
    return list(found.values())


def _multimodal(context: StageContext[RankerConfig]) -> list[Post]:
    path = context.inputs["split"] / "multimodal.jsonl.gz"
    if not path.is_file():
        return []
    return [post for post in read_posts(path, context.inputs["data"]) if post.image is not None]


def _copy(source: Path, draft: DraftBundle) -> None:
    """Copy a file or a folder, with all below it, to the same name in the draft."""
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:
        shutil.copyfile(path, draft.path(path.relative_to(source.parent).as_posix()))
