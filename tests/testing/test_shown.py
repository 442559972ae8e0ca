"""What a failing test says of a finding that has everything, and of one that has little."""

from pathlib import Path

from inprofile.core.model import Finding, Location
from inprofile.testing.shown import Shown, merged

SOURCE = """\
def names():
    posts = (
        Post.objects
        .filter(
            is_public=True,
        )
    )
    return [
        post.author.name
        for post in posts
    ]
"""


def finding(file, **more):
    return Finding(
        kind="n_plus_one",
        route="/posts/",
        statement="SELECT name FROM author WHERE id = ?",
        count=10,
        total_ns=1,
        evidence="10 runs for 10 different elements",
        fix='posts = posts.select_related(\n    "author",\n)',
        query=Location(file, 9, "names"),
        loop=Location(file, 8, "names"),
        where=Location(file, 3, "names"),
        relation="Post.author",
        **more,
    )


def test_everything_is_said_with_up_to_three_lines_of_source(tmp_path):
    file = tmp_path / "shop" / "views.py"
    file.parent.mkdir()
    file.write_text(SOURCE)
    assert (
        Shown(tmp_path).finding(finding(str(file)), 2)
        == """\
n_plus_one: 10 x SELECT name FROM author WHERE id = ?
  10 runs for 10 different elements in /posts/, in 2 requests or recordings
  loop      shop/views.py:8 in names
            |   return [
            |       post.author.name
            |       for post in posts
  query     shop/views.py:9 in names
            |   return [
            |       post.author.name
            |       for post in posts
  relation  Post.author
  fix       posts = posts.select_related(
                "author",
            )
  put it at shop/views.py:3 in names
            |   posts = (
            |       Post.objects
            |       .filter(
  ignore    # inprofile: ignore[n_plus_one] on the line of the loop or of the query, or
            @pytest.mark.inprofile(allow=["Post.author"]) on the test, or
            INPROFILE_IGNORE='Post.author route:/posts/' everywhere"""
    )


def test_what_is_not_known_is_not_said():
    little = Finding("slow_query", "block", "SELECT 1", 1, 0, "took 600 ms a run", "")
    assert (
        Shown(Path("/srv")).finding(little)
        == """\
slow_query: 1 x SELECT 1
  took 600 ms a run
  ignore    @pytest.mark.inprofile(allow=["slow_query"]) on the test, or
            INPROFILE_IGNORE='slow_query' everywhere"""
    )


def test_sources_that_are_gone_are_places_without_lines():
    text = Shown(Path("/srv")).finding(finding("/gone/views.py"))
    assert "  loop      /gone/views.py:8 in names\n  query     /gone/views.py:9" in text


def test_the_same_in_several_requests_is_said_once_with_the_largest_count():
    small, large = finding("/gone.py"), finding("/gone.py", elements=3)
    other = Finding("slow_query", "/", "SELECT 1", 1, 0, "", "")
    assert merged([small, other, large]) == [(small, 2), (other, 1)]
