"""The protocol that a kind of target fulfils."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from featx._typing import FloatArray, Labels

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.metrics.report import Report
    from featx.tasks.answer_sets import AnswerSets
    from featx.tasks.certainty import Certainty
    from featx.tasks.output_tensor import OutputTensor
    from featx.tuning import HeadConfig
    from featx.tuning.design import SampleDesign
    from featx.tuning.problem import TuningProblem

__all__ = ["Prediction", "Task"]


class Prediction(Protocol):
    """What a predictor says of one sample, as the command line, CSV and HTTP print it.

    Examples
    --------
    >>> from featx import LabelPrediction
    >>> prediction: Prediction = LabelPrediction("a.jpg", "cat", 0.75, (("cat", 0.75),))
    >>> prediction.id, prediction.labels
    ('a.jpg', ('cat',))
    """

    @property
    def id(self) -> str:
        """Return the id of the sample."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels that the sample was given, for a server's counters; none for a number."""

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return the prediction as JSON values, without the id; numbers rounded to ``digits``."""

    @property
    def certainty(self) -> Certainty | None:
        """Return what is known of the answer beside it; None where nothing was asked."""

    def to_cells(self) -> dict[str, str | float | bool]:
        """Return the cells of a row of a table, the id first; ``Predictor.columns`` names them in order.

        Numbers have six digits. The prediction must hold all classes: ``top_k`` was their number.
        """


class Task(Protocol):
    """All that differs between kinds of targets."""

    @property
    def name(self) -> str:
        """Return the name by which commands and saved predictors know the task."""

    @property
    def head_names(self) -> tuple[str, ...]:
        """Return the names of its heads, the default first."""

    @property
    def least_outputs(self) -> int:
        """Return how many outputs (classes, labels, numbers) a predictor has at least."""

    @property
    def predictor(self) -> str:
        """Return the module and the class of its predictors, as "module:Class"."""

    def columns(self, classes: Sequence[str]) -> dict[str, type]:
        """Return the columns of a table of predictions and the types of their values, the id first."""

    @property
    def answer_sets(self) -> AnswerSets:
        """Return how the task makes sets that cover the truth, and how sure its answers are."""

    @property
    def output_noun(self) -> tuple[str, str]:
        """Return what an output is called, alone and in the plural."""

    @property
    def missing_remedy(self) -> str:
        """Return what to do about samples without a target, as an imperative."""

    def check_config(self, config: HeadConfig) -> None:
        """Raise BadOption where a setting makes no sense in this task."""

    def drop_rare(
        self, targets: Sequence[str | None], least: int | None
    ) -> tuple[list[str | None], str]:
        """Leave out what too few samples have.

        Parameters
        ----------
        targets : sequence of n texts
            None is no target.
        least : int or None
            What a class or label needs; None is what the task cannot do without.

        Returns
        -------
        targets : list of n texts
            None for a sample that is left out.
        note : str
            What was left out, by name; '' where nothing was.

        Raises
        ------
        BadOption
            The task has nothing that can be rare.
        """

    def classes_of(self, targets: Sequence[str | None]) -> list[str | None]:
        """Return the class of each sample, or None for each where samples have no classes."""

    def encode_targets(
        self, targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None
    ) -> Any:
        """Return the texts of targets as what heads are trained on, of length n.

        Raises
        ------
        BadLabels
            No predictor of the task can be trained on these targets.
        """

    def match_targets(
        self,
        targets: Sequence[Any],
        classes: Sequence[str],
        ids: Sequence[str],
        ignore_case: bool = False,
    ) -> Sequence[Any]:
        """Return targets as the predictor that is to be measured spells them; warn of unknown ones.

        Raises
        ------
        BadLabels
            The predictor knows none of them.
        """

    def tuning_problem(
        self, targets: Any, config: HeadConfig, design: SampleDesign | None = None
    ) -> TuningProblem:
        """Return encoded targets as what a head is tuned for.

        Parameters
        ----------
        config : HeadConfig
            With ``class_weight="balanced"`` every class counts the same, however many samples it has.
        design : SampleDesign, default=None
            How the samples belong together; None: each is by itself and counts once.
        """

    def summarize_targets(self, targets: Any) -> dict[str, Any]:
        """Return what the targets are, as JSON values, for the report."""

    def describe_summary(self, summary: Mapping[str, Any]) -> str:
        """Return in a few words what ``summarize_targets`` gave, such as "of 3 classes"."""

    def is_known(self, targets: Sequence[str], classes: Sequence[str]) -> bool:
        """Return whether the texts of targets may be of samples that trained a predictor of these outputs."""

    def evaluate(
        self,
        targets: Sequence[Any] | Labels,
        outputs: FloatArray,
        classes: Sequence[str],
        random_state: int,
        *,
        ids: Sequence[str] | None = None,
        design: SampleDesign | None = None,
    ) -> Report:
        """Return the report on the outputs of a trained head.

        Parameters
        ----------
        targets : sequence of n targets, as ``match_targets`` gives them
        outputs : ndarray of shape (n, n_outputs), float32
            What ``TrainedHead.predict_outputs`` gave.
        classes : sequence of str
            What the outputs stand for: classes, labels, names of numbers.
        random_state : int
            Seed of bootstrapped intervals.
        ids : sequence of n str, default=None
            For what the report says of single samples.
        design : SampleDesign, default=None
            The groups by which intervals are drawn, and the weights of the samples.
        """

    def report_from_dict(self, table: Mapping[str, Any]) -> Report:
        """Return the report whose ``to_dict`` gave ``table``."""

    def trivial_baseline(self, report: Report) -> tuple[str, dict[str, float]]:
        """Return the name and the scores of what needs no features at all."""

    def main_scores(self, report: Report) -> dict[str, float]:
        """Return the scores that stand beside those of the baselines."""

    def hints(self, report: Report, class_weight: str | None) -> list[str]:
        """Return sentences of advice that follow from a report."""

    def predictions(
        self, ids: Sequence[str], outputs: FloatArray, classes: Sequence[str], top_k: int
    ) -> Iterator[Prediction]:
        """Give one prediction for each row of ``outputs``."""

    def add_graph_outputs(
        self, graph: GraphBuilder, outputs: str, classes: Sequence[str]
    ) -> tuple[OutputTensor, ...]:
        """Add the last nodes of an exported graph, which name its outputs, and return what they are.

        Parameters
        ----------
        graph : GraphBuilder
        outputs : str
            The name of the calibrated outputs of the head, of shape (n, n_outputs), float64.
        classes : sequence of str
        """

    def compare_answers(
        self,
        given: Mapping[str, Any],
        expected: FloatArray,
        classes: Sequence[str],
        scale: FloatArray,
    ) -> tuple[float, bool]:
        """Return how far the answer of an exported graph on one sample is from the predictor's.

        Parameters
        ----------
        given : mapping of str to array
            The tensors of the graph for the sample, by name, without their first axis.
        expected : ndarray of shape (n_columns,), float32
            What ``TrainedHead.predict_outputs`` gave.
        scale : ndarray of shape (n_columns,), float32
            What a difference is measured by: 1 of a probability, the standard deviation of a number.

        Returns
        -------
        apart : float
            The largest difference.
        other : bool
            Whether another label is given.
        """

    def output_tensors(self, classes: Sequence[str]) -> tuple[OutputTensor, ...]:
        """Return the tensors in which a server of the Open Inference Protocol answers."""

    def tensor_values(
        self, predictions: Sequence[Any], classes: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return the values of these tensors by name, flattened sample by sample.

        Each prediction must hold all classes: ``top_k`` was their number.
        """
