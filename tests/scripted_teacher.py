"""A teacher for the tests' shop that reads prompts as a model would and answers every step well."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.scripted_endpoint import Response

FENCED = re.compile(r"<(\w+)-([0-9a-f]{8})>\n(.*?)\n</\1-\2>", re.DOTALL)


def data_of(body: dict[str, Any]) -> dict[str, Any]:
    """The fenced data of a request's last message with any, by name."""
    found: dict[str, Any] = {}
    for message in body["messages"]:
        for name, _, text in FENCED.findall(message["content"]):
            found[name] = json.loads(text)
    return found


def good_answer(step: str, body: dict[str, Any]) -> dict[str, Any]:
    """What an able and honest teacher says."""
    data = data_of(body)
    if step == "profile":
        lines = sorted(data["history"], key=lambda line: -line["times"])
        shown = [{"what": line["item"].lower(), "lines": [line["line"]]} for line in lines[:4]]
        return {"long_term": shown[:3], "short_term": shown[3:], "preferences": [], "needs": []}
    if step == "choice":
        return {"reason": "the profile names it", "points": [int(n) for n in data["ad"]["selling_points"]]}
    lead = re.search(r"opens with selling point (\d+)", body["messages"][1]["content"])
    assert lead is not None
    point = data["ad"]["selling_points"][lead[1]]
    return {"title": f"{point[0].upper()}{point[1:]}: {data['ad']['title'].partition(':')[2].strip()}"}


def good_teacher(_: int, step: str, body: dict[str, Any]) -> Response:
    """The script of such a teacher."""
    return Response(good_answer(step, body))
