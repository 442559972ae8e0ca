"""What k6 counts from outside is what every worker says from inside."""

import pytest

from tests.load.k6 import load
from tests.load.scrapes import Watched, scrape
from tests.load.test_soak import COUNT, SERVERS

REQUESTS = 600


@pytest.mark.parametrize("kind", ["gthread", "uvicorn"])
def test_every_request_that_k6_has_sent_is_counted_once(serve, base, tmp_path, kind):
    url = serve(*SERVERS[kind]).url
    with load(f"{url}/job", tmp_path, f"iterations={REQUESTS}", users=16) as requests:
        assert requests.ended() == (REQUESTS, 0)
    watched = Watched()
    for _ in range(8):  # each from whichever worker takes it
        watched.take(scrape(url))
        assert watched.total(COUNT, http_route="/job") == REQUESTS
