"""Every option: from the environment, from an argument, and what is said of nonsense."""

import re
import warnings
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from inprofile.objectives import FILE_GRAMMAR, Objective, RouteObjectives
from inprofile.objectives import GRAMMAR as OBJECTIVES
from inprofile.patterns import GRAMMAR, Pattern, Term
from inprofile.settings import OPTIONS, Settings, SettingsError, variable

patient = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    """The tests' own environment has settings for the tests of everything else."""
    monkeypatch.delenv("INPROFILE_LOOP_BLOCK_MS")


DEFAULTS = {
    "enabled": True,
    "sample_rate": 0.01,
    "tracing": False,
    "slow_ms": 1000.0,
    "log_findings": True,
    "service": "",
    "service_version": "",
    "group": "",
    "dir": None,
    "metrics_path": "/metrics",
    "metrics_port": 0,
    "metrics_host": "127.0.0.1",
    "slo_ms": (),
    "slo": (),
    "slo_file": None,
    "otel": (),
    "otel_strict": False,
    "nplusone_min": 0,
    "ignore": (),
    "app_paths": (),
    "loop": True,
    "loop_block_ms": 50.0,
    "max_spans": 1000,
    "max_traces": 2000,
    "max_route_traces": 100,
    "max_store_mb": 64,
    "max_cells_mb": 24,
    "strict": True,
}

READ = [
    ("enabled", "0", False),
    ("enabled", "Yes", True),
    ("enabled", " off ", False),
    ("sample_rate", "1", 1.0),
    ("sample_rate", "0.25", 0.25),
    ("tracing", "on", True),
    ("slow_ms", "0", 0.0),
    ("log_findings", "off", False),
    ("slow_ms", "2.5e2", 250.0),
    ("service", "shop", "shop"),
    ("service_version", "1.2", "1.2"),
    ("group", "blue", "blue"),
    ("dir", "/srv/inprofile", Path("/srv/inprofile")),
    ("dir", "~/x", Path.home() / "x"),
    ("dir", "", None),
    ("metrics_path", "/internal/metrics/", "/internal/metrics"),
    ("metrics_path", "/", "/"),
    ("metrics_path", "", ""),
    ("metrics_port", "9464", 9464),
    ("metrics_host", "::1", "::1"),
    ("loop", "off", False),
    ("loop_block_ms", "20", 20.0),
    ("slo_ms", "200, 50,,50", (50.0, 200.0)),
    ("slo_ms", "", ()),
    ("slo", "Errors < 0.5 %", (Objective("errors<0.5%", 0.5, None),)),
    ("slo", "", ()),
    ("slo_file", "", None),
    ("otel", "spans, Metrics", ("metrics", "spans")),
    ("otel", "", ()),
    ("otel_strict", "on", True),
    ("nplusone_min", "10", 10),
    ("ignore", "", ()),
    ("ignore", "n_plus_one", (Pattern("n_plus_one", (Term("kind", "n_plus_one"),)),)),
    (
        "ignore",
        " Post.* , route:/admin/*  kind:repeated_query,file:*/legacy/*.py",
        (
            Pattern("Post.*", (Term("relation", "Post.*"),)),
            Pattern(
                "route:/admin/* kind:repeated_query",
                (Term("route", "/admin/*"), Term("kind", "repeated_query")),
            ),
            Pattern("file:*/legacy/*.py", (Term("file", "*/legacy/*.py"),)),
        ),
    ),
    ("app_paths", "/srv/app, ~/shop", ("/srv/app", str(Path.home() / "shop"))),
    ("app_paths", "", ()),
    ("max_spans", "1", 1),
    ("max_traces", "1000000", 1_000_000),
    ("max_route_traces", "7", 7),
    ("max_store_mb", "1", 1),
    ("max_cells_mb", "4", 4),
    ("strict", "false", False),
]

REFUSED = [
    ("metrics_port", "-1", "a whole number from 0 to 65535"),
    ("metrics_port", "65536", "a whole number from 0 to 65535"),
    ("metrics_host", " ", "an address or the name of one"),
    ("metrics_host", "a b", "an address or the name of one"),
    ("loop", "maybe", "1, true, yes, on, 0, false, no or off"),
    ("loop_block_ms", "1", "a number from 5 to 60000"),
    ("enabled", "maybe", "1, true, yes, on, 0, false, no or off"),
    ("enabled", "", "1, true, yes, on, 0, false, no or off"),
    ("sample_rate", "1.5", "a number from 0 to 1"),
    ("sample_rate", "nan", "a number from 0 to 1"),
    ("sample_rate", "", "a number from 0 to 1"),
    ("tracing", "w3c", "1, true, yes, on, 0, false, no or off"),
    ("slow_ms", "-1", "a number from 0 to 1e+09"),
    ("slow_ms", "inf", "a number from 0 to 1e+09"),
    ("slow_ms", "1s", "a number from 0 to 1e+09"),
    ("log_findings", "quietly", "1, true, yes, on, 0, false, no or off"),
    ("dir", "~nobody-of-this-name/x", "a path"),
    ("dir", "a\0b", "a path"),
    ("metrics_path", "metrics", "a path that starts with /, or nothing"),
    ("otel", "logs", "metrics, spans, both separated by a comma, or nothing"),
    ("otel_strict", "maybe", "1, true, yes, on, 0, false, no or off"),
    ("slo_ms", "0", "up to 20 numbers of milliseconds above 0, separated by commas"),
    ("slo_ms", "nan", "up to 20 numbers of milliseconds above 0, separated by commas"),
    ("slo_ms", "1;2", "up to 20 numbers of milliseconds above 0, separated by commas"),
    (
        "slo_ms",
        ",".join(map(str, range(1, 22))),
        "up to 20 numbers of milliseconds above 0, separated by commas",
    ),
    ("slo", "p95<300", f"{OBJECTIVES} ('p95<300' is no objective)"),
    ("slo", "p95<1s,errors<1%,p95<2s", f"{OBJECTIVES} (p95 has two objectives)"),
    ("slo", "p0<1s", f"{OBJECTIVES} ('p0<1s' promises nothing: a quantile is above p0)"),
    ("slo", "p50<0ms", f"{OBJECTIVES} ('p50<0ms' is not above 0 ms and at most 100 s)"),
    (
        "slo",
        "errors<100%",
        f"{OBJECTIVES} ('errors<100%' allows none or all to fail: above 0 % and below 100 %)",
    ),
    (
        "slo_file",
        "/nowhere.toml",
        f"{FILE_GRAMMAR} ([Errno 2] No such file or directory: '/nowhere.toml')",
    ),
    ("nplusone_min", "-1", "a whole number from 0 to 1000000"),
    (
        "ignore",
        "n_plus_on",
        (
            f"{GRAMMAR} ('n_plus_on' is neither a kind (did you mean n_plus_one?) nor a relation "
            "such as Post.author or Post.*, and for others there are route:/admin/* or "
            "file:*/legacy/*.py)"
        ),
    ),
    (
        "ignore",
        "Post.*, path:/admin",
        (
            f"{GRAMMAR} ('path:/admin' begins with no known word: "
            "there are kind:, relation:, route:, file:)"
        ),
    ),
    (
        "ignore",
        "kind:http_nplusone",
        (
            f"{GRAMMAR} (there is no kind 'http_nplusone' (did you mean http_n_plus_one?): there "
            "are n_plus_one, repeated_query, http_n_plus_one, cache_n_plus_one, unused_eager_load, "
            "slow_query, blocked_event_loop, sync_io_on_loop)"
        ),
    ),
    (
        "ignore",
        "route:",
        f"{GRAMMAR} ('route:' says nothing behind the colon, and route:* is all of them)",
    ),
    ("app_paths", "shop", "absolute paths, separated by commas"),
    ("max_spans", "0", "a whole number from 1 to 100000"),
    ("max_spans", "2.0", "a whole number from 1 to 100000"),
    ("max_spans", "9" * 5_000, "a whole number from 1 to 100000"),
    ("max_traces", "0", "a whole number from 1 to 1000000"),
    ("max_route_traces", "many", "a whole number from 1 to 1000000"),
    ("max_store_mb", "0", "a whole number from 1 to 100000"),
    ("max_cells_mb", "3", "a whole number from 4 to 1024"),
    ("strict", "perhaps", "1, true, yes, on, 0, false, no or off"),
]


def short(value):
    return repr(value)[:30] if isinstance(value, (str, bool)) else None


def load(environment=None, **given):
    return Settings.load(environment or {}, **given)


def refusal(environment=None, **given):
    with pytest.raises(SettingsError) as raised:
        load(environment, **given)
    return str(raised.value)


# Reading


def test_without_anything_said_the_defaults_hold():
    assert asdict(load()) == DEFAULTS


def test_every_option_has_a_line_of_documentation_and_is_read_below():
    assert list(OPTIONS) == list(DEFAULTS)
    assert all(option.metadata["doc"].endswith(".") for option in OPTIONS.values())
    assert {name for name, _, _ in READ} == set(OPTIONS)
    assert {name for name, _, _ in REFUSED} == set(OPTIONS) - {
        "service",
        "service_version",
        "group",
    }


@pytest.mark.parametrize(("name", "text", "value"), READ, ids=short)
def test_an_option_is_read_from_its_variable(name, text, value):
    assert asdict(load({variable(name): text})) == DEFAULTS | {name: value}


@pytest.mark.parametrize(("name", "text", "value"), READ, ids=short)
def test_an_option_is_read_from_its_argument(name, text, value):
    assert asdict(load(**{name: text})) == DEFAULTS | {name: value}
    if value is not None:
        assert asdict(load(**{name: value})) == DEFAULTS | {name: value}


def test_the_environment_wins_over_the_argument():
    settings = load({"INPROFILE_SLOW_MS": "5", "INPROFILE_ENABLED": "0"}, slow_ms=7, enabled=True)
    assert (settings.slow_ms, settings.enabled) == (5.0, False)


def test_the_process_environment_is_read_when_none_is_given(monkeypatch):
    monkeypatch.setenv("INPROFILE_SLOW_MS", "123")
    assert Settings.load().slow_ms == 123.0


def test_the_services_name_defaults_to_opentelemetrys():
    theirs = {"OTEL_SERVICE_NAME": "shop"}
    assert load(theirs).service == "shop"
    assert load(theirs, service="mail").service == "mail"
    assert load(theirs | {"INPROFILE_SERVICE": "web"}, service="mail").service == "web"


def test_the_version_of_the_service_is_opentelemetrys_unless_it_is_said():
    theirs = {"OTEL_RESOURCE_ATTRIBUTES": "a=b, service.version = 1.2%2B5 ,c"}
    assert load(theirs).service_version == "1.2+5"
    assert load(theirs | {"INPROFILE_SERVICE_VERSION": "2"}).service_version == "2"
    assert load({}).service_version == ""


def test_other_variables_are_nobodys_business():
    assert asdict(load({"INPROFILER": "x", "PATH": "y", "XINPROFILE_DIR": "z"})) == DEFAULTS


def test_settings_do_not_change_afterwards():
    with pytest.raises(FrozenInstanceError):
        load().enabled = False


# Mistakes


@pytest.mark.parametrize(("name", "text", "allowed"), REFUSED, ids=short)
def test_a_bad_variable_names_itself_its_value_and_what_is_allowed(name, text, allowed):
    said = f"inprofile: {variable(name)}={text!r} is not allowed: {variable(name)} takes {allowed}"
    assert refusal({variable(name): text}) == said


@pytest.mark.parametrize(("name", "text", "allowed"), REFUSED, ids=short)
def test_a_bad_argument_names_itself_its_value_and_what_is_allowed(name, text, allowed):
    said = f"inprofile: {name}={text!r} is not allowed: {variable(name)} takes {allowed}"
    assert refusal(**{name: text}) == said


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("INPROFILE_SLOWMS", "INPROFILE_SLOW_MS"),
        ("INPROFILE_SAMPLING_RATE", "INPROFILE_SAMPLE_RATE"),
        ("INPROFILE_METRIC_PATH", "INPROFILE_METRICS_PATH"),
        ("INPROFILE_max-spans", "INPROFILE_MAX_SPANS"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_one(name, suggestion):
    assert refusal({name: "1"}) == (
        f"inprofile: {name} is not a setting (did you mean {suggestion}?)"
    )


@pytest.mark.parametrize("name", ["INPROFILE_", "INPROFILE_QQQQ"])
def test_an_unknown_variable_like_no_other_is_refused_with_all_there_are(name):
    every = ", ".join(map(variable, OPTIONS))
    assert refusal({name: "1"}) == f"inprofile: {name} is not a setting (there are {every})"


def test_an_unknown_argument_is_refused_with_the_nearest_one():
    assert refusal(slow_m=1) == (
        "inprofile: instrument() has no setting 'slow_m' (did you mean INPROFILE_SLOW_MS?)"
    )


def test_every_mistake_is_told_at_once():
    said = refusal({"INPROFILE_SLOW_MS": "x", "INPROFILE_DIRR": "/"}, max_spans=0)
    assert [re.split("[= ]", problem)[0] for problem in said.split("; ")] == [
        "inprofile:",
        "INPROFILE_SLOW_MS",
        "INPROFILE_DIRR",
    ]


def test_not_strict_turns_all_mistakes_into_one_warning_and_uses_the_rest():
    environment = {
        "INPROFILE_STRICT": "0",
        "INPROFILE_SLOW_MS": "x",
        "INPROFILE_DIRR": "/",
        "INPROFILE_MAX_SPANS": "50",
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        settings = load(environment, sample_rate=2, slo_ms=(5,))
    assert [warning.category for warning in caught] == [RuntimeWarning]
    assert len(str(caught[0].message).split("; ")) == 3
    assert asdict(settings) == DEFAULTS | {"strict": False, "max_spans": 50, "slo_ms": (5.0,)}


def test_strictness_that_is_nonsense_is_strict():
    assert "INPROFILE_STRICT='2'" in refusal({"INPROFILE_STRICT": "2"})


def test_a_bad_variable_does_not_bring_back_what_the_argument_said_silently():
    assert "INPROFILE_SLOW_MS='x'" in refusal({"INPROFILE_SLOW_MS": "x"}, slow_ms=5)


def test_what_objectives_promise_about_is_counted_exactly():
    settings = load({"INPROFILE_SLO": "P95 < 300 ms, p99.9<1.5s,errors<1%"}, slo_ms=(5, 300))
    assert settings.slo == (
        Objective("p95<300ms", 5, 300),
        Objective("p99.9<1.5s", 0.1, 1500),
        Objective("errors<1%", 1, None),
    )
    assert settings.slo_ms == (5, 300, 1500)


PER_ROUTE = """
[routes]
"/orders" = "p95<300ms, errors<1%"
"/archive" = "p50<2s"
"""


def test_objectives_per_route_stand_in_a_file_and_their_thresholds_are_counted_exactly(tmp_path):
    file = tmp_path / "slo.toml"
    file.write_text(PER_ROUTE)
    settings = load({"INPROFILE_SLO": "p99<0.1s"}, slo_file=file, slo_ms=(5,))
    routes = (
        ("/orders", (Objective("p95<300ms", 5, 300), Objective("errors<1%", 1, None))),
        ("/archive", (Objective("p50<2s", 50, 2000),)),
    )
    assert settings.slo_file == RouteObjectives(str(file), routes)
    assert settings.slo_ms == (5, 100, 300, 2000)
    assert load({}, slo=settings.slo, slo_file=settings.slo_file, slo_ms=(5,)) == settings


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("routes = 5", "it has no routes where [routes] should be"),
        ("[route]", "it has route where [routes] should be"),
        ("[routes]", "it has no routes where [routes] should be"),
        ('[routes]\n"/a" = 5', "'/a' has no text"),
        ('[routes]\n"/a" = ""', "'/a' has no objective"),
        ('[routes]\n"/a" = "p95"', "'/a': 'p95' is no objective"),
        ("[routes", "Expected ']' at the end of a table declaration (at end of document)"),
    ],
)
def test_a_file_of_objectives_that_makes_no_sense_is_refused(tmp_path, text, why):
    file = tmp_path / "slo.toml"
    file.write_text(text)
    assert refusal({"INPROFILE_SLO_FILE": str(file)}) == (
        f"inprofile: INPROFILE_SLO_FILE={str(file)!r} is not allowed: "
        f"INPROFILE_SLO_FILE takes {FILE_GRAMMAR} ({why})"
    )


def test_thresholds_have_one_bound_wherever_they_come_from():
    many = ",".join(map(str, range(1, 21)))
    said = refusal({"INPROFILE_SLO": "p95<21ms", "INPROFILE_SLO_MS": many})
    assert said == (
        "inprofile: INPROFILE_SLO, INPROFILE_SLO_FILE and INPROFILE_SLO_MS have 21 different "
        "thresholds: 20 are allowed"
    )


def said_of(environment, **given):
    """What is said of settings: nothing when they load."""
    try:
        load(environment, **given)
    except SettingsError as error:
        return str(error)
    return ""


@patient
@given(st.sampled_from(list(OPTIONS)), st.text())
@example("dir", "~\0")
@example("dir", "~root\0/x")
@example("slo_ms", "1e-320")
@example("max_spans", "\u0661")  # a digit to int(), and one in the range
def test_no_text_does_anything_but_load_or_be_refused(name, text):
    said = said_of({variable(name): text})
    assert not said or (variable(name) in said and repr(text) in said)


@patient
@given(st.text())
def test_no_name_does_anything_but_load_or_be_refused(name):
    known = name.lower() in OPTIONS
    if not known:
        assert f"INPROFILE_{name} is not a setting" in refusal({f"INPROFILE_{name}": "1"})


@patient
@given(
    st.sampled_from(list(OPTIONS)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.lists(st.floats()),
)
def test_no_argument_does_anything_but_load_or_be_refused(name, value):
    said = said_of({}, **{name: value})
    assert not said or variable(name) in said
