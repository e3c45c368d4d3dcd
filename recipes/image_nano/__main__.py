"""Run ``python -m recipes.image_nano``."""

from collections.abc import Sequence

from recipes import image_nano
from recipes.common.commands import Command, run_command
from recipes.image_nano.schedule import LAPS, NARROW_LAPS, Lap, total_minutes


def training_options(laps: Sequence[Lap]) -> dict[str, dict[str, object]]:
    """Return the options of a command that trains for some laps."""
    return {
        "--minutes": {"type": float, "default": total_minutes(laps), "help": "of all laps"},
        "--ranks": {"type": int, "default": 2, "help": "processes of one thread"},
        "--batch": {"type": int, "default": 64, "help": "views a process and step"},
    }


COMMANDS = {
    "sources": Command("recipes.image_nano.repositories:print_sources"),
    "prepare": Command("recipes.image_nano.prepare:prepare", ("sources", "avoid", "work")),
    "teach": Command("recipes.image_nano.teachers:teach", ("vit", "mobilenet", "lite", "work")),
    "train": Command("recipes.image_nano.train:train", ("work",), training_options(LAPS)),
    "narrow": Command("recipes.image_nano.narrow:narrow", ("work",), training_options(NARROW_LAPS)),
    "export": Command("recipes.image_nano.export:export", ("work", "graph")),
    "latency": Command("recipes.image_nano.latency:print_latency", ("graph",)),
    "quick": Command("recipes.image_nano.quick:quick"),
}

if __name__ == "__main__":
    run_command("recipes.image_nano", image_nano.__doc__, COMMANDS)
