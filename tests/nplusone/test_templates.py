"""Django's templates: the loop is the line of ``{% for %}``, the query that of the node."""

import asyncio
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.template import Context, Engine, Template
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext

from inprofile.testing import record
from tests.integrations.bookshop.models import Profile, Publisher, Volume, Writer
from tests.nplusone import shelf, shop_pages, shop_tags
from tests.nplusone.judging import findings, marked, place
from tests.nplusone.proxies import Chained, Titled
from tests.nplusone.shelf import COUNT, PROFILE, PUBLISHER, ROWS, WRITERS, judged

TEMPLATES = Path(__file__).with_name("templates")
LIBRARIES = {"shop": "tests.nplusone.shop_tags"}
LOADER = "django.template.loaders.filesystem.Loader"


@pytest.fixture(scope="module", autouse=True)
def _rows():
    with shelf.filled():
        yield


def an_engine(**options):
    return Engine(dirs=[str(TEMPLATES)], libraries=LIBRARIES, **options)


ENGINES = {
    "cached": an_engine(),
    "debug": an_engine(debug=True),
    "never cached": an_engine(loaders=[LOADER]),
}


@pytest.fixture(params=ENGINES, autouse=True)
def engine(request):
    return ENGINES[request.param]


def volumes():
    return Volume.objects.order_by("pk")


def houses():
    return Publisher.objects.order_by("pk")


def a_page(engine, name, **values):
    """A call that renders a template with values of its own: querysets are evaluated once."""

    def render():
        context = {key: value() for key, value in values.items()}
        return engine.get_template(name).render(Context(context))

    return render


NODES = [
    f"{name}.html"
    for name in ("for", "if", "inside_if", "with", "ifchanged", "regroup", "dictsort")
]
JOINED = {"volumes": lambda: volumes().select_related("publisher")}


@pytest.mark.parametrize("name", NODES)
def test_a_node_in_a_loop_is_the_query_and_the_loop_is_where_it_stands(name, engine):
    finding = judged(a_page(engine, name, volumes=volumes), TEMPLATES / name, **PUBLISHER)
    assert finding.loop.function == finding.query.function == name
    assert findings(a_page(engine, name, **JOINED)) == []


def test_the_part_that_is_included_is_the_query(engine):
    judged(
        a_page(engine, "include.html", volumes=volumes),
        TEMPLATES / "house.html",
        TEMPLATES / "include.html",
        **PUBLISHER,
    )
    assert findings(a_page(engine, "include.html", **JOINED)) == []


@pytest.mark.parametrize(
    ("name", "is_ignored"),
    [("ignored_loop", True), ("ignored_include", True), ("ignored_other", False)],
)
def test_a_comment_at_the_loop_or_the_query_is_heeded(name, is_ignored, engine):
    assert (findings(a_page(engine, f"{name}.html", volumes=volumes)) == []) is is_ignored


def test_rows_that_a_template_loads_are_loaded_where_it_is_rendered(engine):
    def run():
        page = engine.get_template("extends_row.html")
        page.render(Context({"volumes": volumes}))  # W

    (finding,) = findings(run)
    assert place(finding.where) == marked(run)["W"]


def test_one_part_in_two_loops_is_two_findings(engine):
    page = a_page(engine, "include_two.html", volumes=volumes, others=volumes)
    marks = marked(TEMPLATES / "include_two.html", TEMPLATES / "house.html")
    found = findings(page)
    assert [place(one.loop) for one in found] == [marks["L1"], marks["L2"]]
    assert [place(one.query) for one in found] == [marks["Q"]] * 2
    assert [one.count for one in found] == [ROWS] * 2


def test_one_part_in_two_loops_that_pass_once_is_silent(engine):
    one, other = (lambda: volumes()[:1]), (lambda: volumes()[1:2])
    assert findings(a_page(engine, "include_two.html", volumes=one, others=other)) == []


@pytest.mark.parametrize("name", ["straight.html", "straight_include.html"])
def test_nodes_without_a_loop_are_silent(name, engine):
    page = engine.get_template(name)
    context = Context(dict(zip("abcd", volumes(), strict=True)))
    assert len(shelf.statements(lambda: page.render(context))) == ROWS
    context = Context(dict(zip("abcd", volumes(), strict=True)))
    assert findings(lambda: page.render(context)) == []


def test_a_block_of_a_child_in_a_loop_of_its_parent(engine):
    judged(
        a_page(engine, "extends_row.html", volumes=volumes),
        TEMPLATES / "base.html",
        TEMPLATES / "extends_row.html",
        **PUBLISHER,
    )
    assert findings(a_page(engine, "extends_row.html", **JOINED)) == []


def test_a_loop_in_a_block_of_a_child(engine):
    page = a_page(engine, "extends_loop.html", these=volumes)
    judged(page, TEMPLATES / "extends_loop.html", **PUBLISHER)
    assert findings(a_page(engine, "extends_loop.html", these=JOINED["volumes"])) == []


def test_the_rows_that_an_inner_loop_asks_for_are_of_the_outer_one(engine):
    judged(a_page(engine, "nested.html", houses=houses), TEMPLATES / "nested.html", **WRITERS)
    fixed = a_page(engine, "nested.html", houses=lambda: houses().prefetch_related("writers"))
    assert findings(fixed) == []


def test_the_innermost_of_two_loops_is_named(engine):
    def prefetched():
        return houses().prefetch_related("writers")

    for writer in Writer.objects.all():
        twin = Writer.objects.create(name=f"{writer.name} II", publisher=writer.publisher)
        Profile.objects.create(writer=twin)
    try:
        page = a_page(engine, "inner.html", houses=prefetched)
        judged(page, TEMPLATES / "inner.html", times=2 * ROWS, **PROFILE)
        fixed = lambda: houses().prefetch_related("writers__profile")  # noqa: E731
        assert findings(a_page(engine, "inner.html", houses=fixed)) == []
    finally:
        Writer.objects.filter(name__endswith="II").delete()


@pytest.mark.parametrize(
    ("name", "mark"), [("filter.html", "Q"), ("tag.html", "Q2")], ids=["filter", "tag"]
)
def test_the_applications_function_below_a_node_is_the_query(name, mark, engine):
    (finding,) = findings(a_page(engine, name, volumes=volumes))
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert place(finding.query) == marked(shop_tags)[mark]
    assert place(finding.loop) == marked(TEMPLATES / name)["L"]


def test_a_filter_is_silent_where_its_rows_were_joined(engine):
    assert findings(a_page(engine, "filter.html", **JOINED)) == []


def test_an_inclusion_tags_template_is_the_query(engine):
    judged(
        a_page(engine, "inclusion_tag.html", volumes=volumes),
        TEMPLATES / "house.html",
        TEMPLATES / "inclusion_tag.html",
        **PUBLISHER,
    )


def test_a_loop_in_a_tag_of_the_applications_is_its_own(engine):
    judged(
        a_page(engine, "each.html", volumes=volumes),
        TEMPLATES / "each.html",
        shop_tags.Each.render,
        **PUBLISHER,
    )


def test_a_models_method_below_a_node_is_the_query(engine):
    judged(
        a_page(engine, "method.html", volumes=lambda: Titled.objects.order_by("pk")),
        Titled,
        TEMPLATES / "method.html",
        fix="in_bulk(ids)",
    )


def test_a_count_for_each_row_is_the_nodes(engine):
    run = a_page(engine, "count.html", volumes=volumes)
    judged(run, TEMPLATES / "count.html", relation="Volume.writers", **COUNT)


def test_two_operations_on_one_line_are_two_findings(engine):
    found = findings(a_page(engine, "many.html", volumes=volumes))
    marks = marked(TEMPLATES / "many.html")
    assert [(place(one.loop), place(one.query)) for one in found] == [(marks["L"], marks["Q"])] * 2
    assert len({one.statement for one in found}) == 2


def test_a_template_in_a_loop_of_the_views(engine):
    def render():
        template = engine.get_template("house.html")
        for volume in volumes():  # L
            template.render(Context({"p": volume}))

    judged(render, render, TEMPLATES / "house.html", **PUBLISHER)


def test_a_loop_of_a_template_in_a_loop_of_the_views(engine):
    def render():
        for house in houses():
            both = [*volumes().filter(publisher=house), *volumes().exclude(publisher=house)]
            engine.get_template("for.html").render(Context({"volumes": both}))

    found = findings(render)
    marks = marked(TEMPLATES / "for.html")
    (finding,) = [one for one in found if place(one.query) == marks["Q"]]
    assert (finding.count, place(finding.loop)) == (ROWS * ROWS, marks["L"])


def test_what_a_python_loop_asks_for_a_template_is_not_the_templates(engine):
    def render():
        volumes_of = []
        for house in houses():  # L
            volumes_of += volumes().filter(publisher=house)  # Q
        engine.get_template("for.html").render(Context({"volumes": []}))

    judged(render, render)


def test_prefetched_rows_are_silent_also_where_there_are_none(engine):
    def prefetched():
        return houses().prefetch_related("writers__profile")

    assert findings(a_page(engine, "nested.html", houses=prefetched)) == []
    assert findings(a_page(engine, "inner.html", houses=lambda: prefetched().none())) == []
    assert findings(a_page(engine, "inner.html", houses=prefetched)) == []


def test_a_template_without_a_file_has_lines_all_the_same(engine):
    text = "\n{% for p in volumes %}\n\n{{ p.publisher.name }}{% endfor %}"
    template = Template(text, engine=engine)
    (finding,) = findings(lambda: template.render(Context({"volumes": volumes()})))
    assert (finding.loop, finding.query) == (
        ("<unknown source>", 2, ""),
        ("<unknown source>", 4, ""),
    )


def test_a_template_made_anew_for_each_row_is_one_finding(engine):
    def render():
        for volume in volumes():  # L
            Template("{{ p.publisher.name }}", engine=engine).render(Context({"p": volume}))

    (finding,) = findings(render)
    assert (finding.count, place(finding.query)) == (ROWS, ("<unknown source>", 1))
    assert place(finding.loop) == marked(render)["L"]


def test_a_way_along_one_expression_is_no_loop(engine):
    template = Template("{{ p.next.next.next.next.title }}", engine=engine)
    first = Chained.objects.order_by("pk")[0]
    assert findings(lambda: template.render(Context({"p": first}))) == []


def settings_of(engine):
    options = {"loaders": engine.loaders, "libraries": LIBRARIES, "debug": engine.debug}
    backend = "django.template.backends.django.DjangoTemplates"
    return [{"BACKEND": backend, "DIRS": [str(TEMPLATES)], "OPTIONS": options}]


def test_a_page_of_a_generic_view_is_its_templates(engine):
    with override_settings(TEMPLATES=settings_of(engine), ROOT_URLCONF="tests.nplusone.shop_pages"):
        with CaptureQueriesContext(connection) as queries, record() as recording:
            answer = Client().get("/volumes/")
        assert b"house 3" in answer.content
        (finding,) = recording.findings
        assert finding.count == ROWS == len(queries) - 1
        marks = marked(TEMPLATES / "for.html")
        assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
        with record() as recording:
            Client().get("/volumes/joined/")
        assert recording.findings == []


@pytest.mark.parametrize(
    ("page", "mark"), [("", "W"), ("asked/", "W2"), ("modelled/", "W3"), ("given/", "")]
)
def test_the_rows_of_a_generic_view_are_loaded_where_it_says_them(page, mark, engine):
    site = override_settings(
        TEMPLATES=settings_of(engine), ROOT_URLCONF="tests.nplusone.shop_pages"
    )
    with site, record() as recording:
        Client().get(f"/volumes/{page}")
    (finding,) = recording.findings
    assert place(finding.where) == marked(shop_pages).get(mark)


def test_a_page_that_is_rendered_in_a_thread_for_a_coroutine_is_its_templates(engine):
    async def ask():
        answer = await AsyncClient().get("/volumes/")
        await sync_to_async(lambda: connection.close())()  # noqa: PLW0108 - the thread's own
        return answer

    with override_settings(TEMPLATES=settings_of(engine), ROOT_URLCONF="tests.nplusone.shop_pages"):
        with record() as recording:
            answer = asyncio.run(ask())
        assert b"house 3" in answer.content
    (finding,) = recording.findings
    marks = marked(TEMPLATES / "for.html")
    assert finding.count == ROWS
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])


class Branch:
    """A node of a tree whose children are asked for one by one."""

    def __init__(self, pk):
        self.pk = pk

    def children(self):
        found = Volume.objects.filter(pages=self.pk).values_list("pk", flat=True)
        assert list(found) == []  # Q
        return [Branch(one) for one in (2 * self.pk, 2 * self.pk + 1) if one < 16]


def test_a_template_that_includes_itself_is_one_finding(engine):
    page = engine.get_template("tree.html")
    run = lambda: page.render(Context({"node": Branch(1)}))  # noqa: E731
    assert len(shelf.statements(run)) == 15
    (finding,) = findings(run)
    assert finding.count in {15, 14}  # a template that is not cached is another one each time
    assert finding.count == 15 or engine is ENGINES["never cached"]
    assert place(finding.loop) == marked(TEMPLATES / "tree.html")["L"]
    assert place(finding.query) == marked(Branch)["Q"]
