"""Time that passes when a test says so."""


class FakeClock:
    """Counts nanoseconds like ``time.perf_counter_ns``, from 1,000 on."""

    def __init__(self) -> None:
        self.now_ns = 1_000

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, by_ns: int) -> None:
        self.now_ns += by_ns
