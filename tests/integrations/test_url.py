"""What is kept of a URL: the host, and a guess at the path's template."""

import pytest

from inprofile.integrations._url import MAX_SEGMENT, MAX_SEGMENTS, address, template


@pytest.mark.parametrize(
    ("path", "guess"),
    [
        ("", "/"),
        ("/", "/"),
        ("/orders", "/orders"),
        ("orders/", "/orders/"),
        ("/orders/17/lines/3", "/orders/{id}/lines/{id}"),
        ("/orders/-17", "/orders/{id}"),
        ("/orders?id=secret#part", "/orders"),
        ("/orders#part?x", "/orders"),
        ("/v1/orders/17", "/v1/orders/{id}"),
        ("/v2.1/apis/v1beta1/x", "/v2.1/apis/v1beta1/x"),
        ("/f47ac10b-58cc-4372-a567-0e02b2c3d479", "/{id}"),
        ("/deadbeefcafe/face", "/{id}/face"),
        ("/cus_NffrFeUfNV2Hib", "/{id}"),
        ("/2024-01-31/report.pdf", "/{id}/report.pdf"),
        ("/users/ann@example.com", "/users/{id}"),
        ("/users/j%C3%B6rg/überall/a b", "/users/{id}/{id}/{id}"),
        ("/bot99:AAF-secret/sendMessage", "/{id}/sendMessage"),
        ("/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/..."),
        ("//double//slash", "//double//slash"),
    ],
)
def test_what_looks_like_a_value_is_an_id(path, guess):
    assert template(path) == guess


@pytest.mark.parametrize("path", ["/" + "a" * 10_000_000, "/a" * 100_000, "/" + "1/" * 50_000])
def test_a_template_has_a_largest_length(path):
    assert len(template(path)) <= MAX_SEGMENTS * (MAX_SEGMENT + 1) + 4


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://example.com", ("example.com", "/")),
        ("https://user:secret@API.test:8443/v1/x/9?key=secret", ("api.test", "/v1/x/{id}")),
        ("http://[::1]:80/a", ("::1", "/a")),
        ("http://[oops/a", ("", "")),
        ("/only/a/path", ("", "")),
        ("", ("", "")),
        ("http://" + "a" * 5000, ("a" * 253, "/")),
    ],
)
def test_of_a_url_the_host_and_the_template_are_kept(url, found):
    assert address(url) == found
