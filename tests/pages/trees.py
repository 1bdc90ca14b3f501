"""Looking into trees of Dash components."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dash.development.base_component import Component


def walk(tree: object) -> Iterator[Component]:
    """Yield a component and all that it holds, in order."""
    if isinstance(tree, list | tuple):
        for part in tree:
            yield from walk(part)
    elif isinstance(tree, Component):
        yield tree
        yield from walk(getattr(tree, "children", None))


def identity(component: Component) -> str | None:
    """Return a component's id as Dash writes it, None when it has none."""
    own = getattr(component, "id", None)
    if isinstance(own, dict):
        return json.dumps(own, sort_keys=True, separators=(",", ":"))
    return None if own is None else str(own)


def by_id(tree: object) -> dict[str, Component]:
    """Return the components that have an id; fails where two have the same."""
    found: dict[str, Component] = {}
    for component in walk(tree):
        name = identity(component)
        if name is not None:
            assert name not in found, f"{name} twice"
            found[name] = component
    return found


def plain(tree: Any) -> Any:  # noqa: ANN401 - any tree
    """Return a tree as [type, properties, children], texts as they are."""
    if isinstance(tree, list | tuple):
        return [plain(part) for part in tree]
    if not isinstance(tree, Component):
        return tree
    properties = dict(tree.to_plotly_json()["props"])
    children = properties.pop("children", None)
    return [type(tree).__name__, properties, plain(children)]


def text_of(tree: object) -> str:
    """Return all texts of a tree."""
    if isinstance(tree, list | tuple):
        return " ".join(filter(None, map(text_of, tree)))
    if isinstance(tree, Component):
        return text_of(getattr(tree, "children", None))
    return "" if tree is None else str(tree)
