"""What Sentry would have sent, without what differs from run to run."""

import re
from pathlib import Path
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.fastapi import FastApiIntegration
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from sentry_sdk.transport import Transport

import inprofile

OURS = str(Path(inprofile.__file__).parent)
PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")
INTEGRATIONS: dict[str, Any] = {
    "django": [DjangoIntegration],
    "flask": [FlaskIntegration],
    "fastapi": [FastApiIntegration, StarletteIntegration],
}


def is_ours(frame: dict[str, Any]) -> bool:
    return frame["abs_path"].startswith(OURS)


class Reported(Transport):
    """Keeps what it is to send."""

    def __init__(self, options=None):
        super().__init__(options)
        self.sent: list = []

    def capture_envelope(self, envelope):
        self.sent += [item.payload.json for item in envelope.items if item.payload.json]

    def taken(self):
        """What was sent since the last time."""
        sent, self.sent = self.sent, []
        return [plain(event) for event in sent]


def start(framework):
    """Sentry with all it has for a framework and with what it finds installed."""
    reported = Reported()
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:1/1",
        transport=reported,
        traces_sample_rate=1.0,
        integrations=[integration() for integration in INTEGRATIONS[framework]],
        trace_propagation_targets=[],
        auto_session_tracking=False,
    )
    return reported


def stop():
    """Sentry sends nothing more; what it has put in place stays."""
    sentry_sdk.init()


def plain(event):
    spans = [
        [span["op"], PORT.sub("PORT", span.get("description") or ""), span.get("status")]
        for span in event.get("spans", ())
    ]
    errors = [
        [
            error["type"],
            error["value"],
            error["mechanism"]["type"],
            [
                [frame["abs_path"], frame["function"], frame["lineno"], frame.get("in_app")]
                for frame in error["stacktrace"]["frames"]
                if not is_ours(frame)
            ],
        ]
        for error in event.get("exception", {}).get("values", ())
    ]
    crumbs = [
        [crumb["category"], PORT.sub("PORT", crumb.get("message") or ""), crumb["level"]]
        for crumb in event.get("breadcrumbs", {}).get("values", ())
    ]
    trace = event["contexts"]["trace"]
    return {
        "type": event.get("type"),
        "transaction": event.get("transaction"),
        "info": event.get("transaction_info"),
        "operation": [trace.get("op"), trace.get("status"), trace.get("origin")],
        "request": event.get("request"),
        "spans": spans,
        "errors": errors,
        "breadcrumbs": crumbs,
    }
