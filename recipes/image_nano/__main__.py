"""Run ``python -m recipes.image_nano``."""

from recipes import image_nano
from recipes.common.commands import Command, run_command
from recipes.image_nano.schedule import TOTAL_MINUTES

COMMANDS = {
    "sources": Command("recipes.image_nano.repositories:print_sources"),
    "prepare": Command("recipes.image_nano.prepare:prepare", ("sources", "avoid", "work")),
    "teach": Command("recipes.image_nano.teachers:teach", ("vit", "mobilenet", "work")),
    "train": Command(
        "recipes.image_nano.train:train",
        ("work",),
        {
            "--minutes": {"type": float, "default": TOTAL_MINUTES, "help": "of all laps"},
            "--ranks": {"type": int, "default": 2, "help": "processes of one thread"},
            "--batch": {"type": int, "default": 64, "help": "views a process and step"},
        },
    ),
    "export": Command("recipes.image_nano.export:export", ("work", "graph")),
    "latency": Command("recipes.image_nano.latency:print_latency", ("graph",)),
    "quick": Command("recipes.image_nano.quick:quick"),
}

if __name__ == "__main__":
    run_command("recipes.image_nano", image_nano.__doc__, COMMANDS)
