"""Run ``python -m recipes.audio_mel``."""

from recipes import audio_mel
from recipes.common.commands import Command, run_command

COMMANDS = {
    "build": Command("recipes.audio_mel.graph:build", ("graph",)),
    "check": Command("recipes.audio_mel.check:check", ("graph",)),
    "probe": Command("recipes.audio_mel.probe:probe", ("graph", "fsdd")),
    "quick": Command("recipes.audio_mel.check:quick"),
}

if __name__ == "__main__":
    run_command("recipes.audio_mel", audio_mel.__doc__, COMMANDS)
