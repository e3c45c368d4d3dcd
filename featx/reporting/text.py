"""What commands say of a classifier: plain text from its training facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["describe", "format_report", "summarize"]

_LOPSIDED = 0.7  # share of the largest class above which accuracy misleads


def describe(head: str, backbone: str, training: Mapping[str, Any]) -> str:
    """The whole report on a training: how it was measured, scores, classes, baselines, times, hints."""
    report = training["measured"]["report"]
    parts = [summarize(head, backbone, training), _how(training), format_report(report)]
    parts += [_baselines(training), _times(training), *_hints(training)]
    return "\n\n".join(part for part in parts if part)


def summarize(head: str, backbone: str, training: Mapping[str, Any]) -> str:
    """One line: what it is and what it was trained on."""
    chosen = ", ".join(
        f"{key.rpartition('__')[2]} = {value}"
        for key, value in training["tuning"]["chosen"].items()
    )
    settings = f" ({chosen})" if chosen else ""
    return (
        f"Head {head}{settings} on {backbone}, trained on {training['n']} samples "
        f"of {len(training['samples'])} classes."
    )


def _how(training: Mapping[str, Any]) -> str:
    measured = training["measured"]
    n = measured["report"]["n"]
    if measured["method"] == "hold-out":
        return (
            f"Measured on {n} samples held out of tuning and training; "
            "then tuned and trained again on everything."
        )
    return (
        f"Measured on {n} samples by nested cross-validation, {measured['folds']} folds: "
        "each sample by a head that was neither tuned nor trained on it."
    )


def _baselines(training: Mapping[str, Any]) -> str:
    known = training["baselines"]
    report = training["measured"]["report"]
    lines = [f"{'Accuracy of':<41} accuracy  balanced"]
    rows = [("always the most frequent class", known["majority"])]
    if raw := known.get("raw"):
        rows.append((f"the same head on {raw.get('of', 'raw pixels')}", raw))
    for name, scores in [*rows, ("this classifier", report)]:
        lines.append(f"  {name:<39} {scores['accuracy']:8.3f}  {scores['balanced_accuracy']:8.3f}")
    return "\n".join(lines)


def _times(training: Mapping[str, Any]) -> str:
    seconds = training["seconds"]
    return "Times: " + ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items()) + "."


def _hints(training: Mapping[str, Any]) -> list[str]:
    report, hints = training["measured"]["report"], []
    if report["majority"] >= _LOPSIDED:
        hints.append(
            f"Hint: {report['majority']:.0%} of the samples are of one class, so accuracy says little: "
            "look at balanced accuracy and F1" + ("." if training["balance"] else ", or --balance.")
        )
    raw = training["baselines"].get("raw")
    if raw and raw["accuracy"] >= report["intervals"]["accuracy"][0]:
        hints.append(
            f"Hint: {raw.get('of', 'raw pixels')} do about as well: this backbone may not help here; "
            "try another, or add samples."
        )
    if report["n"] < 50:
        hints.append("Hint: so few samples say little; see how wide the intervals are.")
    return hints


def format_report(report: Mapping[str, Any]) -> str:
    """The JSON of a report as lines for people."""
    lines = []
    for key in ("accuracy", "balanced_accuracy", "macro_f1"):
        low, high = report["intervals"][key]
        name = key.replace("_", " ").replace("f1", "F1")
        lines.append(f"{name:<18} {report[key]:.3f}   95 % interval {low:.3f} to {high:.3f}")
    if report["calibration_error"] is not None:
        loss = "" if report["log_loss"] is None else f"   log-loss {report['log_loss']:.3f}"
        lines.append(f"{'calibration error':<18} {report['calibration_error']:.3f}{loss}")
    width = max(5, *(len(each["label"]) for each in report["classes"]))
    lines += ["", f"{'class':<{width}}  precision  recall     F1  samples"]
    lines += [
        f"{each['label']:<{width}}  {each['precision']:9.3f}  {each['recall']:6.3f}  "
        f"{each['f1']:5.3f}  {each['support']:7d}"
        for each in report["classes"]
    ]
    if report["unknown"]:
        names = ", ".join(report["unknown"])
        lines += ["", f"Counted as errors: labels that the classifier was never shown: {names}."]
    return "\n".join(lines)
