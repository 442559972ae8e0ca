"""A finding as OpenTelemetry's event."""

from inprofile.core.finding_event import NAME, attributes
from inprofile.core.model import Finding, Location


def test_all_that_is_known_is_a_plain_attribute():
    finding = Finding(
        kind="n_plus_one",
        route="/posts",
        statement="SELECT * FROM author WHERE id = ?",
        count=100,
        total_ns=42_000,
        evidence="100 runs for 100 different elements",
        fix='select_related("author")',
        query=Location("/srv/views.py", 9, "name"),
        loop=Location("/srv/views.py", 5, "posts"),
        where=Location("/srv/views.py", 4, "posts"),
        relation="Post.author",
        operation="read",
        elements=100,
        share=0.42,
        saving_ns=(20_000, 40_000),
        severity="low",
    )
    assert NAME == "inprofile.finding"
    assert attributes(finding) == {
        "inprofile.finding.kind": "n_plus_one",
        "inprofile.finding.count": 100,
        "inprofile.finding.duration_ns": 42_000,
        "inprofile.finding.severity": "low",
        "inprofile.finding.statement": "SELECT * FROM author WHERE id = ?",
        "inprofile.finding.relation": "Post.author",
        "inprofile.finding.operation": "read",
        "inprofile.finding.elements": 100,
        "inprofile.finding.share": 0.42,
        "inprofile.finding.evidence": "100 runs for 100 different elements",
        "inprofile.finding.fix": 'select_related("author")',
        "inprofile.finding.saving.min_ns": 20_000,
        "inprofile.finding.saving.max_ns": 40_000,
        "code.file.path": "/srv/views.py",
        "code.line.number": 9,
        "code.function.name": "name",
        "inprofile.finding.loop.file.path": "/srv/views.py",
        "inprofile.finding.loop.line.number": 5,
        "inprofile.finding.loop.function.name": "posts",
        "inprofile.finding.where.file.path": "/srv/views.py",
        "inprofile.finding.where.line.number": 4,
        "inprofile.finding.where.function.name": "posts",
    }


def test_what_is_not_known_is_left_out():
    assert attributes(Finding("slow_query", "/", "", 1, 900, "", "")) == {
        "inprofile.finding.kind": "slow_query",
        "inprofile.finding.count": 1,
        "inprofile.finding.duration_ns": 900,
    }
