"""What a function's docstring says of it and of its parameters, in Google's, NumPy's or Sphinx's manner."""

import inspect
import re
import textwrap

_INDENTED = r"(?:[ \t]+.*(?:\n|\Z)|\n)*"
_GOOGLE = re.compile(rf"^(?:Args|Arguments|Parameters|Params):[ \t]*\n({_INDENTED})", re.MULTILINE)
_GOOGLE_ENTRY = re.compile(rf"^\*{{0,2}}(\w+)[ \t]*(?:\([^)\n]*\))?:[ \t]*(.*(?:\n|\Z){_INDENTED})", re.MULTILINE)
_NUMPY = re.compile(r"^Parameters\n-{3,}[ \t]*\n(.*?)(?=^\S[^\n]*\n-{3,}|\Z)", re.MULTILINE | re.DOTALL)
_NUMPY_ENTRY = re.compile(rf"^\*{{0,2}}(\w+)[ \t]*(?::.*)?\n({_INDENTED})", re.MULTILINE)
_SPHINX_ENTRY = re.compile(
    rf"^:param[ \t]+(?:[^:\n]*[ \t])?\*{{0,2}}(\w+):[ \t]*(.*(?:\n|\Z){_INDENTED})", re.MULTILINE
)
_SECTION = re.compile(
    r"^(?:(?:Args|Arguments|Parameters|Params|Returns?|Raises|Yields?|Examples?|Notes?):[ \t]*$|\w+\n-{3,}|:\w+)",
    re.MULTILINE,
)


def read_docstring(docstring: str | None) -> tuple[str, dict[str, str]]:
    r"""
    What is said of a function, and of each parameter.

    >>> read_docstring("Look it up.\n\nArgs:\n    city: Where,\n        roughly.\n\nReturns:\n    It.")
    ('Look it up.', {'city': 'Where, roughly.'})
    """
    text = inspect.cleandoc(docstring or "")
    entries = _SPHINX_ENTRY.findall(text)
    if found := _NUMPY.search(text):
        entries += _NUMPY_ENTRY.findall(found[1])
    elif found := _GOOGLE.search(text):
        entries += _GOOGLE_ENTRY.findall(textwrap.dedent(found[1]))
    return _SECTION.split(text, maxsplit=1)[0].strip(), {name: " ".join(said.split()) for name, said in entries}
