"""Self-contained HTML pages: templates with the style and the script written into the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from creator.core.artefacts import write_text
from eval.charts import hue
from eval.figures import Figure

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **content: object) -> str:
    """A page from a template of `eval/templates`; whatever comes from data is escaped."""
    return _environment().get_template(template).render(**content)


def write_page(path: Path, template: str, **content: object) -> None:
    """Render a page into a file, whole or not at all."""
    write_text(path, render(template, **content))


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)  # fmt: skip
    filters: dict[str, Callable[[Any], object]] = {
        "count": lambda value: f"{value:,.0f}",
        "share": lambda value: "–" if value is None else f"{100 * value:.1f}%",
        "area": lambda value: "–" if value is None else f"{value:.3f}",
        "seconds": seconds,
        "svg": Markup,
    }
    helpers: dict[str, Any] = {
        "hue": hue,
        "headline": headline,
        "raw": lambda name: Markup((TEMPLATES / str(name)).read_text(encoding="utf-8")),  # noqa: S704 - our own files
    }
    made.filters.update(filters)
    made.globals.update(helpers)
    return made


def seconds(value: float) -> str:
    """A duration as people say it."""
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def headline(figure: Figure) -> str:
    """How a figure stands to its goal, in words."""
    if figure.value is None:
        return "not computed"
    if figure.reached is None:
        return ""
    return "goal reached" if figure.reached else "below the goal"
