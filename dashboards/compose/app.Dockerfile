# The examples with inprofile from this repository.
FROM python:3.12.11-slim-bookworm
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir ".[demo]" "opentelemetry-exporter-otlp-proto-http>=1.27,<2"
COPY examples examples
USER nobody
