"""Jinja2."""

KINDS = {"template"}


def call(_):
    from jinja2 import Environment

    return Environment(autoescape=True).from_string("{{ a }}").render(a=1)
