"""What the ``ask`` of a program found, held against what they find without us."""


def differences(found, expected, place=""):
    """Where the two are not the same, with what is there."""
    if type(found) is type(expected) is dict:
        for name in expected | found:
            yield from differences(found.get(name), expected.get(name), f"{place}/{name}")
    elif type(found) is type(expected) is list and len(found) == len(expected):
        for number, pair in enumerate(zip(found, expected, strict=True)):
            yield from differences(*pair, f"{place}/{number}")
    elif type(found) is type(expected) is str and found.count("\n") == expected.count("\n") > 0:
        yield from differences(found.split("\n"), expected.split("\n"), place)
    elif found != expected:
        yield place, found, expected


def unlike(asks, expected):
    """What is not as the other tools find it alone, but for our own traces."""
    return [
        difference
        for ask, alone in zip(asks, expected, strict=True)
        for difference in differences({**ask, "traces": []}, alone)
    ]


def routes(asks):
    """What we count of the requests of each ``ask``, if their stages add up."""
    return [
        [
            (trace["route"], trace["status"], trace["error"])
            for trace in ask["traces"]
            if trace["adds up"]
        ]
        for ask in asks
    ]


def operations(asks):
    """How many operations of each kind we count in the first request, which does everything."""
    return [ask["traces"][0]["counted"] for ask in asks if ask["traces"]]


FLASK = [
    ("/orders/<int:number>", 200, None),
    ("/orders/<int:number>", 200, None),
    ("_UNMATCHED", 404, None),
    ("/broken", 500, "500"),
    ("_UNMATCHED", 404, None),
    ("/stream", 200, None),
]
DJANGO = [*FLASK, ("/page", 200, None), ("/later", 200, None)]
FASTAPI = [
    ("/orders/{number}", 200, None),
    ("background:shop.<locals>.mail", 0, None),
    ("/orders/{number}", 200, None),
    ("background:shop.<locals>.mail", 0, None),
    ("/orders/{number}", 422, None),
    ("/broken", 500, "500"),
    ("_UNMATCHED", 404, None),
]
ROUTES = {"flask": FLASK, "django-wsgi": DJANGO, "django-asgi": DJANGO, "fastapi": FASTAPI}
