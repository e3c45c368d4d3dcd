"""Run ``python -m recipes.text_nano``."""

from pathlib import Path

from recipes import text_nano
from recipes.common.commands import Command, run_command

SETS = ("banking77", "sst2", "trec6", "sms_spam")

COMMANDS = {
    "sources": Command("recipes.text_nano.repositories:print_sources"),
    "corpus": Command("recipes.text_nano.corpus:write_corpus", ("sources", "evaluation", "work")),
    "tokens": Command("recipes.text_nano.tokens:write_tokens", ("teacher", "work")),
    "teach": Command("recipes.text_nano.teacher:teach", ("teacher", "work")),
    "train": Command("recipes.text_nano.train:train", ("work",)),
    "export": Command("recipes.text_nano.graph:export", ("work", "out")),
    "check": Command("recipes.text_nano.check:check", ("out",)),
    "quick": Command("recipes.text_nano.quick:quick", (), {"--teacher": {"type": Path}}),
    "accuracy": Command(
        "recipes.text_nano.probe:print_accuracy",
        ("model", "data"),
        {
            "--length": {"type": float, "help": "rescale every embedding to this length first"},
            "--sets": {"nargs": "+", "choices": SETS, "default": SETS},
        },
    ),
    "sets": Command("recipes.text_nano.languages:print_sets"),
    "labelled": Command("recipes.text_nano.languages:write_sets", ("sources", "data")),
    "languages": Command("recipes.text_nano.languages:print_languages", ("model", "data")),
    "speed": Command("recipes.text_nano.probe:print_speed", ("model", "data")),
}

if __name__ == "__main__":
    run_command("recipes.text_nano", text_nano.__doc__, COMMANDS)
