"""Whether a Flask application has something of its own at a path where we would answer."""

from typing import Any

from inprofile.exporters.serving.claim import Claim

NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405


def flask_claim(app: Any, environ: dict[str, Any]) -> Claim:
    """Whose the path of ``environ`` is among the rules of ``app``, as it matches them.

    Raises what its converters raise.
    """
    if not _is_its_own(app.wsgi_app, app):
        return Claim.UNKNOWN
    try:
        rule, _ = app.create_url_adapter(app.request_class(environ)).match(return_rule=True)
    except Exception as refusal:
        code = getattr(refusal, "code", None)
        if code == NOT_FOUND:
            return Claim.FREE
        if code == METHOD_NOT_ALLOWED and _is_spelled_out(app, environ["PATH_INFO"]):
            return Claim.TAKEN
        return Claim.UNKNOWN
    if "<" not in rule.rule:
        return Claim.TAKEN
    takes_any_path = "<path:" in rule.rule and rule.endpoint != "static"
    return Claim.FREE if takes_any_path else Claim.UNKNOWN


def _is_its_own(wsgi_app: Any, app: Any) -> bool:
    """Whether all requests reach the application: what is put around it may answer some."""
    while type(wsgi_app).__name__ == "ProxyFix":
        wsgi_app = wsgi_app.app
    return getattr(wsgi_app, "__self__", None) is app


def _is_spelled_out(app: Any, path: str) -> bool:
    return any(rule.rule == path for rule in app.url_map.iter_rules())
