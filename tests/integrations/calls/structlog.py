"""structlog."""

import io

KINDS = {"logging"}


def call(_):
    import structlog

    file = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    logger.info("hello", to="you")
    return file.getvalue()
