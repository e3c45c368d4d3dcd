"""The repositories that the sounds come from."""

from dataclasses import dataclass

from recipes.common.repositories import Repository, print_repositories

__all__ = ["HELD_OUT", "REPOSITORIES", "SoundRepository", "print_sources"]

# Words of the Arabic commands that are not learned from: a set for measuring holds them.
HELD_OUT = frozenset(
    "backward direction disable forward four no one options previous record right send seven six "
    "start stop two up yes zoom".split()
)


@dataclass(frozen=True)
class SoundRepository(Repository):
    """Sounds of one repository, as a glob pattern, and what they are.

    Attributes
    ----------
    files : str
    kind : str
        "words": a word a file, named by its folder; "speech" or "noise": cut into pieces.
    warped : int
        Copies of each word at another speed and pitch.
    pieces : int
        Pieces of a file at most.
    """

    files: str
    kind: str
    warped: int = 0
    pieces: int = 0

    def fields(self) -> tuple[str, ...]:
        """Return name, commit, terms, files and what they are."""
        return *super().fields(), self.files, self.kind


ARABIC = (
    "abdulkaderghandoura/arabic-speech-commands-dataset",
    "72f3438212ff6cf8fbe5ae8068361840646429bd",
    "CC BY 4.0",
)
LITHUANIAN = (
    "kolesov93/lt_speech_commands",
    "19ab7098e9211bec6e71b0359165172a66117047",
    "none stated",
)
WAKE_WORDS = (
    "Picovoice/wake-word-benchmark",
    "84919190fb1891bf0936dcb577d9268e467f876f",
    "Apache-2.0",
)
INTENTS = (
    "Picovoice/speech-to-intent-benchmark",
    "47b1ca63afe4f08cb83e1f70fec16764879bd130",
    "Apache-2.0",
)
COMMUNITY = (
    "MycroftAI/Precise-Community-Data",
    "4854e39b7f8c0e14d387d4e135aa10486f5158bf",
    "public domain or Creative Commons, a file of terms a contribution",
)
REPOSITORIES = (
    SoundRepository(*ARABIC, files="dataset/*/*.wav", kind="words", warped=1),
    SoundRepository(*ARABIC, files="background_noise/*.wav", kind="noise", pieces=100),
    SoundRepository(*LITHUANIAN, files="dataset/[!_]*/*.wav", kind="words", warped=2),
    SoundRepository(*LITHUANIAN, files="dataset/_*/*.wav", kind="noise", pieces=6),
    SoundRepository(*WAKE_WORDS, files="audio/*/*.*", kind="words", warped=1),
    SoundRepository(*INTENTS, files="data/speech/clean/*.wav", kind="speech", pieces=5),
    SoundRepository(*INTENTS, files="data/noise/*.wav", kind="noise", pieces=100),
    SoundRepository(*COMMUNITY, files="[!n]*/[!n]*/*.wav", kind="words", warped=1),
    SoundRepository(*COMMUNITY, files="*/*/*/**/*.wav", kind="speech", pieces=4),
    SoundRepository(
        "Sakshee5/alphanumeric-audio-dataset",
        "6c9a38ed7e590a45410fdc33a548005a30f03552",
        "MIT",
        files="audio_data/*/*.wav",
        kind="speech",
        pieces=25,
    ),
    SoundRepository(
        "jim-schwoebel/sample_voice_data",
        "86fdf302bf31479d45a3d26954361d54917ae71c",
        "none stated",
        files="*males/*.wav",
        kind="speech",
        pieces=8,
    ),
)


def print_sources() -> None:
    """Print every repository: name, commit, terms, files, and what they are."""
    print_repositories(REPOSITORIES)
