"""Write an export once it gives the classifier's own answers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from featx.backbones.backbone import open_backbone
from featx.backbones.session import FAILURES, open_session
from featx.errors import BadGraph, BadSample, FeatxWarning, first_line
from featx.export.abstention import differs_beside
from featx.export.assemble import write_graph
from featx.export.feeds import draw_samples, feeds_of, text_inputs
from featx.export.strings import HARD
from featx.graphs.builder import INT64
from featx.predictor import Predictor
from featx.sources import Sample, subsample
from featx.storage.address import blob_at, to_path
from featx.storage.atomic import replacing
from featx.storage.writable import check_writable
from featx.tasks import get_task

if TYPE_CHECKING:
    from featx.storage.remote import RemotePath

__all__ = ["Check", "export"]

# The most samples that are compared.
MOST = 200
# The largest difference of a probability that is accepted.
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Check:
    """The result of comparing an export with its classifier.

    Attributes
    ----------
    n : int
        The number of samples that were compared.
    worst : float
        The largest difference of a probability.
    real : bool
        Whether they were someone's own samples, or else drawn by arithmetic.
    """

    n: int
    worst: float
    real: bool


def export(
    classifier: Predictor,
    path: str | os.PathLike[str] | RemotePath,
    *,
    samples: Iterable[Any] | None = None,
    strings: bool = False,
    overwrite: bool = False,
) -> Check:
    """Write a classifier as one ONNX file, once its answers are the classifier's.

    Images go in as uint8 of shape (n, height, width, 3), decoded and upright, any one size a batch; texts
    as ``input_ids``, with ``attention_mask`` and ``token_type_ids`` where the backbone wants them, int64 of
    shape (n, tokens), or with ``strings`` as they are, ``text`` of shape (n,); sounds as ``waveform``,
    float32 of shape (n, samples), mixed and at the card's rate. ``label``, n texts, and ``probabilities``,
    float32 of shape (n, n_classes), come out; of several labels ``probabilities`` and ``labels``, 1 for each
    that is given, float32 of shape (n, n_labels); of numbers ``value``, ``low`` and ``high``, float32 of shape
    (n, n_numbers). Of a predictor ``with_abstention`` or a ``target_error`` there are further outputs, float32:
    ``set``, 1 for each class in it, of shape (n, n_classes); of several labels also ``unsure``; ``answered``,
    ``novelty`` and ``novel``, of shape (n,); ``label`` stays the most probable one. The same predictor gives
    the same bytes.

    Of several inputs there is one in the graph for each, which has its name: an image, a text or a sound as
    above, tokens as ``NAME.input_ids`` and so on; a number, float64 of shape (n,), NaN where the cell is empty;
    a date likewise, in seconds since 1970; a category, a text of shape (n,), "" where the cell is empty; a
    vector, float32 of shape (n, length). A pair has two, by the names of its columns. Images, texts and sounds
    must be there, one a sample.

    Parameters
    ----------
    samples : iterable of paths, arrays or Sample, default=None
        What is compared, evenly chosen where there are more than 200; one that cannot be read, or that the
        graph does not take, is left out with a FeatxWarning. None: the card's canary in several lengths, and
        for images noise of several sizes.
    strings : bool, default=False
        Whether the tokenizer is in the graph too: BERT's WordPiece, whatever its vocabulary, case and
        accents. The tokens of each sample, and of texts on which tokenizers disagree, must be the same.

    Raises
    ------
    NotExportable
        A part of the classifier cannot be written as a graph.
    BadGraph
        A probability differs by more than 1e-4, a number by more than 1e-4 of the standard deviation of its
        targets, a label changes, or a text has other tokens; the message
        says which is worst.
    OutputFailed
        Something is there already, or it cannot be written.
    """
    path = to_path(path)
    check_writable(path, overwrite=overwrite)
    try:
        graph = write_graph(classifier, strings=strings)
        data = bytes(graph.SerializeToString(deterministic=True))
    except ValueError as error:
        if isinstance(error, BadGraph) or not str(error).startswith("Message"):
            raise
        raise BadGraph(f"{classifier!r:.100}: more than 2 GB do not fit into one file") from error
    chosen = _chosen(classifier, samples)
    checked = _check(classifier, open_session(data, blob_at(path)), chosen, samples is not None)
    if strings:
        for _, _, ids, _ in text_inputs(classifier):
            graph.graph.output.append(helper.make_tensor_value_info(ids, INT64, None))
        inner = open_session(bytes(graph.SerializeToString()), blob_at(path))
        _check_tokens(classifier, inner, chosen)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return checked


def _check(classifier: Predictor, session: Any, samples: Iterable[Sample], real: bool) -> Check:
    """Compare an export with its classifier; raise BadGraph with the worst sample where they differ."""
    compared, worst, where, changed = 0, 0.0, "", ""
    unread: list[BadSample] = []
    for sample in samples:
        try:
            apart, other = _compare(classifier, session, sample)
        # Training skips these too, when it is asked to.
        except BadSample as error:
            unread.append(error)
            continue
        compared += 1
        if not apart <= worst:
            worst, where = apart, sample.id
        if other:
            changed = changed or sample.id
    if unread and not compared:
        raise unread[-1]
    if changed or not worst <= TOLERANCE:
        raise BadGraph(
            f"not exported: of {compared} samples the worst differs by {worst:.2g} ({where}) in "
            f"probability, or in standard deviations of the targets, expected {TOLERANCE:g}; "
            f"{changed or 'none'} has another label, or another set{_less_exact(classifier)}"
        )
    if unread:
        warnings.warn(
            f"{len(unread)} of {compared + len(unread)} samples are not compared with the graph, such as "
            f"{unread[0]}",
            FeatxWarning,
            stacklevel=3,
        )
    return Check(compared, worst, real)


def _less_exact(classifier: Predictor) -> str:
    """Return which backbone is computed less exactly than the graph, and what to do; empty where none is."""
    for one in classifier.inputs:
        if one.has_backbone:
            backbone = open_backbone(one.card, classifier.provider)
            if not backbone.provider.exact:
                made_of = one.card.optimized.parent if one.card.optimized else "cpu"
                return (
                    f"; {one.card.name} is computed on {backbone.provider}, the graph in float32: "
                    f"fit to {made_of}"
                )
    return ""


def _check_tokens(classifier: Predictor, session: Any, samples: Sequence[Sample]) -> None:
    """Raise BadGraph with the first text whose tokens are others than the classifier's."""
    # All that is fed must be there, though tokens are made of one text alone.
    others = feeds_of(classifier, draw_samples(classifier)[0])[0]
    for backbone, name, ids, value_of in text_inputs(classifier):
        reader: Any = backbone.reader
        for content in (*HARD, *(value_of(sample) for sample in samples)):
            try:
                text = reader.load(content)
                expected = reader.read(text)[0].ids.tolist()
            except BadSample:
                continue
            fed = {**others, name: np.array([text], np.object_)}
            known = {value.name: fed[value.name] for value in session.get_inputs()}
            [batch] = _run(session, [ids], known, repr(text))
            [tokens] = batch.tolist()
            if tokens != expected:
                raise BadGraph(
                    f"not exported: {text!r} has other tokens in the graph, {tokens}, expected {expected}; "
                    "leave strings=True out and feed tokens"
                )


def _run(session: Any, outputs: list[str], feeds: Mapping[str, Any], where: str) -> Any:
    try:
        return session.run(outputs, feeds)
    except FAILURES as error:
        raise BadGraph(f"{where}: the exported graph failed: {first_line(error)}") from error


def _compare(classifier: Predictor, session: Any, sample: Sample) -> tuple[float, bool]:
    """Return how far the graph's answer is from the predictor's, and whether it gives another label."""
    feeds, row = feeds_of(classifier, sample)
    expected = classifier.head.predict_outputs(row[None])[0]
    known = {value.name: feeds[value.name] for value in session.get_inputs()}
    task, head = get_task(classifier.task_name), classifier.head
    names = [value.name for value in session.get_outputs()]
    answers = _run(session, names, known, sample.id)
    given = {name: answer[0] for name, answer in zip(names, answers, strict=True)}
    scale = head.calibrator.scale_of(expected.astype(np.float64))
    apart, other = task.compare_answers(given, expected, head.classes, scale.astype(np.float32))
    return apart, other or differs_beside(classifier, given, row, expected)


def _chosen(classifier: Predictor, samples: Iterable[Any] | None) -> list[Sample]:
    if samples is None:
        return draw_samples(classifier)
    every = list(classifier.make_samples(samples))
    if not every:
        raise BadSample("no samples to compare: expected at least one")
    return subsample(every, MOST)
