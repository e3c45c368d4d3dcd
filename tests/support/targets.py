"""A table of short texts with every kind of target, groups, weights, parts and times."""

import csv
import json

from tests.support.parquet import write_hub_table

KINDS = {
    "red": ("apple", "fire", "rose", "brick"),
    "green": ("grass", "leaf", "pear", "frog"),
    "blue": ("sky", "sea", "jeans", "whale"),
}
PRICES = {"red": 10.0, "green": 20.0, "blue": 40.0}
FOOD = ("apple", "pear")


def make_records(n=60):
    """Return rows: a text, a label, lists of labels, numbers, and who, when, how often and for what."""
    records = []
    for i in range(n):
        color = list(KINDS)[i % 3]
        noun = KINDS[color][i // 3 % 4]
        names = [color, *(["food"] if noun in FOOD else [])]
        records.append(
            {
                "text": f"the {noun} is {color}, number {i}",
                "kind": color,
                "topics": names,
                "red": int(color == "red"),
                "food": int(noun in FOOD),
                "price": PRICES[color] + i / 100,
                "area": 3.0 + i % 3,
                "person": f"p{i % 12}",
                "part": ("train", "train", "valid", "train", "test")[i // 3 % 5],
                "day": i,
                "times": 1 + i % 2,
            }
        )
    return records


def write_records(path, records):
    """Write them as the suffix says; lists stay lists but in CSV, where ";" stands between labels."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    elif path.suffix == ".parquet":
        write_hub_table(path, {name: [one[name] for one in records] for name in records[0]})
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(records[0]))
            table.writeheader()
            for one in records:
                cells = {key: ";".join(v) if isinstance(v, list) else v for key, v in one.items()}
                table.writerow(cells)
    return path
