"""orjson."""

KINDS = {"serialization"}


def call(_):
    import orjson

    return orjson.loads(orjson.dumps({"a": [1, None]}))
