"""The first pass: judges each line by itself and writes what is kept, with its keys, to the work folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.errors import DataError
from core.hashes import uniform_draw
from core.posts import Post, post_line
from pipelines.cleaning.examining import OTHER_LANGUAGE, Dropped, Examiner, Kept
from pipelines.cleaning.ledger import Ledger, Shard, ShardProgress
from pipelines.cleaning.samples import Samples
from pipelines.cleaning.signatures import Signer, hash_key
from pipelines.config.clean import CleanConfig
from pipelines.corpus.posts import parse_record, read_lines
from pipelines.workshop.progress import ProgressPort

MALFORMED = "malformed"
MIN_TAGS_OF_A_BLOCK = 5
"""A set of at least so many hashtags that two posts share was pasted as a block; smaller ones are equal by chance."""
MIN_WORDS_OF_AN_AUTHOR = 3
SAVE_EVERY = 4096
_TELL_EVERY = 256  # drawing a bar costs more than reading a post


def key_records(n_bands: int) -> np.dtype[Any]:
    """Return the keys of a post, 0 where it has none of a kind.

    ``id``; ``post``: words and hashtags, of posts with enough of either; ``author_words``; ``author_hour``; ``bands``
    of the caption's signature; ``image``: whether it names a picture.
    """
    kinds = [(name, "<u8") for name in ("id", "post", "author_words", "author_hour")]
    return np.dtype([*kinds, ("bands", "<u8", (n_bands,)), ("image", "u1")])


class Reader:
    """Reads shards into a ledger."""

    def __init__(self, config: CleanConfig, examiner: Examiner, signer: Signer, ledger: Ledger) -> None:
        """Go on where ``ledger`` ends."""
        self._config = config
        self._examiner = examiner
        self._signer = signer
        self._ledger = ledger
        self._samples: Samples[None] = Samples(config.samples)
        self._keys = np.zeros(SAVE_EVERY, dtype=ledger.keys.dtype)
        self._signatures = np.zeros((SAVE_EVERY, config.copies.permutations), dtype=np.uint8)
        self._n_waiting = 0

    def read(self, shards: Sequence[Shard], progress: ProgressPort) -> None:
        """Read what the ledger lacks of every shard.

        Raises:
            DataError: a shard is damaged; what was read before is in the ledger.
        """
        task = progress.task("reading posts")
        task.advance(self._ledger.n_read)
        for at, shard in enumerate(shards):
            if at == len(self._ledger.shards):
                self._ledger.shards.append(ShardProgress(shard.name, shard.sha256))
            done = self._ledger.shards[at]
            if done.finished:
                continue
            try:
                for number, line in read_lines(shard.path, skip=done.n_lines):
                    done.n_lines += 1
                    self._take(number, line, shard, done)
                    if done.n_lines % _TELL_EVERY == 0:
                        task.advance(_TELL_EVERY)
                    if done.n_lines % SAVE_EVERY == 0:
                        self._save()
            except DataError:
                self._save()  # between two lines; an interrupt comes in the middle of one and must not be noted
                raise
            done.finished = True
            task.advance(done.n_lines % _TELL_EVERY)
            self._save()

    def _take(self, number: int, line: bytes | None, shard: Shard, done: ShardProgress) -> None:
        try:
            found = self._examiner.examine(parse_record(line), shard.path)
        except ValueError as problem:
            done.dropped[MALFORMED] += 1
            done.malformed = done.malformed or f"line {number}: {problem}"
            return
        if isinstance(found, Dropped):
            self._drop(found, number, shard, done)
            return
        done.mended.update(found.mended)
        done.languages[found.language or "not clear"] += 1
        self._ledger.posts.write(post_line(found.record))
        self._note_keys(found)

    def _drop(self, found: Dropped, number: int, shard: Shard, done: ShardProgress) -> None:
        done.dropped[found.rule] += 1
        if found.rule == OTHER_LANGUAGE:
            done.other_languages[found.detail] += 1
        rank = uniform_draw(shard.name, number)
        if self._samples.wants(found.rule, rank):
            self._samples.offer(found.rule, rank, None)
            sample = {"rule": found.rule, "rank": rank, **sample_of(found.post, found.detail)}
            self._ledger.dropped.write(post_line(sample))

    def _note_keys(self, kept: Kept) -> None:
        post, row = kept.post, self._keys[self._n_waiting]
        words, tags = " ".join(kept.words), "\n".join(sorted(post.hashtags))
        enough_words = len(kept.words) >= self._config.copies.min_words
        whole = f"{words}\n\n{tags}"
        row["id"] = hash_key(post.post_id.encode())
        row["post"] = hash_key(whole.encode()) if enough_words or len(post.hashtags) >= MIN_TAGS_OF_A_BLOCK else 0
        row["author_words"] = row["author_hour"] = 0
        if post.author:
            if len(kept.words) >= MIN_WORDS_OF_AN_AUTHOR:
                row["author_words"] = hash_key(f"{post.author}\n{words}".encode())
            if kept.hour is not None:
                row["author_hour"] = hash_key(f"{post.author}\n{kept.hour}".encode())
        row["bands"] = 0
        if enough_words:
            self._signatures[self._n_waiting], row["bands"] = self._signer.sign(self._compared(kept))
        row["image"] = bool(kept.record.get("image"))
        self._n_waiting += 1

    def _compared(self, kept: Kept) -> tuple[str, ...]:
        """Return the words that a post is compared by: a long caption's alone, a short one's with its hashtags."""
        if len(kept.words) >= self._config.copies.long_words:
            return kept.words
        # Many people write the same saying or the name of the same museum below their own pictures.
        return (*kept.words, *sorted(kept.post.hashtags))

    def _save(self) -> None:
        self._ledger.keys.append(self._keys[: self._n_waiting])
        self._ledger.signatures.append(self._signatures[: self._n_waiting])
        self._n_waiting = 0
        self._ledger.save()


def sample_of(post: Post, detail: str, like: str = "") -> dict[str, Any]:
    """Return what a reviewer sees of a dropped post."""
    return {
        "id": post.post_id,
        "source": post.source,
        "caption": post.caption,
        "hashtags": list(post.hashtags),
        "detail": detail,
        "like": like,
    }
