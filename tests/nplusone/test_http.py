"""Requests sent one after the other to one endpoint, by every client, to a real server."""

import asyncio
import contextvars
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import boto3  # type: ignore[import-untyped]
import httpx
import pytest
import requests
import urllib3
from botocore.config import Config  # type: ignore[import-untyped]

import inprofile
from tests.integrations.answers import answers, asked
from tests.nplusone.judging import findings, marked, place, same_code

IDS = (17, 18, 19, 20)


@pytest.fixture(scope="module")
def server():
    """The URL of a server that answers everything."""
    with answers() as url:
        yield url


@pytest.fixture(autouse=True)
def instrumented():
    inprofile.instrument()
    asked.clear()


def httpx_get(server):
    with httpx.Client(base_url=server) as client:
        for i in IDS:  # L
            client.get(f"/users/{i}")  # Q


def httpx_one_client_each(server):
    for i in IDS:  # L
        httpx.get(f"{server}/users/{i}")  # Q


def httpx_later(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            for i in IDS:  # L
                await client.get(f"/users/{i}")  # Q

    asyncio.run(run())


def httpx_streams(server):
    with httpx.Client(base_url=server) as client:
        for i in IDS:  # L
            with client.stream("GET", f"/users/{i}") as response:  # Q
                response.read()


def requests_get(server):
    for i in IDS:  # L
        requests.get(f"{server}/users/{i}")  # Q


def requests_session(server):
    with requests.Session() as session:
        return [
            session.get(f"{server}/users/{i}").text  # Q
            for i in IDS  # L
        ]


def urllib3_request(server):
    with urllib3.PoolManager() as http:
        for i in IDS:  # L
            http.request("GET", f"{server}/users/{i}")  # Q


def urllib3_of_one_host(server):
    with urllib3.connection_from_url(server) as pool:
        for i in IDS:  # L
            pool.request("GET", f"/users/{i}")  # Q


def urllib_open(server):
    for i in IDS:  # L
        with urllib.request.urlopen(f"{server}/users/{i}") as answer:  # Q
            answer.read()


def urllib_request(server):
    for i in IDS:  # L
        urllib.request.urlopen(urllib.request.Request(f"{server}/users/{i}")).close()  # Q


def aiohttp_get(server):
    async def run():
        async with aiohttp.ClientSession() as session:
            for i in IDS:  # L
                async with session.get(f"{server}/users/{i}") as response:  # Q
                    await response.read()

    asyncio.run(run())


def aiohttp_of_one_host(server):
    async def run():
        async with aiohttp.ClientSession(server) as session:
            for i in IDS:  # L
                response = await session.get(f"/users/{i}")  # Q
                await response.read()

    asyncio.run(run())


def a_helper(server):
    def user(i):
        return requests.get(f"{server}/users/{i}")  # Q

    for i in IDS:  # L
        user(i)


def waited_for(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            for i in IDS:  # L
                await asyncio.wait_for(client.get(f"/users/{i}"), 5)  # Q

    asyncio.run(run())


def one_task_each(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            for i in IDS:  # L
                await asyncio.create_task(client.get(f"/users/{i}"))  # Q

    asyncio.run(run())


def one_gathered_each(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            for i in IDS:  # L
                await asyncio.gather(client.get(f"/users/{i}"))  # Q

    asyncio.run(run())


BLOCKING = {
    httpx_get: "list(pool.map(client.get, urls))",
    httpx_one_client_each: "list(pool.map(httpx.get, urls))",
    httpx_streams: "list(pool.map(client.get, urls))",
    requests_get: "list(pool.map(requests.get, urls))",
    requests_session: "list(pool.map(session.get, urls))",
    urllib3_request: 'list(pool.map(lambda url: http.request("GET", url), urls))',
    urllib3_of_one_host: 'list(pool.map(lambda url: pool.request("GET", url), urls))',
    urllib_open: "list(pool.map(urllib.request.urlopen, urls))",
    urllib_request: "list(pool.map(urllib.request.urlopen, urls))",
    a_helper: "list(pool.map(requests.get, urls))",
}
LATER = {
    httpx_later: "await asyncio.gather(*(client.get(url) for url in urls))",
    aiohttp_get: "await asyncio.gather(*(session.get(url) for url in urls))",
    aiohttp_of_one_host: "await asyncio.gather(*(session.get(url) for url in urls))",
    waited_for: "await asyncio.gather(*(client.get(url) for url in urls))",
    one_task_each: "await asyncio.gather(*(client.get(url) for url in urls))",
    one_gathered_each: "await asyncio.gather(*(client.get(url) for url in urls))",
}


@pytest.mark.parametrize("run", BLOCKING | LATER)
def test_requests_one_after_the_other_to_one_endpoint_are_found(run, server):
    (finding,) = findings(run, server)
    marks = marked(run)
    assert (finding.kind, finding.count, finding.elements) == ("http_n_plus_one", 4, 4)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    assert finding.statement == f"GET {server.removeprefix('http://')}/users/{{id}}"
    assert finding.operation == "read"
    assert same_code(finding.fix, (BLOCKING | LATER)[run])
    assert "bulk endpoint" in finding.fix
    assert asked == [f"GET /users/{i}" for i in IDS]


def gathered(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            await asyncio.gather(*(client.get(f"/users/{i}") for i in IDS))

    asyncio.run(run())


def gathered_at_once(server):
    """Nothing of it waits, so that no two are under way at the same time."""

    async def run():
        transport = httpx.MockTransport(lambda _request: httpx.Response(200))
        async with httpx.AsyncClient(base_url=server, transport=transport) as client:
            await asyncio.gather(*(client.get(f"/users/{i}") for i in IDS))

    asyncio.run(run())


def in_a_task_group(server):
    async def run():
        transport = httpx.MockTransport(lambda _request: httpx.Response(200))
        async with (
            httpx.AsyncClient(base_url=server, transport=transport) as client,
            asyncio.TaskGroup() as group,
        ):
            for i in IDS:
                group.create_task(client.get(f"/users/{i}"))

    asyncio.run(run())


def gathered_in_chunks(server):
    async def run():
        async with aiohttp.ClientSession(server) as session:
            for chunk in (IDS[:2], IDS[2:]):
                answers = [session.get(f"/users/{i}") for i in chunk]
                for each in await asyncio.gather(*answers):
                    each.release()

    asyncio.run(run())


def tasks_made_first(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            tasks = [asyncio.create_task(client.get(f"/users/{i}")) for i in IDS]
            for task in tasks:
                await task

    asyncio.run(run())


def as_completed(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            for each in asyncio.as_completed([client.get(f"/users/{i}") for i in IDS]):
                await each

    asyncio.run(run())


def waited_for_all(server):
    async def run():
        async with httpx.AsyncClient(base_url=server) as client:
            await asyncio.wait([asyncio.create_task(client.get(f"/users/{i}")) for i in IDS])

    asyncio.run(run())


def in_a_pool_of_threads(server):
    with ThreadPoolExecutor(4) as pool:
        contexts = [contextvars.copy_context() for _ in IDS]
        urls = [f"{server}/users/{i}" for i in IDS]
        list(pool.map(lambda context, url: context.run(requests.get, url), contexts, urls))


def in_a_pool_without_context(server):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(requests.get, [f"{server}/users/{i}" for i in IDS]))


def in_threads(server):
    threads = [
        threading.Thread(
            target=contextvars.copy_context().run,
            args=(requests.get, f"{server}/users/{i}"),
        )
        for i in IDS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "run",
    [
        gathered,
        gathered_at_once,
        in_a_task_group,
        gathered_in_chunks,
        tasks_made_first,
        as_completed,
        waited_for_all,
        in_a_pool_of_threads,
        in_a_pool_without_context,
        in_threads,
    ],
)
def test_requests_at_the_same_time_are_silent(run, server):
    assert findings(run, server) == []


def test_two_requests_are_silent(server):
    def run():
        for i in IDS[:2]:
            requests.get(f"{server}/users/{i}")

    assert findings(run) == []


def test_three_requests_are_found(server):
    def run():
        for i in IDS[:3]:
            requests.get(f"{server}/users/{i}")

    (finding,) = findings(run)
    assert finding.count == 3


def test_retries_of_one_request_are_silent(server):
    def run():
        for _ in range(6):
            requests.get(f"{server}/503")
        while not httpx.get(f"{server}/users/17").is_error:
            if len(asked) > 15:
                break

    assert findings(run) == []


@pytest.mark.parametrize("query", ["_={}", "job=17&ts={}", "oauth_nonce=n{}", "nonce={}"])
def test_polling_with_what_differs_each_time_is_silent(query, server):
    def run():
        for i in range(5):
            requests.get(f"{server}/jobs/17?{query.format(i)}")

    assert findings(run) == []


def test_a_retry_among_two_requests_is_silent(server):
    def run():
        for i in (17, 17, 18):
            requests.get(f"{server}/users/{i}")

    assert findings(run) == []


def test_different_hosts_are_silent():
    def run():
        with answers() as one, answers() as two, answers() as three:
            for host in (one, two, three):
                requests.get(f"{host}/users/17")
            for host in (one, two, three):
                httpx.get(f"{host}/users/18")

    assert findings(run) == []


@pytest.mark.parametrize(
    "paths",
    [
        ("/users/summary", "/users/active", "/users/admins"),
        ("/users/1", "/orders/1", "/books/1"),
        ("/v1/users", "/v2/users", "/v3/users"),
        ("/oauth1/token", "/oauth2/token", "/s3/token"),
        ("/a/b/c/d/e/f/g/h/users", "/a/b/c/d/e/f/g/h/books", "/a/b/c/d/e/f/g/h/orders"),
        ("/find?name=a", "/find?author=a", "/find?title=a"),
        ("/" + "a/" * 2000 + "x", "/" + "a/" * 2000 + "y", "/" + "a/" * 2000 + "z"),
    ],
)
def test_different_endpoints_are_silent(paths, server):
    def run():
        for path in paths:
            requests.get(server + path)

    assert findings(run) == []


@pytest.mark.parametrize(
    ("paths", "template"),
    [
        (("/users/1", "/users/2", "/users/3"), "/users/{id}"),
        (
            ("/users/1/orders/9", "/users/2/orders/8", "/users/3/orders/7"),
            "/users/{id}/orders/{id}",
        ),
        (
            tuple(f"/users/f47ac10b-58cc-4372-a567-0e02b2c3d47{i}/name" for i in range(3)),
            "/users/{id}/name",
        ),
        (tuple(f"/blobs/563712f9722fb0996ac8f3905b40786{i}" for i in range(3)), "/blobs/{id}"),
        (("/days/2024-01-29", "/days/2024-01-30", "/days/2024-01-31"), "/days/{id}"),
        (("/v1/users/1", "/v1/users/2", "/v1/users/3"), "/v1/users/{id}"),
        (("/users?id=1", "/users?id=2", "/users?id=3"), "/users?id={id}"),
        (("/users?name=a", "/users?name=b", "/users?name=c"), "/users?name={id}"),
        (("/rate?date=1", "/rate?date=2", "/rate?date=3"), "/rate?date={id}"),
        (("/rate?from=EUR&to=A", "/rate?from=EUR&to=B", "/rate?from=EUR&to=C"), None),
        (
            ("/users/1/all?page=1", "/users/2/all?page=1", "/users/3/all?page=1"),
            "/users/{id}/all",
        ),
        (("/a/b/c/d/e/f/g/1/x", "/a/b/c/d/e/f/g/2/x", "/a/b/c/d/e/f/g/3/x"), None),
    ],
)
def test_what_differs_between_elements_is_left_out(paths, template, server):
    def run():
        for path in paths:
            requests.get(server + path)

    (finding,) = findings(run)
    assert (finding.kind, finding.count) == ("http_n_plus_one", 3)
    if template:
        assert finding.statement == f"GET {server.removeprefix('http://')}{template}"


@pytest.mark.parametrize(
    "query",
    [
        "page={}",
        "per_page=50&page={}",
        "cursor=c{}",
        "offset={}0&limit=10",
        "after=a{}",
        "starting_after=obj_{}",
        "page%5Bnumber%5D={}",
        "page[after]=x{}",
        "pageToken=t{}",
        "next_token=t{}",
        "continuation-token=t{}",
        "marker=m{}",
        "start={}0",
        "since_id={}",
        "$skip={}0",
    ],
)
def test_pages_are_silent(query, server):
    def run():
        requests.get(f"{server}/users")
        with httpx.Client() as client:
            for page in range(1, 6):
                client.get(f"{server}/users?{query.format(page)}")

    assert findings(run) == []


@pytest.mark.parametrize(
    "target",
    [
        "/users?ids={0}1,{0}2,{0}3",
        "/users?id={0}1&id={0}2",
        "/users?id[]={0}1&id[]={0}2",
        "/users?id__in={0}1%2C{0}2",
        "/users/{0}1,{0}2",
        "/quotes?symbols=A{0},B{0}",
    ],
)
def test_batches_are_silent(target, server):
    def run():
        for chunk in range(1, 6):
            urllib.request.urlopen(server + target.format(chunk)).close()

    assert findings(run) == []


def test_a_batch_of_one_again_and_again_is_found(server):
    def run():
        for i in IDS:
            requests.get(f"{server}/users", params={"ids": i})

    (finding,) = findings(run)
    assert finding.count == 4


def posted_by_httpx(server):
    for i in IDS:
        httpx.post(f"{server}/users", json={"id": i})


def posted_by_requests(server):
    for i in IDS:
        requests.post(f"{server}/users", json={"id": i})


def posted_by_urllib3(server):
    with urllib3.PoolManager() as http:
        for i in IDS:
            http.request("POST", f"{server}/users", json={"id": i})


def posted_by_urllib(server):
    for i in IDS:
        urllib.request.urlopen(f"{server}/users", b"id=%d" % i).close()


def posted_by_aiohttp(server):
    async def run():
        async with aiohttp.ClientSession() as session:
            for i in IDS:
                json = {"id": i, "name": {"first": "ann"}}
                (await session.post(f"{server}/users", json=json)).release()

    asyncio.run(run())


@pytest.mark.parametrize(
    "run",
    [
        posted_by_httpx,
        posted_by_requests,
        posted_by_urllib3,
        posted_by_urllib,
        posted_by_aiohttp,
    ],
)
def test_writes_with_a_body_each_are_found(run, server):
    (finding,) = findings(run, server)
    assert (finding.kind, finding.count, finding.elements) == ("http_n_plus_one", 4, 4)
    assert finding.statement == f"POST {server.removeprefix('http://')}/users"
    assert finding.operation == "write"
    assert "bulk endpoint" in finding.fix


@pytest.mark.parametrize(
    "body",
    [
        lambda i: {"users": [{"id": i}, {"id": i + 1}]},
        lambda i: [i, i + 1],
        lambda i: {"first": 10, "after": f"cursor {i}"},
        lambda i: {"query": f'users(after: "x{i}")'},
        lambda i: {"same": "body"},
    ],
    ids=["objects", "list", "page", "page within", "equal"],
)
def test_bodies_with_lists_and_pages_and_equal_ones_are_silent(body, server):
    def run():
        for i in IDS:
            httpx.post(f"{server}/users", json=body(i))

    assert findings(run) == []


def test_a_body_that_is_streamed_is_not_read(server):
    def run():
        for i in IDS:
            parts = iter([b"%d" % i])
            httpx.post(f"{server}/users", content=parts, headers={"content-length": "2"})

    assert findings(run) == []


def test_aiohttps_params_tell_elements_and_pages(server):
    async def run(params):
        async with aiohttp.ClientSession(server) as session:
            for i in IDS:
                (await session.get("/users", params=params(i))).release()

    (finding,) = findings(lambda: asyncio.run(run(lambda i: {"id": i})))
    assert finding.statement.endswith("/users?id={id}")
    assert findings(lambda: asyncio.run(run(lambda i: [("page", str(i))]))) == []
    assert findings(lambda: asyncio.run(run(lambda _i: "same=1"))) == []


def test_redirects_and_authentication_within_one_call_are_no_loop(server):
    def run():
        with pytest.raises(httpx.TooManyRedirects):
            httpx.get(f"{server}/loop", follow_redirects=True)
        with pytest.raises(requests.TooManyRedirects):
            requests.get(f"{server}/loop")
        with urllib3.PoolManager(retries=urllib3.Retry(5, status_forcelist=[503])) as http:
            with pytest.raises(urllib3.exceptions.MaxRetryError):
                http.request("GET", f"{server}/503")
            with pytest.raises(urllib3.exceptions.MaxRetryError):
                http.request("GET", f"{server}/loop")
        requests.get(f"{server}/private", auth=("a", "b"))
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{server}/loop")

    assert findings(run) == []


def test_redirects_of_each_element_count_once(server):
    def run():
        for i in IDS:
            httpx.get(f"{server}/redirect?id={i}", follow_redirects=True)

    (finding,) = findings(run)
    assert (finding.count, finding.elements) == (4, 4)


def test_two_endpoints_in_one_loop_are_two_findings(server):
    def run():
        for i in IDS:
            requests.get(f"{server}/users/{i}")
            requests.get(f"{server}/users/{i}/orders")

    assert sorted(each.statement.partition("/")[2] for each in findings(run)) == [
        "users/{id}",
        "users/{id}/orders",
    ]


def test_a_tests_own_application_is_not_asked_over_the_network():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for i in IDS:
                await client.get(f"/users/{i}")

    assert findings(lambda: asyncio.run(run())) == []


def s3(server):
    return boto3.session.Session().client(
        "s3",
        endpoint_url=server,
        region_name="eu-west-1",
        aws_access_key_id="dummy",
        aws_secret_access_key="dummy-secret",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def test_boto3s_calls_are_found(server):
    client = s3(server)

    def run():
        for i in IDS:  # L
            client.get_object(Bucket="orders", Key=f"{i}/receipt")  # Q

    (finding,) = findings(run)
    marks = marked(run)
    assert finding.statement.endswith("/orders/{id}/receipt")
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])


def test_nothing_of_a_query_or_a_body_is_kept(server):
    from inprofile.testing import record

    with record() as recording:
        for i in range(4):
            requests.get(f"{server}/users?token=secret{i}")
            requests.post(f"{server}/users", json={"password": f"secret{i}"})
    assert len(recording.findings) == 2
    assert "secret" not in repr(recording.findings)
    assert recording.block is not None
    operations = recording.block.operations or {}
    assert "secret" not in repr(
        [
            (key, each.subject, each.name, [site.elements for site in each.sites])
            for key, each in operations.items()
        ]
    )
