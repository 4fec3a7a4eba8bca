"""Features, fine-tuning and distillation on a tiny network."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from core.errors import DataError
from models.labelled.topic_folder import TopicFolder, read_topic_folder
from models.training.config import DistillationConfig, FineTuneConfig, HeadConfig, Trainable
from models.training.distillation import Distillation, divergence, mix, pace, picture_side
from models.training.features import FeatureRecipe, compute_features, hash_weights
from models.training.fine_tuning import FineTuning
from models.training.frozen_training import FrozenBackbone
from models.training.topic_network import HeadInputs, TopicNetwork
from tests.support.tiny_network import MAP_WIDTH, SIDE, SPEC, TINY, WIDTH, tiny_network, write_coloured_topics

HEAD = HeadConfig(1, 1e-3, 0.1, 0.0, 0.0, 30, "single")
TUNE = FineTuneConfig(epochs=3, patience=3, batch=8, learning_rate=1e-2, weight_decay=0.0, keep_imagenet=1.0)
DISTIL = DistillationConfig(
    epochs=2,
    batch=6,
    learning_rate=1e-2,
    weight_decay=0.0,
    temperature=1.0,
    mixup=0.5,
    first_side=32,
    checkpoint_every=2,
)


@pytest.fixture
def folder(tmp_path: Path) -> TopicFolder:
    """Three topics that colour tells apart."""
    return read_topic_folder(write_coloured_topics(tmp_path / "topics"))


def means(batch: np.ndarray) -> np.ndarray:
    """Stand in for a network: the mean colour."""
    return np.asarray(batch.mean(axis=(2, 3)))


class TestFeatures:
    def test_workers_and_order_change_nothing(self, folder: TopicFolder, tmp_path: Path) -> None:
        """One worker or three, forwards or backwards: the same features for the same picture."""
        recipe = FeatureRecipe("net", SPEC, 2, 7)
        paths = [picture.path for picture in folder.pictures[:6]]
        alone = compute_features(paths, recipe, means, tmp_path / "a", 1)
        at_once = compute_features(paths[::-1], recipe, means, tmp_path / "b", 3)
        assert alone.shape == (6, 3, 3)
        assert np.array_equal(alone, at_once[::-1])

    def test_what_was_computed_is_not_computed_again(self, folder: TopicFolder, tmp_path: Path) -> None:
        """The second run asks the network nothing, until the recipe is another."""
        asked: list[int] = []

        def counting(batch: np.ndarray) -> np.ndarray:
            asked.append(len(batch))
            return means(batch)

        recipe = FeatureRecipe("net", SPEC, 1, 7)
        paths = [picture.path for picture in folder.pictures[:3]]
        first = compute_features(paths, recipe, counting, tmp_path / "cache", 1)
        assert np.array_equal(compute_features(paths, recipe, counting, tmp_path / "cache", 1), first)
        assert asked == [2, 2, 2]
        compute_features(paths, replace(recipe, seed=8), counting, tmp_path / "cache", 1)
        assert len(asked) == 6

    def test_a_broken_picture_is_named(self, tmp_path: Path) -> None:
        """Training stops with the path of the file that cannot be read."""
        path = tmp_path / "broken.jpg"
        path.write_bytes(b"\xff\xd8\xff")
        with pytest.raises(DataError, match="broken.jpg"):
            compute_features([path], FeatureRecipe("net", SPEC, 0, 0), means, tmp_path / "cache", 1)

    def test_other_weights_have_another_hash(self) -> None:
        """The cache never mixes two networks up."""
        assert hash_weights([tiny_network(1)]) == hash_weights([tiny_network(1)])
        assert hash_weights([tiny_network(1)]) != hash_weights([tiny_network(2)])

    def test_cached_inputs_are_what_the_network_computes(self, folder: TopicFolder, tmp_path: Path) -> None:
        """A head fitted on cached features meets the same numbers inside the shipped network."""
        network = tiny_network()
        frozen = FrozenBackbone.open(TINY, network, tmp_path / "cache", 1, seed=0)
        pictures = folder.pictures[:4]
        features = frozen.of_files(pictures, 0)
        inputs = frozen.fit_inputs(features)
        whole = TopicNetwork(network, inputs, WIDTH, 3, "head").eval()
        expected = whole.head(torch.from_numpy(frozen.head_inputs(inputs, features)[:, 0]))
        from models.classifier.decode import decode
        from models.classifier.preprocess import prepare

        pixels = np.stack([prepare(decode(picture.path.read_bytes()), SPEC) for picture in pictures])
        with torch.no_grad():
            topics, _ = whole(torch.from_numpy(pixels))
        assert torch.allclose(topics, expected, atol=1e-4)


def tiny_topics(trainable: Trainable) -> TopicNetwork:
    """Return a tiny topic network, the same each time."""
    inputs = HeadInputs(torch.zeros(MAP_WIDTH), torch.ones(MAP_WIDTH))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return TopicNetwork(tiny_network(), inputs, WIDTH, 3, trainable).eval()


class TestFineTuning:
    @pytest.mark.parametrize("trainable", ["last-stage", "all"])
    def test_it_lowers_the_val_loss(self, trainable: Trainable, folder: TopicFolder, tmp_path: Path) -> None:
        """The best pass is better than the start."""
        tuning = FineTuning(tiny_topics(trainable), folder, SPEC, HEAD, TUNE, tmp_path / "work", seed=0)
        before = tuning._val_loss()
        tuning.run(lambda _: None)
        assert tuning._val_loss() < before

    def test_last_stage_leaves_imagenet_exactly_as_it_was(self, folder: TopicFolder, tmp_path: Path) -> None:
        """Training the topics' own copy of the last stage does not move one ImageNet logit."""
        network = tiny_topics("last-stage")
        pixels = torch.randn(3, 3, SIDE, SIDE)
        before = network(pixels)[1].detach()
        FineTuning(network, folder, SPEC, HEAD, TUNE, tmp_path / "work", seed=0).run(lambda _: None)
        assert torch.equal(network(pixels)[1].detach(), before)

    def test_staying_close_keeps_imagenet_closer(self, folder: TopicFolder, tmp_path: Path) -> None:
        """The more it is held, the less the ImageNet logits move."""
        pixels = torch.randn(6, 3, SIDE, SIDE)
        moved = []
        for weight in (0.0, 30.0):
            network = tiny_topics("all")
            with torch.no_grad():
                before = network(pixels)[1]
            config = replace(TUNE, keep_imagenet=weight)
            FineTuning(network, folder, SPEC, HEAD, config, tmp_path / f"work{weight}", seed=0).run(lambda _: None)
            with torch.no_grad():
                moved.append(float(divergence(network(pixels)[1], before, 1.0)))
        assert moved[1] < moved[0]

    def test_a_stopped_run_ends_where_an_unbroken_one_does(self, folder: TopicFolder, tmp_path: Path) -> None:
        """Interrupted after the first pass and started again, it reaches the same weights."""
        unbroken = tiny_topics("last-stage")
        FineTuning(unbroken, folder, SPEC, HEAD, TUNE, tmp_path / "a", seed=0).run(lambda _: None)

        passes = itertools.count()

        def stop_after_the_first(_: float) -> None:
            if next(passes) == 1:
                raise KeyboardInterrupt

        first = FineTuning(tiny_topics("last-stage"), folder, SPEC, HEAD, TUNE, tmp_path / "b", seed=0)
        with pytest.raises(KeyboardInterrupt):
            first.run(stop_after_the_first)
        resumed = tiny_topics("last-stage")
        FineTuning(resumed, folder, SPEC, HEAD, TUNE, tmp_path / "b", seed=0).run(lambda _: None)
        for ours, theirs in zip(resumed.parameters(), unbroken.parameters(), strict=True):
            assert torch.allclose(ours, theirs, atol=1e-6)

    def test_it_stops_when_val_does_not_improve(self, folder: TopicFolder, tmp_path: Path) -> None:
        """A learning rate that ruins everything ends early, with the starting weights kept."""
        network = tiny_topics("last-stage")
        before = [parameter.clone() for parameter in network.parameters()]
        counted: list[float] = []
        config = replace(TUNE, epochs=9, patience=1, learning_rate=1e3)
        FineTuning(network, folder, SPEC, HEAD, config, tmp_path / "work", seed=0).run(counted.append)
        assert sum(counted) < 9
        assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def ticking(seconds: float) -> Callable[[], float]:
    """Return a clock that moves on by ``seconds`` each time it is read."""
    count = itertools.count()
    return lambda: next(count) * seconds


class TestDistillation:
    def distillation(self, folder: TopicFolder, work: Path, clock: Callable[[], float]) -> Distillation:
        teacher = tiny_network(5)

        def extract(batch: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return np.asarray(teacher(torch.from_numpy(batch)))

        paths = [picture.path for picture in folder.pictures]
        return Distillation(tiny_network(6), SPEC, extract, SPEC, paths, DISTIL, work, 0, clock)

    def test_the_student_comes_to_compute_what_the_teacher_does(self, folder: TopicFolder, tmp_path: Path) -> None:
        """Divergence falls over the passes."""
        one = self.distillation(folder, tmp_path / "work", ticking(0.0))
        pixels = torch.randn(4, 3, SIDE, SIDE)
        teacher = tiny_network(5)
        before = divergence(one.student.eval()(pixels), teacher(pixels), 1.0).item()
        reached = one.run(1.0, lambda _reached, _share: None)
        after = divergence(one.student(pixels), teacher(pixels), 1.0).item()
        assert reached.step == one.n_steps
        assert after < before

    def test_it_ends_when_its_minutes_are_spent(self, folder: TopicFolder, tmp_path: Path) -> None:
        """A clock that races stops it before its passes are done."""
        one = self.distillation(folder, tmp_path / "work", ticking(20.0))
        assert 0 < one.run(1.0, lambda _reached, _share: None).step < one.n_steps

    def test_it_goes_on_where_it_stopped(self, folder: TopicFolder, tmp_path: Path) -> None:
        """With more minutes the next run starts from the last checkpoint, and a third finds nothing to do."""
        first = self.distillation(folder, tmp_path / "work", ticking(20.0)).run(1.0, lambda _r, _s: None)
        again = self.distillation(folder, tmp_path / "work", ticking(0.0))
        second = again.run(100.0, lambda _r, _s: None)
        assert first.step < second.step == again.n_steps
        third = self.distillation(folder, tmp_path / "work", ticking(0.0)).run(100.0, lambda _r, _s: None)
        assert third.step == second.step

    def test_mixing_lays_one_picture_over_another(self) -> None:
        """Both networks see the same blend."""
        pixels = np.stack([np.zeros((3, 2, 2)), np.ones((3, 2, 2))]).astype(np.float32)
        assert mix(pixels, np.array([1, 0]), 0.25)[:, 0, 0, 0].tolist() == [0.25, 0.75]

    def test_pictures_grow_and_the_rate_falls(self) -> None:
        """Sides rise in steps of 32 to the student's own; the learning rate warms up and ends near 0."""
        sides = [picture_side(share / 10, 96, 224) for share in range(11)]
        assert sides == sorted(sides)
        assert (sides[0], sides[-1]) == (96, 224)
        assert all(side % 32 == 0 for side in sides)
        assert pace(0.0) < pace(0.03) == pytest.approx(1)
        assert pace(0.999) < 0.01

    def test_divergence_of_equal_answers_is_nothing(self) -> None:
        """A student that answers as the teacher does has nothing to learn."""
        logits = torch.randn(3, 7)
        assert float(divergence(logits, logits, 2.0)) == pytest.approx(0, abs=1e-6)
        assert float(divergence(logits, logits.flip(0), 2.0)) > 0
