"""A real group in a directory: workers to count with, and the facts about what they counted."""

from pathlib import Path

from inprofile.analysis.facts import Facts, facts
from inprofile.analysis.source import Source
from inprofile.core.slots import snapshot
from inprofile.storage.store import Store
from tests.analysis.worker import Worker

STARTED_S = 1_000.0
READ_S = 1_010.0


class Group:
    """Workers of one group; it is read ten seconds after it began."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.workers: list[Worker] = []

    def worker(self, **options) -> Worker:
        self.workers.append(Worker(self.directory, **options))
        return self.workers[-1]

    def end(self) -> None:
        while self.workers:
            self.workers.pop().end()

    def facts(self) -> Facts:
        counted = snapshot(self.directory)
        pids = tuple(worker.pid for worker in counted.workers)
        source = Source("shop", str(self.directory), pids, STARTED_S, STARTED_S, READ_S)
        return facts(counted, source, Store(self.directory).findings())
