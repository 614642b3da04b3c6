"""Write the reference of the library from its docstrings: every public name with its signature, arguments and errors."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise

import impasto
from impasto import errors
from impasto.settings.options import Options

WIDTH = 100
"""Characters of a line above which a signature has a line for each argument."""

GROUPS = {
    "Painting": ("stylize", "StyleTransfer", "Run", "Progress", "Result", "Plan", "plot_losses", "tune_process"),
    "Options and pictures": ("Settings", "Runtime", "Style", "Picture", "Mask"),
    "The network and the losses of the paper": (
        "VGG19",
        "load_weights",
        "Weights",
        "gram",
        "content_loss",
        "style_loss",
    ),
    "Jobs and films": ("Job", "StyleSource", "Session", "paint_many", "Outcome", "Film", "FilmSession"),
    "Losses of a run": (
        "AutogradLoss",
        "Units",
        "Statistic",
        "Loss",
        "ContentLoss",
        "StyleLoss",
        "TotalVariationLoss",
        "NinePointTotalVariationLoss",
        "RangeLoss",
    ),
}
"""The public names by what they are for, without the errors."""

MADE_BY = {
    "Run": "`StyleTransfer.start` makes it.",
    "Progress": "A run yields it.",
    "Result": "`stylize` and `Run.result` return it.",
    "Plan": "`StyleTransfer.plan` returns it.",
    "Outcome": "`paint_many` yields it.",
    "Weights": "`load_weights` returns it.",
    "Units": "A run passes it to `Loss.measure`.",
}
"""Classes that nobody has to call, with a sentence about where their objects come from."""

FIELDS_ONLY = {"ContentLoss", "StyleLoss", "TotalVariationLoss", "NinePointTotalVariationLoss", "RangeLoss"}
"""Classes whose methods are those of `Loss`."""

INTRODUCTION = """# The reference

Every public name of impasto, from its docstring; [library.md](library.md) shows them in use. Import them from `impasto`.
Errors are [at the end](#errors).
"""

_SECTION = re.compile(r"^(Args|Returns|Yields|Raises):$")
_ENTRY = re.compile(r"^(\*{0,2}\w+): (.*)$", re.DOTALL)


def page() -> str:
    """Return the page."""
    listed = {name for names in GROUPS.values() for name in names}
    public = {name for name in impasto.__all__ if not name.endswith("Error")}
    if listed != public:
        raise SystemExit(f"docs/api.py and impasto.__all__ differ in {', '.join(sorted(listed ^ public))}.")
    contents = (
        f"- {title}: {' · '.join(f'[{name}](#{name.lower()})' for name in names)}" for title, names in GROUPS.items()
    )
    parts = [INTRODUCTION, "\n".join(contents) + "\n"]
    for title, names in GROUPS.items():
        parts += [f"## {title}\n", *("\n".join(_public(name)) for name in names)]
    return "\n".join([*parts, *_errors()])


def _public(name: str) -> Iterator[str]:
    """Describe a function or a class."""
    target = getattr(impasto, name)
    yield f"### {name}\n"
    if inspect.isfunction(inspect.unwrap(target)):
        yield from _function(_node(inspect.unwrap(target)), name)
        return
    node = _node(target)
    yield from _class(target, node, name)
    attributes = [*_options(target, name), *_fields(node), *_properties(node)]
    if attributes:
        yield "**Attributes**\n\n" + "\n".join(attributes) + "\n"
    if name not in FIELDS_ONLY:
        yield from _methods(node, name)


def _class(target: type, node: ast.ClassDef, name: str) -> Iterator[str]:
    """Describe a class: how it is made and what it is."""
    docstring = inspect.getdoc(target) or ""
    if name in MADE_BY:
        yield MADE_BY[name] + "\n"
        docstring = re.sub(r"\n\nArgs:.*?(?=\n\n\S|\Z)", "", docstring, flags=re.DOTALL)
    elif issubclass(target, Options):
        yield _fenced(f"{name}({next(iter(target.model_fields))}=…, …)", [])
    else:
        yield _fenced(f"{name}({', '.join(_constructor(node))})", _constructor(node))
    yield _markdown(docstring)
    if name in {"Settings", "Runtime"}:
        yield "[options.md](options.md) lists its options.\n"


def _options(target: type, name: str) -> Iterator[str]:
    """List the options of a model that options.md does not list."""
    if issubclass(target, Options) and name not in {"Settings", "Runtime"}:
        yield from (f"- `.{each.name}`: {each.help}" for each in target.options())


def _own(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """List the public functions of a class."""
    functions = (each for each in node.body if isinstance(each, ast.FunctionDef))
    return [each for each in functions if not each.name.startswith("_") and not _is(each, "overload")]


def _properties(node: ast.ClassDef) -> Iterator[str]:
    """List the properties of a class."""
    for each in _own(node):
        if _is(each, "property", "cached_property"):
            yield f"- `.{each.name}`: {_line(ast.get_docstring(each))}"


def _methods(node: ast.ClassDef, name: str) -> Iterator[str]:
    """Describe the methods of a class; of `Settings` those of its base too, if it has none of the same name."""
    own = _own(node)
    base = _own(_node(Options)) if name == "Settings" else []
    for each in [*own, *(method for method in base if method.name not in {of_its_own.name for of_its_own in own})]:
        if not _is(each, "property", "cached_property"):
            yield f"#### {name}.{each.name}\n"
            yield from _function(each, f"{name if _is(each, 'classmethod') else ''}.{each.name}")


def _function(node: ast.FunctionDef, shown: str) -> Iterator[str]:
    """Describe a function by its signature and docstring."""
    returns = f" -> {_annotation(node.returns)}" if node.returns is not None else ""
    arguments = list(_arguments(node.args))
    yield _fenced(f"{shown}({', '.join(arguments)}){returns}", arguments)
    yield _markdown(ast.get_docstring(node) or "")


def _node(target: object) -> ast.ClassDef | ast.FunctionDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(target))).body
    return node


def _is(node: ast.FunctionDef, *names: str) -> bool:
    return any(getattr(each, "id", getattr(each, "attr", "")) in names for each in node.decorator_list)


def _constructor(node: ast.ClassDef) -> list[str]:
    """Return the arguments of a class's constructor, from `__init__` or from the fields of a dataclass."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return list(_arguments(each.args))
    found = []
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            if ast.unparse(each.annotation) == "KW_ONLY":
                found.append("*")
            elif "ClassVar" not in ast.unparse(each.annotation):
                found.append(f"{each.target.id}: {_annotation(each.annotation)}{_default(each.value)}")
    is_made = any("dataclass" in ast.unparse(each) for each in node.decorator_list)
    return found if is_made or any(ast.unparse(base) == "NamedTuple" for base in node.bases) else []


def _default(value: ast.expr | None) -> str:
    if value is None:
        return ""
    text = ast.unparse(value)
    if text.startswith("field("):
        return " = …" if "default" in text else ""
    return f" = {text}"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """List the arguments of a function as code, without self and cls."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in zip(plain, defaults, strict=True):
        if argument.arg not in {"self", "cls"}:
            yield _argument(argument, default)
    if arguments.vararg:
        yield f"*{_argument(arguments.vararg, None)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(argument, default)
    if arguments.kwarg:
        yield f"**{_argument(arguments.kwarg, None)}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = f": {_annotation(argument.annotation)}" if argument.annotation is not None else ""
    return f"{argument.arg}{annotation}{_default(default)}"


def _annotation(node: ast.expr | None) -> str:
    return "" if node is None else ast.unparse(node).replace("'", "")


def _fenced(line: str, arguments: list[str]) -> str:
    """Return a signature as code, with a line for each argument where it is long."""
    if len(line) > WIDTH and arguments:
        before, _, after = line.partition(", ".join(arguments))
        line = before + "".join(f"\n    {each}," for each in arguments) + "\n" + after
    return f"```py\n{line}\n```\n"


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """List the attributes of a class that have a docstring, declared in its body or set by its constructor."""
    bodies = [node.body] + [
        each.body for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"
    ]
    for body in bodies:
        for declared, text in pairwise(body):
            is_text = (
                isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            )
            target = getattr(declared, "target", None) or (getattr(declared, "targets", None) or [None])[0]
            name = getattr(target, "id", getattr(target, "attr", None))
            if is_text and name and not name.startswith("_") and isinstance(declared, ast.AnnAssign | ast.Assign):
                yield f"- `.{name}`: {_line(text.value.value)}"


def _line(text: str | None) -> str:
    """Return the first paragraph of a docstring in one line."""
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def _markdown(docstring: str) -> str:
    """Turn a docstring into paragraphs, code and lists."""
    found: list[str] = []
    section = ""
    for block in re.split(r"\n\s*\n", docstring.strip()):
        lines = block.splitlines()
        heading = _SECTION.match(lines[0])
        if heading:
            section = heading[1]
            found.append(_section(section, textwrap.dedent("\n".join(lines[1:]))))
        elif all(line.startswith("    ") for line in lines):
            found.append(f"```text\n{textwrap.dedent(block)}\n```")
        else:
            found.append(" ".join(block.split()))
    return "\n\n".join(found) + "\n"


def _section(name: str, text: str) -> str:
    """Turn a section of a docstring into a list."""
    title = {"Args": "Arguments", "Yields": "Yields", "Returns": "Returns", "Raises": "Raises"}[name]
    if name in {"Returns", "Yields"}:
        return f"**{title}**: {' '.join(text.split())}"
    entries = re.split(r"\n(?=\S)", text)
    found = [_ENTRY.match(each) for each in entries]
    return "\n".join([f"**{title}**\n", *(f"- `{each[1]}`: {' '.join(each[2].split())}" for each in found if each)])


def _errors() -> Iterator[str]:
    """Describe the tree of errors."""
    yield "## Errors\n"
    yield "Everything that impasto raises on purpose is an `ImpastoError` with one sentence as its message:\n"
    tree = next(block for block in (errors.__doc__ or "").split("\n\n") if block.startswith("ImpastoError"))
    yield f"```text\n{tree}\n```\n"
    names = [name for name in impasto.__all__ if name.endswith("Error")]
    yield "\n".join(f"- `{name}`: {_line(getattr(impasto, name).__doc__)}" for name in names) + "\n"
