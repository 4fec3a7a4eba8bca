"""The stage that learns words and hashtags, on posts with planted structure, and a bundle from what it leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("gensim")

from core.bundle.opening import open_bundle
from core.errors import DataError
from core.posts import Post
from core.text.blocklist import load_blocklist
from pipelines.config.training import EmbeddingsConfig, load_config
from pipelines.corpus.posts import write_posts
from pipelines.training.train_embeddings import GLOVE_FILE, pairs, run, tokenise
from pipelines.training.train_ranker import DRAFT
from pipelines.training.train_ranker import run as run_train_ranker
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import StageContext
from recommend.assemble import assemble
from recommend.knowledge.opening import Knowledge, open_knowledge
from recommend.routing import topic_mixture
from recommend.signals.text import SignalMaker
from tests.support.tiny_posts import LEXICON, THEMES, TOPICS, themed_posts
from tests.support.tiny_world import CLASS_NAMES, DIMENSIONS, RANKER, TinyWorld, ask, ranker_context

pytestmark = pytest.mark.train

DEFAULTS = load_config().embeddings
CONFIG = EmbeddingsConfig(
    word2vec=replace(DEFAULTS.word2vec, dimensions=DIMENSIONS, epochs=10),
    context=replace(
        DEFAULTS.context, dimensions=DIMENSIONS, epochs=12, batch_posts=64, learning_rate=0.05, n_buckets=64
    ),
    topic=replace(DEFAULTS.topic, epochs=3, learning_rate=0.02, head_epochs=8),
)


def learn(world: TinyWorld, folder: Path, posts: list[Post] | None = None, *, glove: bool = False) -> Path:
    """Run the stage in ``folder`` and return where it left its result."""
    out = folder / "out"
    out.mkdir(parents=True)
    lexicon = {"topics": {topic: {"seeds": sorted(tags)} for topic, tags in LEXICON.items()}}
    (folder / "lexicon.json").write_text(json.dumps(lexicon), encoding="utf-8")
    inputs = {
        "data": world.data,
        "split": world.split,
        "train-topics": world.classifier,
        "topic_lexicon": folder / "lexicon.json",
    }
    if posts is not None:
        inputs["split"] = folder / "split"
        inputs["split"].mkdir()
        write_posts(inputs["split"] / "train.jsonl.gz", posts, world.data)
    if glove:
        inputs["weights"] = folder / "weights"
        write_glove(inputs["weights"])
    run(StageContext(out, out, out, inputs, CONFIG, SilentProgress(), 3))
    return out


def write_glove(folder: Path) -> None:
    """Write vectors of five words in the form of the real file."""
    folder.mkdir()
    vectors = {"golden": (1, 0), "retriever": (0, 1), "dog": (3, 4), "pizza": (-1, 0), "tabby": (0, 2)}
    np.savez(
        folder / GLOVE_FILE,
        words=np.frombuffer("\n".join(vectors).encode(), np.uint8),
        vectors=np.array(list(vectors.values()), np.int8),
        scale=np.full(len(vectors), 0.5, np.float32),
    )


@pytest.fixture(scope="module")
def learnt(tiny_world: TinyWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage leaves of the small world's posts."""
    return learn(tiny_world, tmp_path_factory.mktemp("embeddings") / "run", glove=True)


@pytest.fixture(scope="module")
def knowledge(learnt: Path) -> Knowledge:
    """The same, opened."""
    return open_knowledge(learnt, TOPICS, CLASS_NAMES)


def test_what_goes_together_is_learnt(knowledge: Knowledge) -> None:
    """By the context table and by Word2Vec, from a hashtag and from a word."""
    for seed, theme in (("puppy", "dog"), ("carbonara", "pasta"), ("surf", "sea"), ("meeting", "office")):
        near = {*THEMES[theme][0], "love", "photo", "happy"}
        context = knowledge.context.logits(knowledge.context.tag_vectors([seed])[0])
        in_out = knowledge.nearest.in_out([knowledge.word2vec.ids([seed])])[0]
        for scores in (context, in_out):
            best = [knowledge.tags[row] for row in np.argsort(-scores)[:4]]
            assert len(set(best) & near) >= 3, (seed, best)


def test_topics_of_texts_are_learnt(knowledge: Knowledge) -> None:
    """From captions and seeds alone; the office has none of them."""
    maker = SignalMaker(knowledge)
    for caption, topic in (("creamy sauce with parmesan", "food"), ("purring asleep on the sofa", "pets")):
        query = ask(caption)
        mixture = topic_mixture(knowledge, query, maker.signals(query).context)
        assert TOPICS[int(mixture.topics.argmax())] == topic
    office = ask("deadline at the office desk", ["work", "meeting"])
    assert 1 - topic_mixture(knowledge, office, maker.signals(office).context).topics.sum() > 0.5


def test_topic_tables_change_hashtags_of_their_topic(knowledge: Knowledge) -> None:
    """And of no other topic."""
    for number, foreign in ((TOPICS.index("pets"), "pasta"), (TOPICS.index("food"), "dog")):
        moved = {knowledge.tags[row] for row in knowledge.topic_tables[number].rows}
        assert moved
        assert foreign not in moved


def test_meanings_are_means_of_unit_word_vectors(knowledge: Knowledge) -> None:
    """Of the words that a hashtag, a class or a caption word is made of; zeros where none is known."""
    row = knowledge.tag_row
    half = np.sqrt(0.5)
    np.testing.assert_allclose(knowledge.tag_meanings[row["goldenretriever"]], [half, half], atol=0.02)
    np.testing.assert_allclose(knowledge.tag_meanings[row["dog"]], [0.6, 0.8], atol=0.02)
    assert not knowledge.tag_meanings[row["waves"]].any()
    np.testing.assert_allclose(knowledge.class_meanings[963], [-1, 0], atol=0.02)
    np.testing.assert_allclose(knowledge.meaning.take_input(knowledge.meaning.ids(["w:dog"]))[0], [0.6, 0.8], atol=0.02)


def test_a_bundle_is_made_of_it(tiny_world: TinyWorld, learnt: Path, tmp_path: Path) -> None:
    """The next stage takes it as it is, and the bundle answers."""
    out = tmp_path / "ranker"
    out.mkdir()
    run_train_ranker(ranker_context(out, tiny_world.data, tiny_world.split, learnt, tiny_world.classifier, RANKER))
    engine = assemble(open_bundle(out / DRAFT), runtime="onnx", threads=1)
    best = engine.recommender.rank([ask("creamy sauce with parmesan"), ask("", ["surf"])], 5)
    assert len(set(best[0]) & {*THEMES["pasta"][0], "love", "photo", "happy"}) >= 4
    assert len(set(best[1]) & {*THEMES["sea"][0], "love", "photo", "happy"}) >= 4
    assert len(engine.bundle.manifest.licences) == 2


def test_learning_again_gives_the_same_files(tiny_world: TinyWorld, learnt: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    again = learn(tiny_world, tmp_path / "run", glove=True)
    files = sorted(path.relative_to(learnt) for path in learnt.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert [name for name in files if (learnt / name).read_bytes() != (again / name).read_bytes()] == []


def test_without_pretrained_vectors_there_are_no_meanings(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """And everything else is there, but hashtags that must not be learnt."""
    blocked = "thinspo"
    assert load_blocklist().blocked(blocked) == "self-harm"
    posts = [replace(post, hashtags=(*post.hashtags, blocked)) for post in themed_posts(20, 1, "train")]
    knowledge = open_knowledge(learn(tiny_world, tmp_path / "run", posts), TOPICS, CLASS_NAMES)
    assert not knowledge.tag_meanings.any()
    assert knowledge.class_meanings.shape == (1000, 1)
    assert blocked not in knowledge.tag_row
    assert knowledge.counts.whole.n_posts == len(posts)
    query = ask("creamy sauce", ["pasta"])
    maker = SignalMaker(knowledge)
    assert np.isfinite(maker.table(maker.signals(query), np.arange(len(knowledge.tags)))).all()


def test_posts_that_share_no_hashtag_are_refused(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """There is nothing to learn."""
    posts = [Post(str(n), "walks", "some words here", (f"only{n}", f"here{n}")) for n in range(5)]
    with pytest.raises(DataError, match="collect more posts"):
        learn(tiny_world, tmp_path / "run", posts)


def test_a_post_is_tokenised_as_a_query_is() -> None:
    """Hashtags leave the caption, words keep their order and repetitions; pairs follow each other."""
    post = Post("one", "walks", "My dog, my #puppy ran", ("puppy",), author="a")
    tokenised = tokenise(post, load_blocklist())
    assert (tokenised.hashtags, tokenised.words, tokenised.author) == (("puppy",), ("my", "dog", "my", "ran"), "a")
    assert pairs(tokenised.words) == ("my dog", "dog my", "my ran")
    assert pairs(("alone",)) == ()
