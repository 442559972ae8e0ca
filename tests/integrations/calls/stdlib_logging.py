"""Logging."""

import logging

KINDS = {"logging"}


def call(_):
    logger = logging.Logger("lonely")  # noqa: LOG001 - one of nobody's
    logger.addHandler(logging.NullHandler())
    logger.warning("hello %s", "you")
