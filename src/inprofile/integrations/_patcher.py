"""Puts patches in place as the modules they are for are imported, and takes them out again."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from wrapt import register_post_import_hook, resolve_path

from inprofile.core.guard import guard
from inprofile.integrations._patch import Patch, Wrap
from inprofile.integrations._proxy import unbound
from inprofile.integrations._signature import Function


@dataclass(slots=True)
class _Placed:
    parent: Any
    attribute: str
    original: Any
    replacement: Any
    wrap: Wrap
    inherited: bool

    def remove(self) -> bool:
        """Put the original back, unless somebody else has wrapped our wrapper since."""
        if vars(self.parent).get(self.attribute) is not self.replacement:
            return False
        if self.inherited:
            delattr(self.parent, self.attribute)
        else:
            setattr(self.parent, self.attribute, self.original)
        return True


class Patcher:
    """Puts patches in place as their modules are imported, and takes them out again.

    What another tool has wrapped since stays in place, idle, and serves the next time.
    """

    def __init__(self) -> None:
        self.active = False
        self.missing: list[str] = []
        self._placed: dict[str, list[_Placed]] = {}
        self._replacements: dict[tuple[Function, Wrap], Function] = {}
        self._left: list[_Placed] = []
        self._table: dict[str, tuple[Patch, ...]] = {}

    @property
    def patched(self) -> list[str]:
        """The modules that have patches in place."""
        return sorted(self._placed)

    def install(self, table: Mapping[str, Iterable[Patch]]) -> None:
        """Patch the modules of ``table`` that are imported, and the others when they are."""
        self.active = True
        for name, patches in table.items():
            hooked = name in self._table
            self._table[name] = tuple(patches)
            if not hooked:
                register_post_import_hook(self._imported, name)
            elif name in sys.modules:
                self._imported(sys.modules[name])

    def remove(self) -> None:
        """Take every patch out; modules imported later stay as they are."""
        self.active = False
        self.missing.clear()
        for placed in self._placed.values():
            self._left += [one for one in reversed(placed) if not one.remove()]
        self._placed.clear()
        self._replacements.clear()

    def _imported(self, module: ModuleType) -> None:
        # An exception in here would make the app's own import fail.
        with guard:
            name = module.__name__
            if self.active and name not in self._placed:
                self._place(name, module, self._table[name])

    def _place(self, name: str, module: ModuleType, patches: tuple[Patch, ...]) -> None:
        """One function that several modules have by name gets one wrapper, in all of them."""
        placed = self._placed.setdefault(name, [])
        for patch in patches:
            with guard:
                try:
                    parent, attribute, found = resolve_path(module, patch.path)
                except AttributeError:
                    if not patch.optional:
                        self.missing.append(f"{name}.{patch.path}")
                    continue
                if patch.reads:
                    patch.wrap(found)
                    continue
                inherited = attribute not in vars(parent)
                left = self._take_left(parent, attribute, patch.wrap)
                if left is not None and found is not left.original:
                    placed.append(left)
                    continue
                original, replacement = self._wrapped(found, patch.wrap, parent)
                setattr(parent, attribute, replacement)
                placed.append(
                    _Placed(parent, attribute, original, replacement, patch.wrap, inherited)
                )

    def _take_left(self, parent: Any, attribute: str, wrap: Wrap) -> _Placed | None:
        """What was left there the last time, below somebody else's wrapper."""
        for one in self._left:
            if one.parent is parent and (one.attribute, one.wrap) == (attribute, wrap):
                self._left.remove(one)
                return one
        return None

    def _wrapped(self, found: Function, wrap: Wrap, parent: Any) -> tuple[Function, Function]:
        """The original and its wrapper; ``found`` is either, where it was imported by name."""
        below = getattr(found, "__wrapped__", None)
        if below is not None and self._replacements.get((below, wrap)) is found:
            return below, found
        replacement = self._replacements.get((found, wrap))
        if replacement is None:
            replacement = wrap(unbound(found) if isinstance(parent, type) else found)
        self._replacements[found, wrap] = replacement
        return found, replacement
