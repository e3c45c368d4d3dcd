"""Transfer learning on a plain CPU: frozen ONNX backbones, scikit-learn heads.

Importing featx is quick and has no effect; each public name is loaded from its module when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes as _lazy_attributes

if TYPE_CHECKING:
    from featx._display import TextTable as TextTable
    from featx.audit.auditing import audit_rows as audit_rows
    from featx.audit.auditing import audit_samples as audit_samples
    from featx.audit.findings import AuditFinding as AuditFinding
    from featx.audit.findings import AuditReport as AuditReport
    from featx.backbones.adding import add_backbone as add_backbone
    from featx.backbones.backbone import Backbone as Backbone
    from featx.backbones.maps import SampleMaps as SampleMaps
    from featx.catalog import Card as Card
    from featx.catalog import get_card as get_card
    from featx.catalog import list_cards as list_cards
    from featx.embedding.engine import Engine as Engine
    from featx.embedding.joint_rows import JointEmbedder as JointEmbedder
    from featx.embedding.rows import Reject as Reject
    from featx.embedding.rows import Rows as Rows
    from featx.embedding.rows import Written as Written
    from featx.errors import BadSample as BadSample
    from featx.errors import FeatxError as FeatxError
    from featx.errors import FeatxWarning as FeatxWarning
    from featx.evaluation import evaluate as evaluate
    from featx.explanation.explaining import explain as explain
    from featx.explanation.explanation import Explanation as Explanation
    from featx.explanation.explanation import Neighbour as Neighbour
    from featx.explanation.explanation import ScorePart as ScorePart
    from featx.extractor import FeatureExtractor as FeatureExtractor
    from featx.fit_config import FitConfig as FitConfig
    from featx.heads.conformity import Conformity as Conformity
    from featx.heads.selective import ErrorThreshold as ErrorThreshold
    from featx.html_report.page import HtmlReport as HtmlReport
    from featx.html_report.page import ReportOptions as ReportOptions
    from featx.html_report.page import report as report
    from featx.inputs.encoder import ColumnEncoder as ColumnEncoder
    from featx.inputs.input import Input as Input
    from featx.inputs.spec import InputSpec as InputSpec
    from featx.metrics.answers import AnswerReport as AnswerReport
    from featx.metrics.classification import ClassificationReport as ClassificationReport
    from featx.metrics.classification import ClassScore as ClassScore
    from featx.metrics.multilabel import LabelScore as LabelScore
    from featx.metrics.multilabel import MultilabelReport as MultilabelReport
    from featx.metrics.paired import Difference as Difference
    from featx.metrics.regression import LargeResidual as LargeResidual
    from featx.metrics.regression import OutputScore as OutputScore
    from featx.metrics.regression import RegressionReport as RegressionReport
    from featx.metrics.regression import Tenth as Tenth
    from featx.metrics.report import Report as Report
    from featx.persistence.artifact import load as load
    from featx.persistence.artifact import save as save
    from featx.pipelines import from_pipeline as from_pipeline
    from featx.predictor import Classifier as Classifier
    from featx.predictor import MultilabelClassifier as MultilabelClassifier
    from featx.predictor import Predictor as Predictor
    from featx.predictor import Regressor as Regressor
    from featx.reading import read_samples as read_samples
    from featx.reporting.comparison import Comparison as Comparison
    from featx.reporting.comparison import Contender as Contender
    from featx.reporting.comparison import LeftOutBackbone as LeftOutBackbone
    from featx.reporting.contributions import InputContribution as InputContribution
    from featx.reporting.fit_report import Baseline as Baseline
    from featx.reporting.fit_report import DataSummary as DataSummary
    from featx.reporting.fit_report import FitReport as FitReport
    from featx.reporting.fit_report import TuningSummary as TuningSummary
    from featx.reporting.fit_report import Validation as Validation
    from featx.reporting.training_samples import TrainingSamples as TrainingSamples
    from featx.retrieval import SimilarRow as SimilarRow
    from featx.retrieval import find_similar as find_similar
    from featx.selection.compare import compare as compare
    from featx.selection.curve import learning_curve as learning_curve
    from featx.selection.curve_report import CurvePoint as CurvePoint
    from featx.selection.curve_report import LearningCurve as LearningCurve
    from featx.selection.curve_report import ScoreCurve as ScoreCurve
    from featx.selection.curve_report import ScoreForecast as ScoreForecast
    from featx.selection.layer_report import LayerProbe as LayerProbe
    from featx.selection.layer_report import LayerScore as LayerScore
    from featx.selection.layers import probe_layers as probe_layers
    from featx.sources import Sample as Sample
    from featx.sources import Segment as Segment
    from featx.sources import make_samples as make_samples
    from featx.storage.blob import Blob as Blob
    from featx.storage.remote import RemotePath as RemotePath
    from featx.tables import read_rows as read_rows
    from featx.tables import write_rows as write_rows
    from featx.tasks import Prediction as Prediction
    from featx.tasks.certainty import Certainty as Certainty
    from featx.tasks.classification import LabelPrediction as LabelPrediction
    from featx.tasks.multilabel import LabelSetsPrediction as LabelSetsPrediction
    from featx.tasks.output_tensor import OutputTensor as OutputTensor
    from featx.tasks.regression import NumberPrediction as NumberPrediction
    from featx.training import fit as fit

__version__ = "0.1.0"

_MODULE_OF = {
    "AuditFinding": "featx.audit.findings",
    "AuditReport": "featx.audit.findings",
    "AnswerReport": "featx.metrics.answers",
    "Backbone": "featx.backbones.backbone",
    "BadSample": "featx.errors",
    "Baseline": "featx.reporting.fit_report",
    "Blob": "featx.storage.blob",
    "Card": "featx.catalog",
    "Certainty": "featx.tasks.certainty",
    "ClassScore": "featx.metrics.classification",
    "ClassificationReport": "featx.metrics.classification",
    "Classifier": "featx.predictor",
    "ColumnEncoder": "featx.inputs.encoder",
    "Comparison": "featx.reporting.comparison",
    "Conformity": "featx.heads.conformity",
    "Contender": "featx.reporting.comparison",
    "CurvePoint": "featx.selection.curve_report",
    "DataSummary": "featx.reporting.fit_report",
    "Difference": "featx.metrics.paired",
    "Engine": "featx.embedding.engine",
    "ErrorThreshold": "featx.heads.selective",
    "Explanation": "featx.explanation.explanation",
    "FeatureExtractor": "featx.extractor",
    "FeatxError": "featx.errors",
    "FeatxWarning": "featx.errors",
    "FitConfig": "featx.fit_config",
    "FitReport": "featx.reporting.fit_report",
    "HtmlReport": "featx.html_report.page",
    "Input": "featx.inputs.input",
    "InputContribution": "featx.reporting.contributions",
    "InputSpec": "featx.inputs.spec",
    "JointEmbedder": "featx.embedding.joint_rows",
    "LabelPrediction": "featx.tasks.classification",
    "LabelScore": "featx.metrics.multilabel",
    "LabelSetsPrediction": "featx.tasks.multilabel",
    "LargeResidual": "featx.metrics.regression",
    "LayerProbe": "featx.selection.layer_report",
    "LayerScore": "featx.selection.layer_report",
    "LearningCurve": "featx.selection.curve_report",
    "LeftOutBackbone": "featx.reporting.comparison",
    "MultilabelClassifier": "featx.predictor",
    "MultilabelReport": "featx.metrics.multilabel",
    "Neighbour": "featx.explanation.explanation",
    "NumberPrediction": "featx.tasks.regression",
    "OutputScore": "featx.metrics.regression",
    "OutputTensor": "featx.tasks.output_tensor",
    "Prediction": "featx.tasks",
    "Predictor": "featx.predictor",
    "RegressionReport": "featx.metrics.regression",
    "Regressor": "featx.predictor",
    "Reject": "featx.embedding.rows",
    "RemotePath": "featx.storage.remote",
    "Report": "featx.metrics.report",
    "ReportOptions": "featx.html_report.page",
    "Rows": "featx.embedding.rows",
    "Sample": "featx.sources",
    "SampleMaps": "featx.backbones.maps",
    "ScoreCurve": "featx.selection.curve_report",
    "ScoreForecast": "featx.selection.curve_report",
    "ScorePart": "featx.explanation.explanation",
    "Segment": "featx.sources",
    "SimilarRow": "featx.retrieval",
    "Tenth": "featx.metrics.regression",
    "TextTable": "featx._display",
    "TrainingSamples": "featx.reporting.training_samples",
    "TuningSummary": "featx.reporting.fit_report",
    "Validation": "featx.reporting.fit_report",
    "Written": "featx.embedding.rows",
    "add_backbone": "featx.backbones.adding",
    "audit_rows": "featx.audit.auditing",
    "audit_samples": "featx.audit.auditing",
    "compare": "featx.selection.compare",
    "evaluate": "featx.evaluation",
    "explain": "featx.explanation.explaining",
    "find_similar": "featx.retrieval",
    "fit": "featx.training",
    "from_pipeline": "featx.pipelines",
    "get_card": "featx.catalog",
    "learning_curve": "featx.selection.curve",
    "list_cards": "featx.catalog",
    "load": "featx.persistence.artifact",
    "make_samples": "featx.sources",
    "probe_layers": "featx.selection.layers",
    "read_rows": "featx.tables",
    "read_samples": "featx.reading",
    "report": "featx.html_report.page",
    "save": "featx.persistence.artifact",
    "write_rows": "featx.tables",
}

__all__ = sorted(["__version__", *_MODULE_OF])

__getattr__ = _lazy_attributes("featx", _MODULE_OF)


def __dir__() -> list[str]:
    return __all__
