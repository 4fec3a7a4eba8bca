"""The only place where parts are wired: from a bundle to something that answers, or to what a ranker is trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.bundle.opening import Bundle
from core.clock import UtcClock, utc_now
from core.errors import BundleCorrupt
from core.ports import ImageClassifier
from core.text.blocklist import load_blocklist
from core.text.display import Segmenter, as_used
from embeddings.cooccurrence import Counts
from models.classifier.files import ClassifierFacts, read_facts
from models.classifier.runtimes import open_classifier
from recommend.catalogue.lookups import Catalogue
from recommend.catalogue.trends import TRENDS_FILE, TrendShelf, trend_files
from recommend.confidence import open_confidence
from recommend.hierarchy import HierarchicalRecommender
from recommend.knowledge.opening import Knowledge, open_knowledge
from recommend.language import build_tag_languages
from recommend.ranker import Ranker, open_ranker
from recommend.safety import Blocked
from recommend.scoring import Scoring
from recommend.signals.pictures import ImageSignalMaker
from recommend.signals.text import SignalMaker

WORDS_FILE = "words.json"


@dataclass(frozen=True, slots=True)
class Groundwork:
    """All that answers need except what is learnt from ranking; training a ranker starts from it, too.

    Attributes:
        facts: what the classifier was trained with.
        classifier: pictures to evidence.
        knowledge: what signals are computed from.
        catalogue: look-ups over the vocabulary.
        segmenter: hashtags to words.
        text: what caption and seeds say.
        pictures: what pictures say.
        blocked: hashtag in normal form to the category that it is never suggested for, or None.
    """

    facts: ClassifierFacts
    classifier: ImageClassifier
    knowledge: Knowledge
    catalogue: Catalogue
    segmenter: Segmenter
    text: SignalMaker
    pictures: ImageSignalMaker
    blocked: Blocked


@dataclass(frozen=True, slots=True)
class Engine:
    """A bundle at work. Safe to share between threads.

    Attributes:
        bundle: what everything comes from.
        classifier: pictures to evidence.
        recommender: queries to answers.
        catalogue: look-ups over the vocabulary.
        knowledge: what signals are computed from.
        blocked: hashtag in normal form to the category that it is never suggested for, or None.
    """

    bundle: Bundle
    classifier: ImageClassifier
    recommender: HierarchicalRecommender
    catalogue: Catalogue
    knowledge: Knowledge
    blocked: Blocked


def lay_groundwork(
    tables: Path,
    classifier: Path,
    *,
    runtime: str = "auto",
    threads: int | None = None,
    blocklist: Path | None = None,
    trends: Sequence[Path] = (),
    now: UtcClock = utc_now,
) -> Groundwork:
    """Return the parts that need no ranker.

    Args:
        tables: folder of counts, habits, tables, topic head and words: a bundle, or what learning embeddings left.
        classifier: folder of the classifier: a bundle, or what training topics left.
        runtime: that of the classifier: ``auto``, ``onnx``, ``openvino`` or ``torch``.
        threads: for the classifier; None leaves it to the runtime.
        blocklist: an operator's own, in place of the built-in one.
        trends: files that may hold trends; of two with the same last day the later file counts.
        now: the clock that the age of trends is measured by.

    Raises:
        BundleError: a part is missing, broken or of another format.
        MissingExtra: the runtime is not installed.
        DataError: the block list is malformed.
    """
    facts = read_facts(classifier)
    knowledge = open_knowledge(tables, facts.topics, facts.imagenet_classes)
    segmenter = _segmenter(tables / WORDS_FILE, knowledge.counts)
    blocked = load_blocklist(blocklist).blocked
    shelf = TrendShelf(trends, now=now, blocked=blocked)
    catalogue = Catalogue(knowledge.counts, segmenter.display, shelf, knowledge.tag_meanings)
    return Groundwork(
        facts=facts,
        classifier=open_classifier(classifier, runtime, threads),
        knowledge=knowledge,
        catalogue=catalogue,
        segmenter=segmenter,
        text=SignalMaker(knowledge),
        pictures=ImageSignalMaker(knowledge, catalogue),
        blocked=blocked,
    )


def assemble(
    bundle: Bundle,
    *,
    runtime: str = "auto",
    threads: int | None = None,
    blocklist: Path | None = None,
    ranker: Ranker | None = None,
    trends: Path | None = None,
    now: UtcClock = utc_now,
) -> Engine:
    """Return the bundle at work.

    Args:
        bundle: opened, and verified where that matters.
        runtime: that of the classifier: ``auto``, ``onnx``, ``openvino`` or ``torch``.
        threads: for the classifier; None leaves it to the runtime.
        blocklist: an operator's own, in place of the built-in one.
        ranker: in place of the bundle's own; evaluation leaves out what was learnt from the posts it asks about.
        trends: refreshed trends; ``trends.json`` beside the bundle unless told otherwise. Those of the bundle itself
            count where these are not there or older.
        now: the clock that the age of trends is measured by.

    Raises:
        BundleError: a part is missing, broken or of another format.
        MissingExtra: the runtime is not installed.
        DataError: the block list is malformed.
    """
    in_bundle, refreshed = trend_files(bundle.root, trends)
    listed = TRENDS_FILE in bundle.manifest.files  # what a manifest does not list is not verified
    ground = lay_groundwork(
        bundle.root,
        bundle.root,
        runtime=runtime,
        threads=threads,
        blocklist=blocklist,
        trends=(in_bundle, refreshed) if listed else (refreshed,),
        now=now,
    )
    languages = build_tag_languages(ground.knowledge.tags, ground.segmenter.segment)
    recommender = HierarchicalRecommender(
        ground.knowledge,
        Scoring(
            ground.knowledge,
            ranker or open_ranker(bundle.root),
            ground.catalogue,
            ground.text,
            ground.pictures,
            languages,
            ground.blocked,
        ),
        ground.catalogue,
        open_confidence(bundle.root),
    )
    return Engine(bundle, ground.classifier, recommender, ground.catalogue, ground.knowledge, ground.blocked)


def _segmenter(words_file: Path, counts: Counts) -> Segmenter:
    whole = counts.whole
    captions = dict(zip(counts.words, whole.word_posts.tolist(), strict=True))
    hashtags = dict(zip(counts.tags, whole.tag_posts.tolist(), strict=True))
    return Segmenter(as_used(_word_counts(words_file), captions, hashtags, whole.n_posts))


def _word_counts(path: Path) -> dict[str, int]:
    try:
        return {str(word): int(count) for word, count in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise BundleCorrupt(f"{path} is damaged ({type(error).__name__}); restore it or train again") from error
