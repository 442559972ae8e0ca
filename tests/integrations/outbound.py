"""What the tests of all HTTP clients expect of their spans."""

GET = ("http", "GET 127.0.0.1", "work", 1)


def http_spans(trace):
    return [span for span in trace.spans if span.kind == "http"]


def answered(*requests):
    """The attributes of requests to this machine: method, template of the URL and status."""
    return [
        {
            "http.request.method": method,
            "server.address": "127.0.0.1",
            "url.template": path,
            "http.response.status_code": status,
        }
        for method, path, status in requests
    ]
