"""Posts of a small world whose hashtags follow from what the captions say, so that answers can be judged by eye."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

from core.posts import Post, Split
from pipelines.corpus.posts import write_posts

TOPICS = ("beach", "food", "pets")
LEXICON = {
    "beach": frozenset({"beach", "sea", "ocean"}),
    "food": frozenset({"food", "foodie"}),
    "pets": frozenset({"pet", "pets"}),
}
THEMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dog": (
        ("dog", "puppy", "dogs", "goldenretriever", "pet", "pets", "собака"),
        ("my", "golden", "retriever", "dog", "ran", "fetch", "stick", "barking"),
    ),
    "cat": (
        ("cat", "kitten", "tabby", "catlover", "pet", "pets"),
        ("the", "cat", "purring", "asleep", "sofa", "whiskers", "kitten"),
    ),
    "pasta": (
        ("pasta", "italian", "carbonara", "dinner", "food", "foodie"),
        ("pasta", "with", "creamy", "sauce", "parmesan", "cooked", "eggs"),
    ),
    "pizza": (
        ("pizza", "italian", "cheese", "dinner", "food", "foodie"),
        ("pizza", "oven", "dough", "mozzarella", "crust", "baked"),
    ),
    "sea": (
        ("sea", "beach", "waves", "surf", "summer", "ocean"),
        ("swimming", "in", "the", "sea", "salty", "waves", "surfboard"),
    ),
    "sunset": (
        ("sunset", "beach", "sky", "seashore", "summer", "ocean"),
        ("sunset", "over", "the", "seashore", "evening", "golden", "sky"),
    ),
    "office": (
        ("monday", "coffee", "work", "office", "meeting"),
        ("monday", "meeting", "at", "the", "office", "desk", "deadline"),
    ),
}
"""Theme -> (hashtags, caption words); the last one has none of the topics."""
GENERAL = ("love", "photo", "happy")
COLOURS = {"beach": (0, 0, 255), "food": (255, 0, 0), "pets": (0, 255, 0)}


def themed_posts(n_each: int, seed: int, split: Split) -> list[Post]:
    """Return ``n_each`` posts of each theme, captions and hashtags drawn from the theme's own."""
    chance = random.Random(seed)
    posts = []
    for theme, (tags, words) in THEMES.items():
        for number in range(n_each):
            hashtags = [*chance.sample(tags, chance.randint(3, len(tags) - 1)), *chance.sample(GENERAL, 1)]
            chance.shuffle(hashtags)
            first = chance.randrange(len(words) - 3)
            caption = "" if number % 5 == 4 else " ".join(words[first : first + chance.randint(4, 6)])
            name = f"{split}-{theme}-{number}"
            posts.append(Post(name, f"source{number % 2}", caption, tuple(hashtags), split=split))
    return posts


def pictured_posts(folder: Path, n_each: int, seed: int) -> list[Post]:
    """Return ``n_each`` posts of each topic with a plain picture in the topic's colour, written into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    of_topic = {"beach": ("sea", "sunset"), "food": ("pasta", "pizza"), "pets": ("dog", "cat")}
    posts = []
    for topic, themes in of_topic.items():
        for number in range(n_each):
            tags, words = THEMES[themes[number % 2]]
            path = folder / f"{topic}-{number}.png"
            red, green, blue = COLOURS[topic]
            shade = chance.randrange(40)
            Image.new("RGB", (40, 32), (red or shade, green or shade, blue or shade)).save(path)
            caption = " ".join(chance.sample(words, 4))
            hashtags = tuple(chance.sample(tags, 4))
            posts.append(Post(f"{topic}-{number}", f"album{number % 3}", caption, hashtags, image=path, topic=topic))
    return posts


def write_split(folder: Path, data: Path, *, n_train: int = 60, n_val: int = 25, n_pictured: int = 6) -> Path:
    """Write what the stage ``split`` leaves: training and validation posts, and posts with pictures below ``data``."""
    folder.mkdir(parents=True)
    write_posts(folder / "train.jsonl.gz", themed_posts(n_train, 1, "train"), data)
    write_posts(folder / "val.jsonl.gz", themed_posts(n_val, 2, "val"), data)
    if n_pictured:
        write_posts(folder / "multimodal.jsonl.gz", pictured_posts(data / "multimodal", n_pictured, 3), data)
    return folder
