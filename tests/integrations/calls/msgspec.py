"""msgspec."""

KINDS = {"serialization"}


def call(_):
    import msgspec

    return msgspec.json.decode(msgspec.json.encode({"a": [1, None]}))
