"""A stage bar: its characters and its percentages add up."""

from hypothesis import given
from hypothesis import strategies as st

from inprofile.analysis.apportionment import percentages
from inprofile.analysis.stages import Stage
from inprofile.core.model import STAGES
from inprofile.report.bar import COLORS, drawn, legend, segments

TIMES = st.lists(st.integers(0, 10**12), min_size=1, max_size=len(STAGES)).filter(any)


def stages(times_ns):
    times_ns = sorted(times_ns, reverse=True)
    rows = zip(STAGES, times_ns, percentages(times_ns), strict=False)
    return [Stage(name, percent, ns, ns, 1, ns) for name, ns, percent in rows]


@given(TIMES, st.integers(1, 200))
def test_the_bar_is_as_wide_as_it_should_be_and_its_percentages_make_100(times_ns, width):
    parts = segments(stages(times_ns))
    assert round(sum(part.percent for part in parts), 6) == 100
    for color in (True, False):
        assert len(drawn(parts, width, color=color).plain) == width


def test_without_color_every_stage_is_a_letter_in_proportion():
    parts = segments(stages([50, 30, 20]))
    assert drawn(parts, 10, color=False).plain == "AAAAABBBCC"


def test_with_color_a_block_begins_with_its_letter():
    bar = drawn(segments(stages([50, 30, 20])), 10, color=True)
    assert bar.plain == "A    B  C "
    assert [str(span.style) for span in bar.spans] == [
        f"black on {COLORS[stage]}" for stage in STAGES[:3]
    ]


def test_small_stages_share_a_segment_when_there_are_several():
    parts = segments(stages([9950, 30, 20]))
    assert [(part.letter, part.name, part.percent) for part in parts] == [
        ("A", "queue", 99.5),
        ("+", "2 smaller", 0.5),
    ]
    assert [part.name for part in segments(stages([9990, 10]))] == ["queue", "receive"]


def test_the_legend_says_percent_and_time_beside_each_letter():
    parts = segments(stages([60_000_000, 40_000_000, 0]))
    (line,) = legend(parts[:2], 80, color=False)
    assert line.plain == "A queue            60.0 %   60.0 ms   B receive          40.0 %   40.0 ms"
    assert len(list(legend(parts, 40, color=False))) == len(parts)


def test_every_stage_has_a_color_of_its_own():
    assert list(COLORS) == list(STAGES)
    assert len(set(COLORS.values())) == len(STAGES)
