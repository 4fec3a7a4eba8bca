"""How common hashtags are shown with the bundle that ships: a list written down before it was measured."""

from __future__ import annotations

import pytest

from core.bundle.opening import open_bundle
from recommend.assemble import assemble
from recommend.catalogue.lookups import Catalogue
from tests.support.service_process import ROOT

COMPOUNDS = """
DogLover CatLover NatureLover BookLover FoodLover TravelLover ArtLover CoffeeLover AnimalLover PlantLover DogLovers
CatLovers NatureLovers HorseLover SunsetLover MakeupLover DessertLover MountainLovers ArchitectureLovers DonutLover
TeaLover BirdLover DogsOfInstagram CatsOfInstagram PhotoOfTheDay PicOfTheDay InstaGood InstaDaily InstaFood
InstaTravel InstaMood OutfitOfTheDay DogOfTheDay CatOfTheDay ArtOfTheDay OOTDFashion ThrowbackThursday
MondayMotivation WednesdayWisdom FridayFeeling FridayMood WeekendVibes GoodVibes GoodVibesOnly GoodMorning GoodNight
SundayFunday SundayMood SummerVibes WinterWonderland SunsetPhotography StreetPhotography BlackAndWhite
BlackAndWhitePhotography NaturePhotography LandscapePhotography TravelPhotography FoodPhotography PortraitPhotography
WildlifePhotography MobilePhotography FoodPorn FoodiesOfInstagram HealthyFood HealthyLifestyle HomeDecor
InteriorDesign StreetArt StreetStyle StreetFood DigitalArt ContemporaryArt AbstractArt ArtistsOnInstagram
FashionBlogger FoodBlogger TravelBlogger TravelGram NoFilter NoFilterNeeded SelfieTime SelfieSunday MirrorSelfie
MakeupArtist SkincareRoutine CurlyHair NaturalHair RedHair BabyGirl BabyBoy NewbornPhotography MomLife DadLife DogMom
CatMom PuppyLove PuppiesOfInstagram GoldenRetriever LabradorRetriever FrenchBulldog GermanShepherd RescueDog
AdoptDontShop PetsOfInstagram AutumnLeaves BlueSky NightSky NewYork NewYorkCity SanFrancisco LosAngeles LondonLife
VisitItaly RoadTrip BeachLife BeachDay OceanView MountainView HikingAdventures GoOutside GetOutside OptOutside VanLife
SoloTravel TravelMore WeddingDay WeddingDress BrideToBe EngagementRing GoldJewelry SilverJewelry HandmadeJewelry
PearlNecklace ArchitecturePhotography ModernArchitecture OldTown ChocolateCake IceCream CoffeeTime CoffeeShop
VeganFood PlantBased GlutenFree BreakfastTime BrunchTime GymLife FitnessMotivation WorkoutMotivation SelfLove SelfCare
SelfCareSunday MentalHealth LoveIsLove LoveMyLife LifeIsGood LiveYourBestLife InLove SoInLove GoodDog ILoveMyDog
ILoveCats NoLimits OnTheGo OnTheRoad ToTheMoon DoMore DoItNow DoGood HotDogs DogLife CatLife FarmLife LakeLife
CabinLife IslandLife SoBlessed TooCute SoCute BeKind BeYou StayHome AtHome HomeSweetHome InTheWild OnTheBeach ByTheSea
UpClose MyLove MyFamily MyBaby WeAreOne NailArt GelNails PumpkinSpice AppleOrchard SushiLover RamenLover PizzaTime
WineLover CheeseBoard ChristmasTree HappyBirthday HappyHalloween FamilyTime FamilyFirst GirlsTrip GirlPower BossBabe
SmallBusiness ShopSmall SupportLocal MenStyle MensFashion WomensFashion PetPortrait OilPainting WaterColor RoseGold
EarthPorn CityLife UrbanArt ModernHome TinyHouse DreamHome GreenLiving SlowLiving ZeroWaste EcoFriendly
"""
SINGLE_WORDS = """
Together Weekend Inside Mountain Restaurant Carpet Sunset Sunrise Butterfly Breakfast Fireplace Landscape Passport
Background Portrait Cathedral Forest Season Message Mascara Carrot Cargo Target Manicure Mushroom Pumpkin Blueberry
Strawberry Watermelon Grandmother Wedding Artisan Legend Handsome Notice Forget Photography Instagram Foodie
Wanderlust Fashionista Therapist Donuts Isolation Beautiful Architecture Jewellery Necklace Bracelet Earrings Puppy
Kitten Dachshund Chihuahua Travel Vacation Adventure Wilderness Waterfall Rainbow Snowflake Lipstick Eyeshadow
Hairstyle Ramen Spaghetti Cappuccino Croissant Pancakes Homemade Handmade Vintage Illustration Sculpture Museum
Amsterdam Barcelona Singapore Istanbul Thailand California Scotland Mindfulness Gratitude Happiness Motherhood
Fatherhood Toddler Newborn
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The look-ups of the bundle that ships."""
    return assemble(open_bundle(ROOT / "bundles" / "starter")).catalogue


@pytest.mark.parametrize(
    ("forms", "most_wrong"), [(COMPOUNDS, 5), (SINGLE_WORDS, 9)], ids=["compounds", "single words"]
)
def test_common_hashtags_are_shown_as_people_write_them(catalogue: Catalogue, forms: str, most_wrong: int) -> None:
    """Nearly all of them; which ones are wrong is told."""
    wrong = [(form, shown) for form in forms.split() if (shown := catalogue.display(form.casefold())) != form]
    assert len(wrong) <= most_wrong, wrong


@pytest.mark.parametrize("form", ["DogLover", "NewYork", "IceCream", "NoFilter", "Fireplace", "SundayFunday"])
def test_words_are_not_cut_by_their_frequency_alone(catalogue: Catalogue, form: str) -> None:
    """What captions and hashtags say of them counts as well."""
    assert catalogue.display(form.casefold()) == form
