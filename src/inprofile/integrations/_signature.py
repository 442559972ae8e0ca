"""A function's parameters as source text, so that its wrapper is a function just like it.

A wrapper is a plain function with the original's own parameters, written out and compiled
once. An idle call costs 0.1 microseconds, where an object proxy takes 0.3 and ``*args,
**kwargs`` 0.2; a statement passed by keyword arrives by its name; signature, pickling and
being a coroutine function stay as they were.
"""

import ast
import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from types import BuiltinFunctionType, CodeType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, Self, SupportsIndex

from inprofile.core.source import syntax_tree
from inprofile.integrations._proxy import is_foreign
from inprofile.integrations._proxy import signature as below

Function = Callable[..., Any]

OURS = str(Path(__file__).with_name("<importlib._bootstrap>"))
"""The file that our frames seem to be of: one of this package, as Sentry and others tell the
user's code from libraries, which ``warnings`` and ``logging`` leave out when they count
``stacklevel``: that they do for the import system's and nobody else's."""

MANY = 5
"""With more parameters, which nobody asks for, it is cheaper to pass them on unseen."""


WRITTEN_IN_C = BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType
"""What need not say its parameters, or all that it takes, or its true defaults."""


class Signature:
    """The parameters of a function as source text: to declare, and to pass on unchanged."""

    def __init__(self, original: Function, *hooks: Function | str | None) -> None:
        self.original = original
        self.defaults: dict[str, Any] = {}
        self.parameters = self.arguments = "*args, **kwargs"
        self.known = {"args", "kwargs"}
        # What another tool's object is given must be what the caller gave.
        if is_foreign(original) or isinstance(original, WRITTEN_IN_C):
            return
        try:
            parameters = inspect.signature(original, follow_wrapped=False).parameters.values()
        except ValueError:
            return
        if len(parameters) > MANY and not any(_asks(hook) for hook in hooks):
            return
        self.known = {parameter.name for parameter in parameters}
        self.parameters = ", ".join(self._declared(list(parameters)))
        self.arguments = ", ".join(_passed(parameter) for parameter in parameters)

    def _declared(self, parameters: list[inspect.Parameter]) -> Iterable[str]:
        marked = False
        for i, parameter in enumerate(parameters):
            if parameter.kind is parameter.VAR_POSITIONAL:
                marked = True
            if parameter.kind is parameter.KEYWORD_ONLY and not marked:
                marked = True
                yield "*"
            prefix = _PREFIX.get(parameter.kind, "")
            if parameter.default is parameter.empty:
                yield prefix + parameter.name
            else:
                self.defaults[f"_default{i}"] = parameter.default
                yield f"{parameter.name}=_default{i}"
            is_last = i + 1 == len(parameters) or parameters[i + 1].kind != parameter.kind
            if parameter.kind is parameter.POSITIONAL_ONLY and is_last:
                yield "/"

    def call(self, name: str, hook: Function | None, *first: str) -> str:
        """A call of ``hook`` with ``first`` and those arguments that it declares by name.

        Below somebody else's wrapper the names may be unknown: then they are bound, slowly.
        """
        if hook is None:
            return ""
        wanted = list(inspect.signature(hook).parameters.values())[len(first) :]
        if all(parameter.name in self.known for parameter in wanted):
            return f"{name}({', '.join([*first, *map(_passed, wanted)])})"
        self.defaults[f"_{name}"] = _binding(self.original, hook, len(first))
        return f"_{name}({', '.join([*first, self.arguments])})"

    def compiled(self, template: str, parts: dict[str, str], names: dict[str, Any]) -> Function:
        """The function that ``template`` becomes with this signature, seen as the original.

        Its frame is seen as one of the original's module, and not seen at all by ``stacklevel``.
        """
        is_coroutine = inspect.iscoroutinefunction(self.original)
        name = getattr(self.original, "__name__", "call")
        source = template.format(
            name=name if name.isidentifier() else "call",
            parameters=self.parameters,
            arguments=self.arguments,
            async_="async " if is_coroutine else "",
            await_="await " if is_coroutine else "",
            **parts,
        )
        module = getattr(self.original, "__module__", None)  # what is written in C may have none
        seen_as = module or "inprofile"
        scope = {**names, **self.defaults, "_original": self.original, "__name__": seen_as}
        exec(self._code(source, module), scope)  # noqa: S102 - our own template
        wrapper: Function = scope[name if name.isidentifier() else "call"]
        wrapper.__code__ = wrapper.__code__.replace()  # what CPython learns of it is not shared
        if inspect.isbuiltin(self.original):
            wrapper = _Builtin(wrapper)
        wrapper.__module__ = module  # type: ignore[assignment] # as functools.wraps would
        return functools.wraps(self.original)(wrapper)

    def _code(self, source: str, module: str | None) -> CodeType:
        """Code that nobody takes for the caller's.

        In ``logging`` it seems to stand where the original does: handlers that look for its
        caller leave out the frames of its file alone. What another tool put there has no code.
        """
        original = getattr(self.original, "__code__", None)
        if original is None or module != "logging":
            return _compiled(source)
        tree = syntax_tree(source)
        if tree is None:
            return _compiled(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt | ast.expr | ast.arg | ast.keyword | ast.excepthandler):
                node.lineno = node.end_lineno = original.co_firstlineno
        return compile(tree, original.co_filename, "exec")


@functools.lru_cache(maxsize=1024)
def _compiled(source: str) -> CodeType:
    """Compiling is two thirds of what putting the patches in place takes."""
    return compile(source, OURS, "exec")


class _Builtin(functools.partial[Any]):
    """A wrapper of what is written in C: in a class it is no method, and pickled by its name."""

    __name__: str
    __wrapped__: Function

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


def _asks(hook: Function | str | None) -> bool:
    return callable(hook) and bool(inspect.signature(hook).parameters)


_PREFIX: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def _binding(original: Function, hook: Function, first: int) -> Function:
    """``hook`` with what it asks for by name of the arguments after the ``first`` ones."""
    wanted = list(inspect.signature(hook).parameters.values())[first:]
    signature = below(original) if is_foreign(original) else None
    if signature is None or any(one.name not in signature.parameters for one in wanted):
        signature = inspect.signature(original)

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args[first:], **kwargs)
        bound.apply_defaults()
        found = bound.arguments
        by_position = [*args[:first]]
        by_name: dict[str, Any] = {}
        for parameter in wanted:
            if parameter.kind is parameter.VAR_POSITIONAL:
                by_position += found[parameter.name]
            elif parameter.kind is parameter.VAR_KEYWORD:
                by_name |= found[parameter.name]
            else:
                by_name[parameter.name] = found[parameter.name]
        return hook(*by_position, **by_name)

    return call


def _passed(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.KEYWORD_ONLY:
        return f"{parameter.name}={parameter.name}"
    return _PREFIX.get(parameter.kind, "") + parameter.name
