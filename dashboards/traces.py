"""The way from a panel into a trace: links to the chosen Tempo or Jaeger."""

import json

DATASOURCE = "${traces}"


def _explored(query: str) -> str:
    pane = {
        "datasource": DATASOURCE,
        "queries": [{"refId": "A", "queryType": "traceql", "query": query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    return f"/explore?schemaVersion=1&panes={json.dumps({'t': pane}, separators=(',', ':'))}"


OF_EXEMPLAR = {"title": "Trace", "url": _explored("${__value.raw}"), "targetBlank": True}
"""Of the field ``trace_id`` of an exemplar; both take the id of a trace for a query."""
