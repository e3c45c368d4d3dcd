"""The account of a training as format 1 of saved classifiers held it, in the form of today's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["report_of"]

_RENAMED = {
    "majority": "majority_baseline",
    "unknown": "unseen_labels",
    "calibration_error": "expected_calibration_error",
}


def report_of(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON of a FitReport from a manifest of format 1; None where it holds no whole account."""
    try:
        training = manifest["training"]
        tuning, measured = training["tuning"], training["measured"]
        scores = {_RENAMED.get(key, key): value for key, value in measured["report"].items()}
        return {
            "task": "classification",
            "data": {
                "n": training["n"],
                "targets": training["samples"],
                "inputs": [manifest["backbone"]["name"]],
            },
            "tuning": {
                "head": manifest["head"]["name"],
                "params": tuning["chosen"],
                "folds": tuning["folds"],
                "repeats": tuning["repeats"],
                "candidates": tuning["candidates"],
                "class_weight": "balanced" if training["balance"] else None,
                "random_state": training["seed"],
            },
            "validation": {
                "method": measured["method"],
                "folds": measured["folds"],
                "report": scores,
            },
            "baselines": _baselines(training["baselines"]),
            "timings": training["seconds"],
            "rejects": training["rejects"],
        }
    except (KeyError, TypeError, AttributeError):
        return None


def _baselines(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    baselines = [
        {"name": "always the most frequent class", "scores": table["majority"], "intervals": {}}
    ]
    if raw := table.get("raw"):
        scores = {key: raw[key] for key in ("accuracy", "balanced_accuracy", "macro_f1")}
        name = f"the same head on {raw.get('of', 'raw pixels')}"
        baselines.append({"name": name, "scores": scores, "intervals": raw["intervals"]})
    return baselines
