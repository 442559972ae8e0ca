"""json."""

import json

KINDS = {"serialization"}


def call(_):
    return json.loads(json.dumps({"a": [1, None]}))
