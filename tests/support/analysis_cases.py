"""The questions of tests/cases/analysis, and what is said to them: for the goldens and for who writes them anew."""

import json
from pathlib import Path

from emulator.analysis import reach
from emulator.report import analysis, insights, survey
from tests.support.asked import ask, read

FOLDER = Path(__file__).parents[1] / "cases/analysis"
STARTED = "2026-01-01T00:00:00+00:00"

# Source, target, port: 0 is a ping.
QUESTIONS = {
    "through-the-nat-gateway": ("app", "client.example", 443),
    "from-the-internet": ("client.example", "web", 80),
    "by-prefix-list": ("partner.example", "web", 22),
    "no-rule": ("client.example", "web", 22),
    "by-reference": ("web", "app", 8080),
    "some-ports-pass": ("app", "db", 5432),
    "five-reasons": ("web", "db", 22),
    "blackhole": ("app", "partner.example", 443),
    "no-public-ip": ("client.example", "app", 8080),
    "unsolicited": ("client.example", "203.0.113.9", 443),
    "ping": ("app", "web", 0),
    "a-service-of-awss": ("db", "169.254.169.254", 80),
}


def goldens() -> dict[str, str]:
    """File name -> content."""
    text = (FOLDER / "lab.yaml").read_text()
    topology, addresses = read(text)
    found: dict[str, str] = {}
    for name, (source, target, port) in QUESTIONS.items():
        answer = ask(text, source, target, port)
        found[f"{name}.txt"] = "\n".join(analysis.render(answer, target, "lab.yaml")) + "\n"
        shape = insights.analyses([answer], [target], topology, "lab.yaml", STARTED)
        found[f"{name}.json"] = json.dumps(shape, indent=2) + "\n"
    whole = reach.survey(topology, addresses)
    found["all.txt"] = "\n".join(survey.survey(whole)) + "\n"
    found["all.json"] = json.dumps(survey.survey_shape(whole, topology.name, "lab.yaml"), indent=2) + "\n"
    return found
