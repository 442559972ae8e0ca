"""Django: templates."""

KINDS = {"template"}


def call(_):
    from django.template.loader import render_to_string

    return render_to_string("page.html", {"n": 1})
