"""Trains layers of the backbone, starting from the head that frozen features gave."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.atomic import aside, write_atomic
from models.classifier.decode import decode
from models.classifier.preprocess import Preprocessing, prepare
from models.labelled.topic_folder import LabelledPicture, TopicFolder, source_weights
from models.training.augment import random_view
from models.training.config import FineTuneConfig, HeadConfig
from models.training.distillation import divergence
from models.training.head import Floats, smooth_targets, topic_loss, topic_weights
from models.training.topic_network import TopicNetwork

STATE_FILE = "fine-tuning.json"
WARM_UP = 0.1
TEACHER_TEMPERATURE = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far fine-tuning is.

    Attributes:
        epoch: passes done.
        best_epoch: the pass with the lowest val loss so far.
        best_loss: that loss.
        recipe: hash-like text of the numbers; another recipe starts afresh.
    """

    epoch: int
    best_epoch: int
    best_loss: float
    recipe: str


class FineTuning:
    """One fine-tuning run, which goes on where its checkpoint stopped.

    Args:
        network: its trainable layers are changed in place.
        folder: labelled pictures.
        spec: how pictures are prepared.
        head: targets and weights of pictures.
        config: the numbers.
        work: folder for checkpoints.
        seed: of views and order.
    """

    def __init__(
        self,
        network: TopicNetwork,
        folder: TopicFolder,
        spec: Preprocessing,
        head: HeadConfig,
        config: FineTuneConfig,
        work: Path,
        seed: int,
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device)
        self.teacher = self._untouched() if network.trainable == "all" and config.keep_imagenet > 0 else None
        self.spec, self.head, self.config, self.work, self.seed = spec, head, config, work, seed
        self.train, self.val = folder.of_split("train"), folder.of_split("val")
        self.labels = folder.label_matrix(self.train)
        self.weights = topic_weights(self.labels, head.class_balance) * source_weights(self.train, head.source_balance)
        self.val_labels = folder.label_matrix(self.val)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)
        self.per_epoch = math.ceil(len(self.train) / config.batch)

    def run(self, advance: Callable[[float], object]) -> None:
        """Train until the val loss has not fallen for ``patience`` passes, and keep the best pass."""
        progress = self._resume()
        advance(progress.epoch)
        while progress.epoch < self.config.epochs and progress.epoch - progress.best_epoch < self.config.patience:
            self._train_epoch(progress.epoch)
            loss = self._val_loss()
            epoch = progress.epoch + 1
            is_best = loss < progress.best_loss
            progress = Progress(
                epoch,
                epoch if is_best else progress.best_epoch,
                loss if is_best else progress.best_loss,
                progress.recipe,
            )
            self._save(progress, is_best)
            advance(1)
        best = load_file(self.work / "best.safetensors", device=str(self.device))
        self.network.load_state_dict(best)
        self.network.cpu().eval()

    def _untouched(self) -> nn.Module:
        return copy.deepcopy(self.network.network).eval().requires_grad_(False)

    def _train_epoch(self, epoch: int) -> None:
        self._set_modes()
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.train))
        for step, rows in enumerate(self._batches(order)):
            for group in self.optimiser.param_groups:
                group["lr"] = self.config.learning_rate * self._pace((epoch * self.per_epoch) + step)
            pixels = np.stack([self._view(self.train[row], epoch, int(row)) for row in rows])
            self.optimiser.zero_grad()
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
                x = torch.from_numpy(pixels).to(self.device)
                topics, classes = self.network(x)
                expected = self.teacher(x) if self.teacher is not None else None
            loss = self._loss(topics.float(), self.labels[rows], self.weights[rows])
            if expected is not None:
                loss = loss + self.config.keep_imagenet * divergence(
                    classes.float(), expected.float(), TEACHER_TEMPERATURE
                )
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()

    def _set_modes(self) -> None:
        """Keep batch norms at their ImageNet statistics: small batches of ten topics would only spoil them."""
        self.network.eval()

    def _batches(self, order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        for start in range(0, len(order), self.config.batch):
            yield order[start : start + self.config.batch]

    def _pace(self, step: int) -> float:
        n_steps = self.per_epoch * self.config.epochs
        n_warm = max(1, int(n_steps * WARM_UP))
        if step < n_warm:
            return (step + 1) / n_warm
        return 0.5 * (1 + math.cos(math.pi * (step - n_warm) / max(1, n_steps - n_warm)))

    def _view(self, picture: LabelledPicture, epoch: int, row: int) -> Floats:
        rng = np.random.default_rng([self.seed, epoch, row])
        return random_view(decode(picture.path.read_bytes()), self.spec, rng)

    def _loss(self, logits: Tensor, labels: Floats, weights: Floats) -> Tensor:
        targets = smooth_targets(torch.from_numpy(labels), self.head.label_smoothing, self.head.loss)
        counts = torch.from_numpy(weights).to(self.device)
        return topic_loss(logits, targets.to(self.device), counts, self.head.loss)

    @torch.no_grad()
    def _val_loss(self) -> float:
        self.network.eval()
        total = 0.0
        for rows in self._batches(np.arange(len(self.val))):
            pixels = np.stack([prepare(decode(self.val[row].path.read_bytes()), self.spec) for row in rows])
            topics, _ = self.network(torch.from_numpy(pixels).to(self.device))
            ones = np.ones(len(rows), dtype=np.float32)
            total += float(self._loss(topics.float(), self.val_labels[rows], ones)) * len(rows)
        return total / len(self.val)

    def _fingerprint(self) -> str:
        return json.dumps([asdict(self.config), asdict(self.head), self.seed, len(self.train)], sort_keys=True)

    def _resume(self) -> Progress:
        """Return the progress that a checkpoint of this very run holds, with its weights loaded, or a fresh start."""
        self.work.mkdir(parents=True, exist_ok=True)
        try:
            progress = Progress(**json.loads((self.work / STATE_FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            progress = None
        if progress is None or progress.recipe != self._fingerprint():
            fresh = Progress(0, 0, self._val_loss(), self._fingerprint())
            self._save(fresh, is_best=True)
            return fresh
        reached = self.work / f"epoch-{progress.epoch}.safetensors"
        self.network.load_state_dict(load_file(reached, device=str(self.device)))
        moments = self.work / f"moments-{progress.epoch}.pt"
        self.optimiser.load_state_dict(torch.load(moments, map_location=self.device, weights_only=True))
        return progress

    def _save(self, progress: Progress, is_best: bool) -> None:
        """Write weights first and the file that names them last, so that a kill leaves the earlier checkpoint whole."""
        state = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(state, self.work / f"epoch-{progress.epoch}.safetensors")
        torch.save(self.optimiser.state_dict(), self.work / f"moments-{progress.epoch}.pt")
        if is_best:
            with aside(self.work / "best.safetensors") as hidden:
                save_file(state, hidden)
        write_atomic(self.work / STATE_FILE, json.dumps(asdict(progress)))
        for name in (f"epoch-{progress.epoch - 1}.safetensors", f"moments-{progress.epoch - 1}.pt"):
            (self.work / name).unlink(missing_ok=True)
