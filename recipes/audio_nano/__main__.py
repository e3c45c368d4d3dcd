"""Run ``python -m recipes.audio_nano``."""

from recipes import audio_nano
from recipes.common.commands import Command, run_command

COMMANDS = {
    "sources": Command("recipes.audio_nano.repositories:print_sources"),
    "speak": Command("recipes.audio_nano.calls:speak", ("spoken",)),
    "collect": Command("recipes.audio_nano.collect:collect", ("sources", "spoken", "work")),
    "teach": Command("recipes.audio_nano.teachers:teach", ("speech", "yamnet", "work")),
    "train": Command(
        "recipes.audio_nano.train:train", ("work",), {"--minutes": {"type": float, "default": 62}}
    ),
    "export": Command("recipes.audio_nano.export:export", ("work", "graph")),
    "check": Command("recipes.audio_nano.check:check", ("graph",)),
    "probe": Command("recipes.audio_mel.probe:probe", ("graph", "fsdd")),
    "quick": Command("recipes.audio_nano.quick:quick"),
}

if __name__ == "__main__":
    run_command("recipes.audio_nano", audio_nano.__doc__, COMMANDS)
