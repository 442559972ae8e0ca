"""boto3 sends by urllib3: each attempt of its calls is a span, streamed bodies included."""

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from botocore.exceptions import ClientError, EndpointConnectionError  # type: ignore[import-untyped]

import inprofile
from inprofile.testing import record
from tests.integrations.answers import PAUSE_S, nobody
from tests.integrations.spans import attributes, spans
from tests.integrations.wire import told, wire


def client(url, attempts=1):
    """A client for S3 that asks ``url``, without a look at the machine's own settings."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="dummy",
        aws_secret_access_key="dummy-secret",
        config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            s3={"addressing_style": "path"},
        ),
    )


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")


def test_a_call_is_a_span_of_method_and_host(server, recorded):
    s3 = client(server)
    with inprofile.job("work"):
        got = s3.get_object(Bucket="orders", Key="17/receipt")
        assert got["Body"].read() == b"hello"
        s3.put_object(Bucket="orders", Key="18/receipt", Body=b"<a/>")
    assert spans(recorded.trace, "http") == [
        ("http", "GET 127.0.0.1", "work", 1),
        ("http", "PUT 127.0.0.1", "work", 1),
    ]
    assert attributes(recorded.trace, "http") == [
        {
            "http.request.method": method,
            "server.address": "127.0.0.1",
            "url.template": "/orders/{id}/receipt",
            "http.response.status_code": status,
        }
        for method, status in [("GET", 200), ("PUT", 201)]
    ]


def by_chunks(body):
    return b"".join(body.iter_chunks(2))


@pytest.mark.parametrize("read", [lambda body: body.read(), by_chunks], ids=["whole", "chunks"])
def test_reading_a_streamed_body_is_its_calls_time(read, server, recorded):
    s3 = client(server)
    with inprofile.job("work"):
        assert read(s3.get_object(Bucket="bucket", Key="slow-body")["Body"]) == b"onetwo"
    trace = recorded.trace
    (span,) = [span for span in trace.spans if span.kind == "http"]
    assert span.moved_ns > PAUSE_S * 1e9 / 2
    assert span.self_ns == span.duration_ns == trace.stages["http"]
    assert sum(trace.stages.values()) == trace.wall_ns


def test_each_attempt_is_a_span(server, recorded):
    s3 = client(nobody(), attempts=2)
    with inprofile.job("work"), pytest.raises(EndpointConnectionError):
        s3.get_object(Bucket="b", Key="k")
    errors = [span.error for span in recorded.trace.spans if span.kind == "http"]
    assert errors == ["NewConnectionError", "NewConnectionError"]


def everything(server):
    s3 = client(server)
    got = s3.get_object(Bucket="bucket", Key="k")
    results = [type(got["Body"]), got["Body"].read(), got["ResponseMetadata"]]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="bucket", Key="404")
    results.append((type(error.value), str(error.value)))
    return results


def test_results_and_errors_are_the_librarys_own(server):
    inprofile.uninstrument()
    without = everything(server)
    with record(), inprofile.job("work"):
        assert everything(server) == without


def signature(request, key):
    """What AWS computes from a request that arrived: the signature of its signed headers."""
    head, _, body = request.partition(b"\r\n\r\n")
    method, target, _ = head.decode().split("\r\n")[0].split(" ")
    about = dict(item.strip().split("=") for item in key.partition(" ")[2].split(","))
    names = about["SignedHeaders"].split(";")
    asked = AWSRequest(
        method,
        "http://" + told(request, "host")[0] + target,
        headers={name: told(request, name)[0] for name in names},
        data=body,
    )
    asked.context["timestamp"] = told(request, "x-amz-date")[0]
    auth = S3SigV4Auth(Credentials("dummy", "dummy-secret"), "s3", "eu-west-1")
    canonical = auth.canonical_request(asked)
    return names, auth.signature(auth.string_to_sign(asked, canonical), asked), about["Signature"]


def test_what_is_signed_is_the_same_when_services_are_told_of_the_trace(monkeypatch):
    monkeypatch.setenv("INPROFILE_TRACING", "1")
    with wire() as server:
        s3 = client(server.url)
        s3.put_object(Bucket="orders", Key="18/receipt", Body=b"<a/>")
        with record() as recorded, inprofile.job("work"):
            s3.put_object(Bucket="orders", Key="18/receipt", Body=b"<a/>")
        s3.close()
        before, within = server.take()
    (span,) = [span for span in recorded.trace.spans if span.kind == "http"]
    assert told(before, "traceparent") == []
    assert told(within, "traceparent") == [f"00-{recorded.trace.identity}-{span.identity}-01"]
    signed = [signature(request, *told(request, "authorization")) for request in (before, within)]
    assert [computed == sent for _, computed, sent in signed] == [True, True]
    assert signed[0][0] == signed[1][0]
    assert "traceparent" not in signed[1][0]
