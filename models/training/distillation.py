"""Teaches a network without weights to compute what another one computes, on pictures without labels.

Function matching (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent"): teacher and
student see the same crop and the same mixture of two pictures, and the student matches the teacher's probabilities.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from core.atomic import write_atomic
from models.backbones.networks import Network
from models.classifier.decode import decode
from models.classifier.preprocess import Preprocessing, resize_box, to_array
from models.training.augment import random_box
from models.training.config import DistillationConfig
from models.training.features import Extract
from models.training.head import Floats

STATE_FILE = "distillation.json"
WARM_UP = 0.03
SMALLEST_CROP = 0.2
SMALLEST_BUDGET_S = 1e-6


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a distillation is.

    Attributes:
        step: batches learnt from.
        seconds: time spent on them, over all runs.
        recent_loss: mean divergence over about the last fifty batches, in nats.
        recipe: text of the numbers that may not change between runs.
    """

    step: int
    seconds: float
    recent_loss: float
    recipe: str


class Distillation:
    """One distillation, which goes on where its checkpoint stopped.

    Args:
        student: trained in place.
        student_spec: how it wants its pictures; its side is reached step by step.
        teacher: pixels prepared by ``teacher_spec`` to (n, 1000) logits.
        teacher_spec: how the teacher wants its pictures.
        pictures: files without labels.
        config: the numbers.
        work: folder for checkpoints.
        seed: of views, mixtures and order.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        student: Network,
        student_spec: Preprocessing,
        teacher: Extract,
        teacher_spec: Preprocessing,
        pictures: Sequence[Path],
        config: DistillationConfig,
        work: Path,
        seed: int,
        clock: Callable[[], float],
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.student = student.to(self.device)
        self.student_spec, self.teacher_spec = student_spec, teacher_spec
        self.teacher, self.pictures, self.config, self.work = teacher, pictures, config, work
        self.seed, self.clock = seed, clock
        self.optimiser = torch.optim.AdamW(
            student.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.n_steps = config.epochs * math.ceil(len(pictures) / config.batch)

    def run(self, minutes: float, tell: Callable[[Reached, float], object]) -> Reached:
        """Train until all passes are done or ``minutes`` in all are spent, and return how far it came.

        Learning rate and picture size follow whichever of the two is nearer to its end, so that a bounded run ends
        with a settled network too.

        Args:
            minutes: of all runs on this checkpoint together.
            tell: told now and then how far it is, as a share 0 to 1.
        """
        reached = self._resume()
        started = self.clock() - reached.seconds
        budget_s = max(60 * minutes, SMALLEST_BUDGET_S)
        for rows in self._batches(reached.step):
            share = max(reached.step / self.n_steps, reached.seconds / budget_s)
            if share >= 1:
                break
            loss = self._learn(rows, reached.step, share)
            weight = max(0.02, 1 / (reached.step + 1))
            reached = replace(
                reached,
                step=reached.step + 1,
                seconds=self.clock() - started,
                recent_loss=(1 - weight) * reached.recent_loss + weight * loss,
            )
            if reached.step % self.config.checkpoint_every == 0:
                self._save(reached)
                tell(reached, share)
        self._save(reached)
        self.student.cpu().eval()
        return reached

    def _batches(self, first: int) -> Iterator[NDArray[np.int64]]:
        per_epoch = math.ceil(len(self.pictures) / self.config.batch)
        for step in range(first, self.n_steps):
            epoch, at = divmod(step, per_epoch)
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.pictures))
            yield order[at * self.config.batch : (at + 1) * self.config.batch]

    def _learn(self, rows: NDArray[np.int64], step: int, share: float) -> float:
        rng = np.random.default_rng([self.seed, 1, step])
        views = [self._view(self.pictures[int(row)], rng) for row in rows]
        side = picture_side(share, self.config.first_side, self.student_spec.crop)
        small = replace(self.student_spec, resize=side, crop=side)
        for_teacher = np.stack([to_array(view, self.teacher_spec) for view in views])
        for_student = np.stack(
            [to_array(view.resize((side, side), Image.Resampling.BILINEAR), small) for view in views]
        )
        mixed = float(rng.uniform()) if rng.random() < self.config.mixup else 0.0
        partner = rng.permutation(len(rows))
        expected = torch.from_numpy(self.teacher(mix(for_teacher, partner, mixed))).to(self.device)
        x = torch.from_numpy(mix(for_student, partner, mixed)).to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * pace(share)
        self.student.train()
        self.optimiser.zero_grad()
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.student(x)
        loss = divergence(logits.float(), expected.float(), self.config.temperature)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimiser.step()
        return float(loss.detach())

    def _view(self, path: Path, rng: np.random.Generator) -> Image.Image:
        image = decode(path.read_bytes())
        view = resize_box(image, random_box(rng, image.width, image.height, SMALLEST_CROP), self.teacher_spec)
        return ImageOps.mirror(view) if rng.random() < 0.5 else view

    def _fingerprint(self) -> str:
        return json.dumps([asdict(self.config), self.seed, len(self.pictures)], sort_keys=True)

    def _resume(self) -> Reached:
        """Return what a checkpoint of this very distillation reached, its weights loaded, or a fresh start."""
        self.work.mkdir(parents=True, exist_ok=True)
        fresh = Reached(0, 0.0, 0.0, self._fingerprint())
        try:
            reached = Reached(**json.loads((self.work / STATE_FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return fresh
        if reached.recipe != fresh.recipe:
            return fresh
        self.student.load_state_dict(load_file(self._weights(reached.step), device=str(self.device)))
        moments = torch.load(self._moments(reached.step), map_location=self.device, weights_only=True)
        self.optimiser.load_state_dict(moments)
        return reached

    def _save(self, reached: Reached) -> None:
        """Write weights first and the file that names them last, so that a kill leaves the earlier checkpoint whole."""
        write_network(self.student, self._weights(reached.step))
        torch.save(self.optimiser.state_dict(), self._moments(reached.step))
        write_atomic(self.work / STATE_FILE, json.dumps(asdict(reached)))
        kept = {self._weights(reached.step), self._moments(reached.step)}
        for old in (*self.work.glob("step-*.safetensors"), *self.work.glob("moments-*.pt")):
            if old not in kept:
                old.unlink()

    def _weights(self, step: int) -> Path:
        return self.work / f"step-{step}.safetensors"

    def _moments(self, step: int) -> Path:
        return self.work / f"moments-{step}.pt"


def write_network(network: Network, path: Path) -> None:
    """Write a network's weights to a file that ``models.backbones.networks.load_network`` reads."""
    save_file({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}, path)


def picture_side(share: float, first: int, last: int) -> int:
    """Return the side of the student's pictures: from ``first`` to ``last`` with ``share``, in multiples of 32."""
    return min(last, round((first + (last - first) * share) / 32) * 32)


def mix(pixels: Floats, partner: NDArray[np.int64], share: float) -> Floats:
    """Return each of n pictures with ``share`` of its partner laid over it (Zhang et al. 2018, "mixup")."""
    return np.asarray((1 - share) * pixels + share * pixels[partner], dtype=np.float32)


def pace(share: float) -> float:
    """Return the learning rate as a share of the highest: a short rise, then half a cosine."""
    if share < WARM_UP:
        return max(share / WARM_UP, 0.01)
    return 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


def divergence(logits: Tensor, expected: Tensor, temperature: float) -> Tensor:
    """Return the mean Kullback-Leibler divergence of class probabilities from those expected, in nats.

    Both are softened by ``temperature``, and the result is scaled by its square, which keeps gradients comparable
    (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network").
    """
    log_p = functional.log_softmax(logits / temperature, dim=1)
    log_q = functional.log_softmax(expected / temperature, dim=1)
    return functional.kl_div(log_p, log_q, log_target=True, reduction="batchmean") * temperature**2
