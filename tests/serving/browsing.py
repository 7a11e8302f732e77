"""A person at the console with a browser that runs no script: real HTTP, forms filled in and sent as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

VOID = {"meta", "link", "input", "br", "img"}


@dataclass
class Form:
    """A form of a page.

    Args:
        action, method: where it is sent, and how.
        fields: what a browser would send if nothing was touched.
        buttons: (name, value, text) of each button that sends it.
    """

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Page(HTMLParser):
    """A page, read."""

    text: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._ids: dict[str, Form] = {}
        self._form: Form | None = None
        self._button: list[str] | None = None
        self._area: str | None = None
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self.feed(self.text)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        self.tags.append((tag, a))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self._form = Form(a.get("action", ""), a.get("method", "get"))
            self.forms.append(self._form)
            self._ids[a.get("id", "")] = self._form
        owner = self._ids.get(a["form"]) if "form" in a else self._form
        named = "label" in self._open or "aria-label" in a
        if tag in ("input", "textarea", "select") and a.get("type") != "hidden" and not named:
            self.unlabelled.append(str(a))
        if tag == "input" and owner and a.get("name") and (a.get("type") != "checkbox" or "checked" in a):
            owner.fields.append((a["name"], a.get("value", "")))
        if tag == "textarea" and owner:
            self._area = a["name"]
            owner.fields.append((a["name"], ""))
        if tag == "select" and owner:
            self._select = (a["name"], [])
        if tag == "option" and self._select is not None:
            self._select[1].append((a.get("value", "\0"), "selected" in a))
        if tag == "button":
            self._button = [a.get("name", ""), a.get("value", ""), ""]
            if owner and a.get("type") != "button":
                owner.buttons.append(("", "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "button" and self._button is not None:
            if self._form is not None and self._form.buttons and self._form.buttons[-1] == ("", "", ""):
                self._form.buttons[-1] = (self._button[0], self._button[1], self._button[2].strip())
            self._button = None
        if tag == "select" and self._select is not None and self._form is not None:
            name, options = self._select
            chosen = [value for value, selected in options if selected] or [options[0][0]]
            self._form.fields.append((name, chosen[0]))
            self._select = None
        if tag == "textarea":
            self._area = None
        if tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(" ".join(data.split()))
        if self._button is not None:
            self._button[2] += data
        if self._area is not None and self._form is not None:
            self._form.fields[-1] = (self._area, data.removeprefix("\n"))
        if self._select is not None and self._select[1] and self._select[1][-1][0] == "\0":
            self._select[1][-1] = (data.strip(), self._select[1][-1][1])

    @property
    def said(self) -> str:
        """All its words."""
        return " ".join(self.words)

    def form(self, button: str, **holding: str) -> Form:
        """The form with a button of this text, whose fields hold these values."""
        for form in self.forms:
            if button in [text for _, _, text in form.buttons] and holding.items() <= dict(form.fields).items():
                return form
        raise AssertionError(f"no form with the button {button!r} and {holding}")


@dataclass
class Person:
    """Somebody at the console."""

    http: httpx.Client
    page: Page = field(default_factory=lambda: Page(""))
    status: int = 0
    place: str = ""

    def goes(self, place: str) -> Page:
        return self._show(self.http.get(place))

    def presses(self, button: str, holding: dict[str, str] | None = None, **filled: str | list[str]) -> Page:
        """Fill in the form that has this button, and press it."""
        form = self.page.form(button, **(holding or {}))
        name, value, _ = next(each for each in form.buttons if each[2] == button)
        sent = [(n, v) for n, v in form.fields if n not in filled]
        sent += [(n, v) for n, vs in filled.items() for v in ([vs] if isinstance(vs, str) else vs)]
        sent += [(name, value)] if name else []
        if form.method == "get":
            return self._show(self.http.get(form.action, params=sent))
        body = "&".join(str(httpx.QueryParams([pair])) for pair in sent)
        return self._show(
            self.http.post(form.action, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        )

    def signs_in(self, key: str, name: str = "Ada") -> Page:
        self.goes("/console/sign-in")
        return self.presses("Sign in", name=name, key=key)

    def _show(self, answer: httpx.Response) -> Page:
        while answer.is_redirect:
            answer = self.http.get(urljoin(str(answer.url), answer.headers["location"]))
        self.status, self.place = answer.status_code, str(answer.url.raw_path.decode())
        assert answer.headers["content-type"].startswith("text/html"), answer.text
        self.page = Page(answer.text)
        return self.page
