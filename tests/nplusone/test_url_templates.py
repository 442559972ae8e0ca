"""What of a URL and of a cache's key tells an operation, and what an element of it."""

import time

import pytest

from inprofile.integrations._endpoint import _content, endpoint, located
from inprofile.integrations._key import template

UUID = "8ff81d74-606d-4c75-ac5e-cee65cbbc866"
MD5 = "563712f9722fb0996ac8f3905b40786f"
SHA1 = "403926033d001b5279df37cbbe5287b7c7c267fa"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("", "/"),
        ("/", "/"),
        ("/resources/11", "/resources/{id}"),
        ("/resources/11/details", "/resources/{id}/details"),
        ("/resources/11/details?id=1&sort=down", "/resources/{id}/details?id={id}&sort={id}"),
        (f"/resources/{UUID}/details", "/resources/{id}/details"),
        (f"/resources/{UUID.upper()}", "/resources/{id}"),
        (f"/resources/{UUID.replace('-', '')}", "/resources/{id}"),
        ("/clients/11/project/1343-turtles", "/clients/{id}/project/{id}"),
        (f"/clients/{MD5}/project", "/clients/{id}/project"),
        (f"/clients/{SHA1}/project", "/clients/{id}/project"),
        ("/item/5c9b9b609c172be2a013f534/details", "/item/{id}/details"),
        ("/item/be9a25322d/details", "/item/{id}/details"),
        ("/users/summary", "/users/summary"),
        ("/users/hello-world/posts", "/users/hello-world/posts"),
        ("/days/2024-02-29", "/days/{id}"),
        ("/v1/users/7", "/v1/users/{id}"),
        ("/api/v2.1/users", "/api/v2.1/users"),
        ("/oauth2/token", "/oauth2/token"),
        ("/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/h/i"),
        ("/users?secret", "/users?{id}"),
        ("/users?17=1", "/users?{id}"),
        ("/users?filter[name]=ann", "/users?filter[name]={id}"),
        ("/users?page=2", "/users"),
        ("/users#top", "/users"),
    ],
)
def test_a_url_is_shown_without_its_values(target, shown):
    found = endpoint(target)
    assert found is not None
    assert found[0] == shown


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://api.test/users/1", ("api.test", "/users/1")),
        ("https://API.test:443/users?id=1", ("api.test", "/users?id=1")),
        ("http://api.test:8080", ("api.test:8080", "")),
        ("http://ann:secret@api.test/", ("api.test", "/")),
        ("/users/1", ("", "/users/1")),
        ("http://[oops/", ("", "")),
        ("http://api.test:port/", ("", "")),
        (7, ("", "")),
    ],
)
def test_a_url_is_divided_into_who_is_asked_and_what_for(url, found):
    assert located(url) == found


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("", ""),
        ("user:1", "user:{id}"),
        ("user:1:name", "user:{id}:name"),
        ("user_1", "user_{id}"),
        ("user1", "user{id}"),
        ("1", "{id}"),
        ("settings", "settings"),
        ("user:ann", "user:ann"),
        ("user:v2", "user:v2"),
        ("v1:user:17", "v1:user:{id}"),
        (f"user:{UUID}:name", "user:{id}:name"),
        (f"user:{MD5}", "user:{id}"),
        (f"page.{SHA1}.en-us", "page.{id}.en-us"),
        ("session:deadbeefcafe1234", "session:{id}"),
        ("stats:2024-02-29", "stats:{id}"),
        ("user:ann@example.com:name", "user:{id}:name"),
        ("a" * 300, "{id}"),
        ("token:" + "a" * 40, "token:{id}"),
    ],
)
def test_a_key_is_shown_without_its_values(key, shown):
    assert template(key) == shown


@pytest.mark.parametrize(
    "text", ["[" + "a" * 50_000, "{" * 50_000, "}\n" * 25_000, "page" * 10_000, "[ " * 25_000]
)
def test_no_body_takes_long(text):
    start = time.process_time()
    _content(text)
    assert time.process_time() - start < 0.05


@pytest.mark.parametrize("text", ["/1" * 5000, "?" + "a=1&" * 2500, "/" + "," * 9000, "%2C" * 3000])
def test_no_url_takes_long(text):
    start = time.process_time()
    endpoint(text)
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize("text", ["a_" * 125, "a@" * 125, "1-" * 125, "a" * 250, "@" * 250])
def test_no_key_takes_long(text):
    start = time.process_time()
    template(text)
    assert time.process_time() - start < 0.01
