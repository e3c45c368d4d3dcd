"""The public names: each is shown at work in its docstring, and what they return is public too."""

import doctest
import inspect
import typing
from types import FunctionType

import pytest

import featx

NAMES = [name for name in featx.__all__ if name != "__version__"]
PUBLIC = {name: getattr(featx, name) for name in NAMES}


def public_functions(value):
    """A function itself; of a class its public methods and properties that featx wrote."""
    if not inspect.isclass(value):
        return [value]
    members = [member for name, member in inspect.getmembers_static(value) if name[0] != "_"]
    functions = [
        member.fget
        if isinstance(member, property)
        else getattr(member, "__func__", member)  # class methods and static ones
        for member in members
    ]
    return [
        function
        for function in functions
        if isinstance(function, FunctionType) and function.__module__.startswith("featx")
    ]


def parts(hint):
    """A type and all that stands in its brackets."""
    yield hint
    for part in typing.get_args(hint):
        yield from parts(part)


def returned(function):
    """The classes of featx that a function says to return."""
    # what a module imports for its types alone is public, and so is found here
    hints = typing.get_type_hints(function, localns=PUBLIC)
    return {
        part
        for part in parts(hints["return"])
        if inspect.isclass(part) and part.__module__.startswith("featx")
    }


def test_the_public_names_are_exactly_those_that_are_declared():
    assert featx.__all__ == sorted(featx.__all__)
    public = {name for name in dir(featx) if not name.startswith("_")}
    assert public == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_an_example_in_its_docstring(name):
    examples = doctest.DocTestParser().get_examples(PUBLIC[name].__doc__ or "")
    assert any(example.want for example in examples)


@pytest.mark.parametrize("name", [name for name in NAMES if not inspect.isclass(PUBLIC[name])])
def test_the_example_of_a_function_calls_it(name):
    examples = doctest.DocTestParser().get_examples(PUBLIC[name].__doc__)
    assert any(f"{name}(" in example.source for example in examples)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_public_name_returns_is_public(name):
    functions = public_functions(PUBLIC[name])
    hidden = {
        f"{function.__qualname__}: {kind.__name__}"
        for function in functions
        for kind in returned(function)
        if kind not in PUBLIC.values()
    }
    assert not hidden


def test_names_are_loaded_from_the_modules_that_define_them():
    for name, value in PUBLIC.items():
        assert value.__name__ == name
        assert value.__module__.startswith("featx.")
