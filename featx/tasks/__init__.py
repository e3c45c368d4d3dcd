"""What differs between kinds of targets, behind one protocol; a task is found here by its name.

No other module asks which task it has to do with. A further task is one module and one row in ``TASKS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes, load_named
from featx.errors import UnknownTask, wrong_type

if TYPE_CHECKING:
    from featx.tasks.output_tensor import OutputTensor as OutputTensor
    from featx.tasks.task import Prediction as Prediction
    from featx.tasks.task import Task as Task

__all__ = ["TASKS", "OutputTensor", "Prediction", "Task", "get_task"]

__getattr__ = lazy_attributes(
    "featx.tasks",
    {
        **dict.fromkeys(("Prediction", "Task"), "featx.tasks.task"),
        "OutputTensor": "featx.tasks.output_tensor",
    },
)

# the module and the class of each task, loaded when first asked for
TASKS: Mapping[str, str] = MappingProxyType(
    {
        "classification": "featx.tasks.classification:Classification",
        "multilabel": "featx.tasks.multilabel:Multilabel",
        "regression": "featx.tasks.regression:Regression",
    }
)


def get_task(name: str) -> Task:
    """Return the task of that name.

    Raises
    ------
    UnknownTask
        There is none.

    Examples
    --------
    >>> get_task("classification").name
    'classification'
    """
    if not isinstance(name, str):
        raise wrong_type("task", name, "the name of a task")
    if name not in TASKS:
        raise UnknownTask(name, TASKS)
    return _make_task(TASKS[name])


# a predictor asks for its task with every answer
@cache
def _make_task(path: str) -> Task:
    task: Task = load_named(path)()
    return task
