"""What can be said without Docker of the files for those who have it."""

import re

import pytest
import yaml

from tests.dashboards.boards import FILES, HERE, RULES, boards
from tests.promtool import promtool

__all__ = ["promtool"]

COMPOSE = HERE / "compose.yaml"
SOURCES = HERE / "compose" / "grafana" / "datasources" / "inprofile.yaml"
PROVIDERS = HERE / "compose" / "grafana" / "dashboards" / "inprofile.yaml"
PROMETHEUS = HERE / "prometheus" / "prometheus.yml"


def parsed(file):
    return yaml.safe_load(file.read_text("utf-8"))


def services():
    return parsed(COMPOSE)["services"]


@pytest.mark.parametrize(
    "file",
    [*HERE.rglob("*.yaml"), *HERE.rglob("*.yml")],
    ids=lambda file: str(file.relative_to(HERE)),
)
def test_every_file_is_yaml(file):
    assert isinstance(parsed(file), dict)


def test_every_image_is_pinned():
    pinned = r"^[\w./-]+:v?\d+\.\d+\.\d+$"
    images = [service["image"] for service in services().values() if "image" in service]
    assert len(images) == 4
    assert [image for image in images if not re.match(pinned, image)] == []
    docker = (HERE / "compose" / "app.Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)$", docker, re.MULTILINE) == ["python:3.12.11-slim-bookworm"]


def test_every_mounted_and_copied_file_is_there():
    for service in services().values():
        for volume in service.get("volumes", ()):
            assert (HERE / volume.split(":")[0]).exists(), volume
        if "build" in service:
            context = HERE / service["build"]["context"]
            docker = context / service["build"]["dockerfile"]
            for line in re.findall(r"^COPY (.+) \S+$", docker.read_text(), re.MULTILINE):
                assert all((context / name).exists() for name in line.split())


def test_every_address_is_that_of_a_service():
    files = [COMPOSE, SOURCES, PROMETHEUS, *(HERE / "compose").glob("*.yaml")]
    hosts = {
        host
        for file in files
        for host in re.findall(r"(?:http://|endpoint: |\[\")([a-z]+):\d+", file.read_text())
    }
    assert hosts - {"localhost"} == {"app", "collector", "prometheus", "tempo"}
    assert hosts - {"localhost"} <= services().keys()


def test_prometheus_takes_its_configuration(promtool, tmp_path):
    (tmp_path / RULES.name).write_text(RULES.read_text())
    assert "SUCCESS" in promtool.check("config", PROMETHEUS.read_text(), "prometheus.yml")


def test_objectives_of_the_app_are_those_of_the_rules():
    promised = services()["app"]["environment"]["INPROFILE_SLO"]
    recorded = {
        rule["labels"]["slo"]
        for group in parsed(RULES)["groups"]
        for rule in group["rules"]
        if "slo" in rule.get("labels", ())
    }
    assert set(promised.split(",")) == recorded


def test_an_exemplar_leads_to_tempo_and_the_dashboards_find_their_data_sources():
    sources = {source["type"]: source for source in parsed(SOURCES)["datasources"]}
    (link,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert (link["name"], link["datasourceUid"]) == ("trace_id", sources["tempo"]["uid"])
    for board in boards().values():
        wanted = {
            each["query"] for each in board["templating"]["list"] if each["type"] == "datasource"
        }
        assert wanted == sources.keys()


def test_grafana_reads_the_directory_into_which_the_dashboards_are_mounted():
    (provider,) = parsed(PROVIDERS)["providers"]
    mounted = dict(volume.split(":")[:2] for volume in services()["grafana"]["volumes"])
    assert mounted["./grafana"] == provider["options"]["path"]
    assert {file.parent for file in FILES} == {HERE / "grafana"}
