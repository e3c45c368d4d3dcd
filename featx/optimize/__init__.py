"""Make a faster backbone of another, and keep it once its rows are near enough on a user's own samples."""

from featx.optimize.config import WEIGHTS, QuantizationConfig, Tolerance
from featx.optimize.metrics import Labelled
from featx.optimize.quantize import optimize

__all__ = ["WEIGHTS", "Labelled", "QuantizationConfig", "Tolerance", "optimize"]
