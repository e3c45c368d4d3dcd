"""The repositories that the sentences come from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from recipes.common.repositories import Repository, print_repositories
from recipes.text_nano.readers import (
    read_clinc,
    read_columns,
    read_fields,
    read_lines,
    read_nlupp,
    read_snips,
    read_split_pairs,
    read_text,
    read_zip,
    remove_markup,
    remove_tags,
    review_sentence,
)

__all__ = ["REPOSITORIES", "TextRepository", "print_sources"]


@dataclass(frozen=True)
class TextRepository(Repository):
    """Files of one repository, as a glob pattern, and how their texts are read.

    At most ``most`` sentences are kept; a larger ``weight`` puts them earlier in the corpus.
    """

    files: str
    read: Callable[[Path], Iterable[str]]
    most: int | None = None
    weight: float = 0.5

    def fields(self) -> tuple[str, ...]:
        """Return name, commit, terms, files and the limit."""
        kept = f"at most {self.most} sentences" if self.most else "all sentences"
        return *super().fields(), self.files, kept


NLTK = ("nltk/nltk_data", "5db857e6f7df11eabb5e5665836db9ec8df07e28")
REPOSITORIES = (
    TextRepository(
        "clinc/oos-eval",
        "828f8093932c8fe6ca7936c3d2e52903b1c523de",
        "CC BY 3.0",
        files="data/data_full.json",
        read=read_clinc,
        weight=1,
    ),
    TextRepository(
        "xliuhw/NLU-Evaluation-Data",
        "f6071b496b17d71e6eb43f543af0707f4ff30557",
        "CC BY 4.0",
        files="CrossValidation/out4WatsonReal/*/CrossValidation/KFold_[123]/merged/intents/*.csv",
        read=lambda path: read_columns(path, [0]),
        weight=1,
    ),
    TextRepository(
        "sonos/nlu-benchmark",
        "b86ac7f1577868c42158d0dec77db50956046696",
        "CC0 1.0",
        files="2017*/*/train_*_full.json",
        read=read_snips,
        weight=1,
    ),
    TextRepository(
        "PolyAI-LDN/task-specific-datasets",
        "57ec275d8078af65b7731c2a98be812d844a6d6b",
        "CC BY 4.0; NLU++ only, not BANKING77",
        files="nlupp/data/*/*.json",
        read=read_nlupp,
        weight=1,
    ),
    TextRepository(
        "awslabs/multi-domain-goal-oriented-dialogues-dataset",
        "baa30639c4b271f394b81443c842193407cdf26d",
        "CDLA Permissive 1.0",
        files="data/paper_splits/splits_annotated_at_sentence_level/*/*.tsv",
        read=lambda path: read_columns(path, [4], "\t"),
        weight=1,
    ),
    TextRepository(
        "google-research-datasets/dstc8-schema-guided-dialogue",
        "e852981ae34990f4358979625854259302feaa78",
        "CC BY-SA 4.0",
        files="*/dialogues_*.json",
        read=lambda path: read_fields(path, {"utterance"}),
        most=130_000,
        weight=0.45,
    ),
    TextRepository(
        "google-research-datasets/Taskmaster",
        "d92cb6af3005f1dc09c39e75e7daf4a04905e00b",
        "CC BY 4.0, from memory",
        files="TM-4-2024/data/*.json",
        read=lambda path: read_fields(path, {"text"}),
        most=30_000,
    ),
    TextRepository(
        "google-research-datasets/query-wellformedness",
        "fb69c21416195cddc797277ea9e4d393226571d2",
        "CC BY-SA 4.0",
        files="*.tsv",
        read=lambda path: read_columns(path, [0], "\t"),
        weight=1,
    ),
    TextRepository(
        "google-research-datasets/Disfl-QA",
        "1f0c16171c77b3d3408be92c485f11b8998a9189",
        "CC BY 4.0",
        files="*.json",
        read=lambda path: read_fields(path, {"original", "disfluent"}),
        weight=1,
    ),
    TextRepository(
        "google-research-datasets/natural-questions",
        "fb26a3073b1fe636c97302890a27b491d6530130",
        "Apache-2.0 on the repository",
        files="nq_open/*.jsonl",
        read=lambda path: read_fields(path, {"question"}),
        weight=1,
    ),
    TextRepository(
        "wenhuchen/HybridQA",
        "db22fda8c5951438fade3c69d75b350335ba93b3",
        "MIT",
        files="released_data/*.json",
        read=lambda path: read_fields(path, {"question"}),
    ),
    TextRepository(
        "wenhuchen/OTT-QA",
        "b289bcca691db21a5259c3420e6b9819a9be9ba3",
        "MIT",
        files="released_data/*.json",
        read=lambda path: read_fields(path, {"question"}),
    ),
    TextRepository(
        "MrJay10/banking-faq-bot",
        "30c5e817a70fc2973af4e640ed8b8775c8ee2a08",
        "none stated",
        files="BankFAQs.csv",
        read=lambda path: read_columns(path, [0, 1]),
        weight=1,
    ),
    TextRepository(
        "PVidyadhar/Detection-of-Fraud-apps-using-Sentiment-Analysis",
        "81406d56e9c006de30f9d50737fd66177a4a1434",
        "Large Movie Review Dataset (Maas et al. 2011), free for research, to be cited",
        files="aclImdb/t*/*/*.txt",
        read=lambda path: [read_text(path)],
        most=260_000,
        weight=0.4,
    ),
    TextRepository(
        *NLTK,
        "Pang and Lee 2004, CC BY 4.0",
        files="packages/corpora/movie_reviews.zip",
        read=lambda path: read_zip(path, r"/(pos|neg)/", str.strip),
        most=45_000,
        weight=0.4,
    ),
    TextRepository(
        *NLTK,
        "Liu 2004 and 2007, CC BY 4.0",
        files="packages/corpora/product_reviews_*.zip",
        read=lambda path: read_zip(path, r"txt$", review_sentence),
        weight=0.4,
    ),
    TextRepository(
        *NLTK,
        "Liu 2008, CC BY 4.0",
        files="packages/corpora/pros_cons.zip",
        read=lambda path: read_zip(path, r"Integrated", remove_markup),
        weight=0.4,
    ),
    TextRepository(
        *NLTK,
        "Brown corpus, non-commercial use",
        files="packages/corpora/brown.zip",
        read=lambda path: read_zip(path, r"brown/c[a-r]\d\d$", remove_tags),
        most=40_000,
        weight=0.4,
    ),
    TextRepository(
        *NLTK,
        "ABC 2006, none stated",
        files="packages/corpora/abc.zip",
        read=lambda path: read_zip(path, r"txt$", str.strip),
        most=15_000,
        weight=0.4,
    ),
    TextRepository(
        *NLTK,
        "web text collection, none stated",
        files="packages/corpora/webtext.zip",
        read=lambda path: read_zip(path, r"(overheard|firefox|singles|wine)\.txt$", str.strip),
        most=15_000,
        weight=0.4,
    ),
    TextRepository(
        "cardiffnlp/tweeteval",
        "4fbd22cd78421f05b1ecdb4fc5725bc7a7bd8f66",
        "unrestricted but for the single tasks' and Twitter's terms",
        files="datasets/*/*_text.txt",
        read=read_lines,
        most=70_000,
        weight=0.35,
    ),
    TextRepository(
        "declare-lab/MELD",
        "2d2011b409d3ca2d7e94460cd007d434b1d0a102",
        "GPL-3.0",
        files="data/MELD/*.csv",
        read=lambda path: read_columns(path, [1]),
    ),
    TextRepository(
        "google-research-datasets/wiki-split",
        "80f5bddf42d1a68201b7b107ee4b8d86d82e9fde",
        "CC BY-SA 4.0",
        files="*.tsv",
        read=read_split_pairs,
        most=30_000,
        weight=0.3,
    ),
    TextRepository(
        "brmson/dataset-sts",
        "e1d3375f5b3bc24f21aa4e46f96eb379e9fc1081",
        "SemEval STS, research use",
        files="data/sts/semeval-sts/*/*.tsv",
        read=lambda path: read_columns(path, [1, 2], "\t"),
    ),
    TextRepository(
        "brmson/dataset-sts",
        "e1d3375f5b3bc24f21aa4e46f96eb379e9fc1081",
        "SICK, CC BY-NC-SA 3.0",
        files="data/sts/sick2014/SICK_t*.txt",
        read=lambda path: read_columns(path, [1, 2], "\t"),
    ),
    TextRepository(
        "felipessalvatore/NLI_datasets",
        "9551b739a830fafb2ec4b98d49a9ecd4bf3dcbd0",
        "MIT on the repository; SNLI, MNLI, QNLI and JOCI each their own",
        files="nli_datasets/*/*.csv",
        read=lambda path: read_columns(path, [0, 1]),
        most=60_000,
        weight=0.35,
    ),
)


def print_sources() -> None:
    """Print every repository: name, commit, terms, files, and how many sentences are kept."""
    print_repositories(REPOSITORIES)
