"""Jinja2: each rendering by the template's name, and otherwise the library as it is."""

import asyncio
import time
import traceback

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined, TemplateError, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans

TEMPLATES = {
    "page.html": """{% extends "layout.html" %}
{% from "macros.html" import bold %}
{% block content %}{{ bold(value) }}{% include "part.html" %}{% endblock %}""",
    "layout.html": "<body>{% block content %}{% endblock %}</body>",
    "macros.html": "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}",
    "part.html": "{{ value|upper }}",
    "broken.html": "fine\n{{ value.nothing.more }}\n",
    "calls.html": "{{ call() }}",
}


def environment(**options):
    return Environment(
        loader=DictLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, **options
    )


def test_a_template_is_one_span_with_what_it_extends_imports_and_includes(recorded):
    page = environment().get_template("page.html")
    with inprofile.job("work"):
        assert page.render(value="<x>") == "<body><b>&lt;x&gt;</b>&lt;X&gt;</body>"
    assert spans(recorded.trace) == [("template", "page.html", "work", 1)]


def test_a_template_without_a_name_is_a_string(recorded):
    with inprofile.job("work"):
        assert environment().from_string("{{ 1 + 1 }}").render() == "2"
    assert spans(recorded.trace) == [("template", "<string>", "work", 1)]


def test_a_template_that_is_awaited_is_timed_while_it_renders(recorded):
    async def value():
        await asyncio.sleep(0.01)
        return "x"

    async def render():
        template = environment(enable_async=True).get_template("calls.html")
        with inprofile.job("work"):
            return await template.render_async(call=value)

    assert asyncio.run(render()) == "x"
    assert spans(recorded.trace) == [("template", "calls.html", "work", 1)]
    assert recorded.trace.stages["template"] > 10_000_000


def test_templates_that_are_awaited_at_once_add_up(recorded):
    async def value():
        await asyncio.sleep(0.005)
        return "x"

    async def render():
        template = environment(enable_async=True).get_template("calls.html")
        with inprofile.job("work"):
            return await asyncio.gather(*(template.render_async(call=value) for _ in range(5)))

    assert asyncio.run(render()) == ["x"] * 5
    trace = recorded.trace
    assert spans(trace) == [("template", "calls.html", "work", 1)] * 5
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_template_that_renders_another_is_one_span(recorded):
    env = environment()
    inner = env.get_template("part.html")
    with inprofile.job("work"):
        outer = env.get_template("calls.html")
        assert outer.render(call=lambda: inner.render(value="x")) == "X"
    assert spans(recorded.trace) == [("template", "calls.html", "work", 1)]


def test_what_a_template_calls_is_below_it(recorded):
    def call():
        with inprofile.span("query", kind="db"):
            time.sleep(0.01)

    with inprofile.job("work"):
        environment().get_template("calls.html").render(call=call)
    trace = recorded.trace
    assert spans(trace) == [
        ("template", "calls.html", "work", 1),
        ("db", "query", "calls.html", 1),
    ]
    assert trace.stages["db"] > 10_000_000


def test_a_sandboxed_template_is_timed_too(recorded):
    with inprofile.job("work"):
        assert SandboxedEnvironment().from_string("{{ 1 }}").render() == "1"
    assert spans(recorded.trace) == [("template", "<string>", "work", 1)]


def test_a_template_that_fails_says_with_what(recorded):
    with inprofile.job("work"), pytest.raises(UndefinedError):
        environment().get_template("broken.html").render(value=1)
    seen = [(span.name, span.error) for span in recorded.trace.spans if span.kind == "template"]
    assert seen == [("broken.html", "UndefinedError")]


def results():
    """What a user can see of renderings: texts, errors and where the templates failed."""
    env = environment()
    seen = [
        env.get_template("page.html").render({"value": "<x>"}),
        env.get_template("page.html").render(value=1),
        env.from_string("{{ self_ }}{{ template }}").render(self_=1, template=2),
        "".join(env.get_template("part.html").generate(value="x")),
        asyncio.run(
            environment(enable_async=True).get_template("part.html").render_async(value="x")
        ),
        environment(enable_async=True).get_template("part.html").render(value="x"),
        str(env.get_template("macros.html").module.bold("x")),
    ]
    for name, values in (("broken.html", {"value": 1}), ("broken.html", {}), ("no.html", {})):
        with pytest.raises(TemplateError) as error:
            env.get_template(name).render(values)
        frames = traceback.extract_tb(error.value.__traceback__)
        seen += [
            (type(error.value), str(error.value)),
            [(frame.filename, frame.lineno) for frame in frames if "template" in frame.filename],
        ]
    with pytest.raises(ZeroDivisionError) as divided:
        env.from_string("{{ 1 // 0 }}").render()
    return [*seen, divided.value.args]


def test_texts_errors_and_template_lines_are_the_librarys_own():
    inprofile.uninstrument()
    without = results()
    with record(), inprofile.job("work"):
        within = results()
    assert within == without
    assert [("<template>", 2)] in within
