"""loguru."""

KINDS = {"logging"}


def call(_):
    from loguru import logger

    written: list[str] = []
    sink = logger.add(written.append, format="{level} {message}")
    logger.info("hello {}", "you")
    logger.remove(sink)
    return written
