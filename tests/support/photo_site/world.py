"""The posts of a photo-sharing site that does not exist: the same from the same seed, and with something to learn in them.

Each post has a topic and, within it, a theme; its caption and its hashtags are drawn from the theme's own words, so that
who reads the posts can learn which hashtags are used together and with which words.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# topic -> (hashtags that it is searched by, themes as (hashtags, things, doings))
Theme = tuple[str, str, str]
TOPICS: dict[str, tuple[str, tuple[Theme, ...]]] = {
    "pets": (
        "pets dog cat puppy kitten dogsofinstagram catsofinstagram",
        (
            ("dog puppy goldenretriever doglife dogwalk", "retriever stick ball leash meadow tail", "fetching barking digging"),
            ("cat kitten tabby catlover catnap", "whiskers sofa yarn windowsill paws basket", "purring napping pouncing"),
            ("hamster rabbit smallpets bunnylove petcare", "hutch wheel carrot straw burrow ears", "nibbling hopping hiding"),
        ),
    ),
    "jewellery": (
        "jewellery jewelry necklace earrings bracelet diamond handmadejewelry",
        (
            ("necklace pendant silverjewelry chain locket", "pendant chain clasp locket collarbone silver", "soldering polishing wearing"),
            ("earrings hoops goldearrings studs pearls", "hoops studs pearls lobes gold hooks", "dangling matching shining"),
            ("ring diamond engagementring gemstones sapphire", "facet stone band setting carat velvet", "sparkling setting engraving"),
        ),
    ),
    "travel": (
        "travel travelgram wanderlust vacation travelphotography adventure roadtrip",
        (
            ("roadtrip vanlife highway campervan openroad", "highway van map thermos motel mirror", "driving parking wandering"),
            ("backpacking trekking hostel passport backpacker", "backpack hostel passport visa boots bunk", "trekking hitching packing"),
            ("beachholiday island snorkeling tropical seaside", "lagoon palm hammock ferry reef sand", "snorkeling floating sailing"),
        ),
    ),
    "babies": (
        "baby babygirl babyboy newborn newbornphotography toddler momlife",
        (
            ("newborn sleepybaby swaddle newbornphoto tinytoes", "swaddle cradle blanket toes lullaby crib", "yawning dreaming cuddling"),
            ("toddler firststeps toddlerlife playtime buildingblocks", "blocks stroller puddle shoes crayons slide", "toddling giggling climbing"),
            ("babyfood weaning highchair puree messyeater", "spoon highchair bib banana porridge cup", "tasting spitting smearing"),
        ),
    ),
    "selfie": (
        "selfie selfies selfietime me instaselfie mirrorselfie groupselfie",
        (
            ("mirrorselfie mirror fitcheck bathroomselfie lift", "mirror elevator flash reflection hallway lamp", "posing reflecting tilting"),
            ("groupselfie friends squad bestfriends nightout", "friends balcony confetti jacket table party", "squeezing laughing toasting"),
            ("gymselfie workout sweat fitness gains", "dumbbells towel treadmill bench mat bottle", "lifting sweating stretching"),
        ),
    ),
    "art": (
        "art artist painting drawing illustration streetart sculpture",
        (
            ("painting oilpainting canvas brushwork studio", "canvas easel palette brush varnish linseed", "painting glazing blending"),
            ("drawing sketchbook pencil charcoal sketching", "pencil charcoal paper eraser margin notebook", "sketching shading smudging"),
            ("streetart mural graffiti spraypaint urbanart", "wall stencil alley spray ladder mural", "spraying tagging masking"),
        ),
    ),
    "food": (
        "food foodie foodporn instafood dinner breakfast dessert",
        (
            ("pasta italianfood carbonara homemadepasta trattoria", "pasta parmesan basil garlic skillet eggs", "simmering tossing grating"),
            ("breakfast pancakes brunch coffee maplesyrup", "pancakes syrup blueberries butter griddle mug", "flipping pouring brewing"),
            ("dessert chocolate cake baking pastry", "chocolate cream frosting oven sponge cherries", "baking whisking dusting"),
        ),
    ),
    "architecture": (
        "architecture architecturephotography building archilovers archdaily skyline interiordesign",
        (
            ("skyscraper skyline glassfacade modernarchitecture tower", "tower glass facade steel antenna lobby", "rising mirroring soaring"),
            ("cathedral gothic vault stainedglass medieval", "nave vault buttress spire arches rose", "vaulting echoing towering"),
            ("interiordesign livingroom minimalism loft homedecor", "loft armchair rug shelves concrete lamp", "furnishing arranging decluttering"),
        ),
    ),
    "nature": (
        "nature naturephotography sunset landscape flowers mountains wildlife",
        (
            ("mountains hiking alps summit ridge", "summit ridge glacier cairn pines boulders", "climbing hiking resting"),
            ("flowers wildflowers garden bloom spring", "petals meadow pollen stem dew tulips", "blooming budding swaying"),
            ("sunset goldenhour horizon dusk afterglow", "horizon clouds dusk silhouette tide glow", "fading glowing sinking"),
        ),
    ),
    "fashion": (
        "fashion style ootd fashionblogger outfit streetstyle shoes",
        (
            ("streetstyle sneakers denim hoodie urbanstyle", "denim sneakers hoodie cap pocket curb", "layering walking styling"),
            ("dress eveningwear silk gown redcarpet", "silk gown hem heels clutch sequins", "draping twirling tailoring"),
            ("vintage thrifted secondhand retro sustainablefashion", "corduroy blazer buttons market hanger lace", "thrifting mending pairing"),
        ),
    ),
}
_WHEN = "this morning|yesterday evening|after the rain|before lunch|on a slow Sunday|late last night|at first light|all week"
_WHO = "my sister|our neighbour|grandpa|an old friend|the whole family|a stranger|my colleague|nobody else"
_HOW = "quietly|with great care|far too fast|without a plan|for the third time|and it shows|like never before|with cold hands"
_FEEL = "so happy with it|still smiling|hard to believe|worth every minute|never gets old|what a day|could stay forever|lucky me"
_COLOURS = "amber blue copper crimson green grey indigo ivory olive pink purple scarlet silver teal white yellow".split()
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SitePost:
    """One post.

    Attributes:
        post_id: eleven signs, as in its address.
        topic: its topic.
        author: the account's name.
        time: when it was posted.
        caption: with hashtags.
        hashtags: those of the caption, in their order.
        listed_under: the searched hashtags among them, under which explore pages show it.
        seed: of its picture.
    """

    post_id: str
    topic: str
    author: str
    time: datetime
    caption: str
    hashtags: tuple[str, ...]
    listed_under: tuple[str, ...]
    seed: int


def searched_by(topic: str) -> tuple[str, ...]:
    """Return the hashtags that a topic is searched by."""
    return tuple(TOPICS[topic][0].split())


def build_posts(n_posts: int, seed: int) -> tuple[SitePost, ...]:
    """Return posts, dealt evenly over the topics, newest last."""
    chance = random.Random(seed)
    topics = tuple(TOPICS)
    return tuple(_build_post(number, topics[number % len(topics)], chance) for number in range(n_posts))


def _build_post(number: int, topic: str, chance: random.Random) -> SitePost:
    searched, themes = TOPICS[topic]
    tags, things, doings = (words.split() for words in chance.choice(themes))
    one, two, three = chance.sample(things, 3)
    sentences = [
        f"{chance.choice(doings)} {chance.choice(_HOW.split('|'))} {chance.choice(_WHEN.split('|'))}".capitalize(),
        f"the {chance.choice(_COLOURS)} {one} and the {two} from {chance.choice(_WHO.split('|'))}",
        f"{chance.choice(doings)} with the {chance.choice(_COLOURS)} {three}, {chance.choice(_FEEL.split('|'))}",
    ]
    listed = tuple(chance.sample(searched.split(), chance.randint(1, 2)))
    hashtags = tuple(dict.fromkeys((*listed, *chance.sample(tags, 4))))
    caption = f"{'. '.join(sentences)} {' '.join(f'#{tag}' for tag in hashtags)}"
    digest = hashlib.sha256(f"{topic}/{number}".encode()).hexdigest()
    return SitePost(
        post_id=f"{number:03d}{digest[:8]}",
        topic=topic,
        author=f"{topic}_{chance.choice('anna ben carla dmitri elif farah goran hana'.split())}",
        time=START + timedelta(minutes=37 * number),
        caption=caption,
        hashtags=hashtags,
        listed_under=tuple(tag for tag in hashtags if tag in searched.split()),
        seed=chance.randrange(2**31),
    )
