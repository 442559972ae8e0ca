"""Kept traces as OpenTelemetry spans, beside those of other instrumentation."""
