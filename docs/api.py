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
    "Options and pictures": ("Settings", "Runtime", "Style", "Picture", "Mask", "find_faces"),
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
    grouped = {name for names in GROUPS.values() for name in names}
    public = {name for name in impasto.__all__ if not name.endswith("Error")}
    if grouped != public:
        raise SystemExit(f"docs/api.py and impasto.__all__ differ in {', '.join(sorted(grouped ^ public))}.")
    contents = (
        f"- {title}: {' · '.join(f'[{name}](#{name.lower()})' for name in names)}" for title, names in GROUPS.items()
    )
    sections = [INTRODUCTION, "\n".join(contents) + "\n"]
    for title, names in GROUPS.items():
        sections += [f"## {title}\n", *("\n".join(_describe(name)) for name in names)]
    return "\n".join([*sections, *_describe_errors()])


def _describe(name: str) -> Iterator[str]:
    """Describe a function or a class."""
    target = getattr(impasto, name)
    yield f"### {name}\n"
    if inspect.isfunction(inspect.unwrap(target)):
        yield from _describe_function(_parse(inspect.unwrap(target)), name)
        return
    node = _parse(target)
    yield from _describe_class(target, node, name)
    attributes = [*_extra_options(target, name), *_fields(node), *_properties(node)]
    if attributes:
        yield "**Attributes**\n\n" + "\n".join(attributes) + "\n"
    if name not in FIELDS_ONLY:
        yield from _methods(node, name)


def _describe_class(target: type, node: ast.ClassDef, name: str) -> Iterator[str]:
    """Describe a class by its constructor and its docstring."""
    docstring = inspect.getdoc(target) or ""
    if name in MADE_BY:
        yield MADE_BY[name] + "\n"
        docstring = re.sub(r"\n\nArgs:.*?(?=\n\n\S|\Z)", "", docstring, flags=re.DOTALL)
    elif issubclass(target, Options):
        yield _code_block(f"{name}({next(iter(target.model_fields))}=…, …)", [])
    else:
        yield _code_block(f"{name}({', '.join(_constructor_arguments(node))})", _constructor_arguments(node))
    yield _markdown(docstring)
    if name in {"Settings", "Runtime"}:
        yield "[options.md](options.md) lists its options.\n"


def _extra_options(target: type, name: str) -> Iterator[str]:
    """List the options of a model that options.md does not list."""
    if issubclass(target, Options) and name not in {"Settings", "Runtime"}:
        yield from (f"- `.{each.name}`: {each.help}" for each in target.options())


def _public_functions(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """List the public functions of a class."""
    functions = (each for each in node.body if isinstance(each, ast.FunctionDef))
    return [each for each in functions if not each.name.startswith("_") and not _has_decorator(each, "overload")]


def _properties(node: ast.ClassDef) -> Iterator[str]:
    """List the properties of a class."""
    for function in _public_functions(node):
        if _has_decorator(function, "property", "cached_property"):
            yield f"- `.{function.name}`: {_summary(ast.get_docstring(function))}"


def _methods(node: ast.ClassDef, name: str) -> Iterator[str]:
    """Describe the methods of a class, and for `Settings` those of its base class that it does not override."""
    methods = {method.name: method for method in _public_functions(node)}
    if name == "Settings":
        methods |= {each.name: each for each in _public_functions(_parse(Options)) if each.name not in methods}
    for method in methods.values():
        if not _has_decorator(method, "property", "cached_property"):
            yield f"#### {name}.{method.name}\n"
            owner = name if _has_decorator(method, "classmethod") else ""
            yield from _describe_function(method, f"{owner}.{method.name}")


def _describe_function(node: ast.FunctionDef, name: str) -> Iterator[str]:
    """Describe a function by its signature and docstring."""
    returns = f" -> {_annotation(node.returns)}" if node.returns is not None else ""
    arguments = list(_arguments(node.args))
    yield _code_block(f"{name}({', '.join(arguments)}){returns}", arguments)
    yield _markdown(ast.get_docstring(node) or "")


def _parse(target: object) -> ast.ClassDef | ast.FunctionDef:
    """Return the syntax tree of a class or a function."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(target))).body
    return node


def _has_decorator(node: ast.FunctionDef, *names: str) -> bool:
    """Return whether a function has one of some decorators."""
    return any(getattr(each, "id", getattr(each, "attr", "")) in names for each in node.decorator_list)


def _constructor_arguments(node: ast.ClassDef) -> list[str]:
    """Return the arguments of a class's constructor, from `__init__` or from the fields of a dataclass."""
    for function in node.body:
        if isinstance(function, ast.FunctionDef) and function.name == "__init__":
            return list(_arguments(function.args))
    is_dataclass = any("dataclass" in ast.unparse(each) for each in node.decorator_list)
    if not is_dataclass and all(ast.unparse(base) != "NamedTuple" for base in node.bases):
        return []
    arguments = []
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if ast.unparse(field.annotation) == "KW_ONLY":
                arguments.append("*")
            elif "ClassVar" not in ast.unparse(field.annotation):
                arguments.append(f"{field.target.id}: {_annotation(field.annotation)}{_default(field.value)}")
    return arguments


def _default(value: ast.expr | None) -> str:
    if value is None:
        return ""
    text = ast.unparse(value)
    if text.startswith("field("):
        return " = …" if "default" in text else ""
    return f" = {text}"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    """List the arguments of a function as code, without self and cls."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in zip(positional, defaults, strict=True):
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


def _code_block(line: str, arguments: list[str]) -> str:
    """Return a signature as code, with a line for each argument where it is long."""
    if len(line) > WIDTH and arguments:
        head, _, tail = line.partition(", ".join(arguments))
        line = head + "".join(f"\n    {each}," for each in arguments) + "\n" + tail
    return f"```py\n{line}\n```\n"


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """List the attributes of a class that have a docstring, declared in its body or set by its constructor."""
    constructors = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    for body in [node.body, *(constructor.body for constructor in constructors)]:
        for declaration, docstring in pairwise(body):
            match (declaration, docstring):
                case (
                    ast.AnnAssign(target=target) | ast.Assign(targets=[target]),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    name = target.id if isinstance(target, ast.Name) else target.attr
                    if not name.startswith("_"):
                        yield f"- `.{name}`: {_summary(text)}"


def _summary(text: str | None) -> str:
    """Return the first paragraph of a docstring in one line."""
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def _markdown(docstring: str) -> str:
    """Turn a docstring into paragraphs, code and lists."""
    paragraphs: list[str] = []
    for block in re.split(r"\n\s*\n", docstring.strip()):
        lines = block.splitlines()
        heading = _SECTION.match(lines[0])
        if heading:
            paragraphs.append(_section(heading[1], textwrap.dedent("\n".join(lines[1:]))))
        elif all(line.startswith("    ") for line in lines):
            paragraphs.append(f"```text\n{textwrap.dedent(block)}\n```")
        else:
            paragraphs.append(" ".join(block.split()))
    return "\n\n".join(paragraphs) + "\n"


def _section(name: str, text: str) -> str:
    """Turn a section of a docstring into a list."""
    title = "Arguments" if name == "Args" else name
    if name in {"Returns", "Yields"}:
        return f"**{title}**: {' '.join(text.split())}"
    entries = [_ENTRY.match(entry) for entry in re.split(r"\n(?=\S)", text)]
    return "\n".join(
        [f"**{title}**\n", *(f"- `{entry[1]}`: {' '.join(entry[2].split())}" for entry in entries if entry)]
    )


def _describe_errors() -> Iterator[str]:
    """Describe the tree of errors."""
    yield "## Errors\n"
    yield "Everything that impasto raises on purpose is an `ImpastoError` with one sentence as its message:\n"
    tree = next(block for block in (errors.__doc__ or "").split("\n\n") if block.startswith("ImpastoError"))
    yield f"```text\n{tree}\n```\n"
    names = [name for name in impasto.__all__ if name.endswith("Error")]
    yield "\n".join(f"- `{name}`: {_summary(getattr(impasto, name).__doc__)}" for name in names) + "\n"
