"""The two ways to measure a program without a line in it."""

import sys

RUN = ("inprofile", "run", "--", sys.executable, "-m")
OPENTELEMETRY = ("tests.launching.opentelemetry_instrument", sys.executable, "-m")
"""What stands between ``python -m`` and the module that is to run."""

OTHERS = "aiohttp-client,celery,httpx,psycopg,psycopg2,pymongo,redis,requests,sqlalchemy,urllib3"
"""OpenTelemetry's own instrumentations that servers can do without, which take long to load."""
