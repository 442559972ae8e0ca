"""The kinds of request that are measured, by name."""

from benchmarks.overhead import django_apps, fastapi_apps

SCENARIOS = {
    scenario.name: scenario for scenario in (*fastapi_apps.SCENARIOS, *django_apps.SCENARIOS)
}
