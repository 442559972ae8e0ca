"""Where in a test's file something stands."""

import inspect


def line_of(function, text):
    """The line of ``function``'s source that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [number for number, line in enumerate(lines) if number and text in line]
    return first + found


def site(function, text):
    """That place as a Location is written."""
    return f"{inspect.getfile(function)}:{line_of(function, text)} {function.__name__}"
