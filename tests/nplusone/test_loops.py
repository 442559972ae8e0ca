"""What makes the same call again: every way to write a loop, on a driver without an ORM."""

import asyncio
import contextlib
import functools
import gc
import sqlite3
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import anyio
import anyio.to_thread
import pytest
import uvloop
from asgiref.sync import async_to_sync, sync_to_async

import inprofile
from inprofile.testing import record
from tests.guarded import nothing_fails
from tests.nplusone.judging import findings, marked, place

STATEMENT = "SELECT v FROM t WHERE id = ?"


@pytest.fixture
def db():
    inprofile.instrument()
    with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as db:
        db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        yield db


def get(db, i):
    return db.execute(STATEMENT, (i,)).fetchone()  # Q


async def aget(db, i):
    await asyncio.sleep(0)
    return db.execute(STATEMENT, (i,)).fetchone()  # Q


def a_for_loop(db):
    for i in range(4):  # L
        get(db, i)


def a_for_loop_over_several_lines(db):
    for (  # L
        i
    ) in range(4):
        if i >= 0:
            with contextlib.suppress(KeyError):
                try:
                    value = get(db, i)
                finally:
                    del value


def a_while_loop(db):
    i = 0
    while i < 4:  # L
        get(db, i)
        i += 1


def a_while_loop_without_end(db):
    i = 0
    while True:  # L
        get(db, i)
        i += 1
        if i == 4:
            break


def in_the_test_of_a_while(db):
    left = [0, 1, 2, 3]
    while get(db, left.pop()) is None:  # L
        if not left:
            return


def in_the_test_of_a_while_without_a_helper(db):
    i = 0
    while db.execute(STATEMENT, (i,)).fetchone() is None:  # LQ
        i += 1
        if i == 4:
            break


def with_an_assignment_in_the_test(db):
    i = 0
    while (i := i + 1) < 5:  # L
        get(db, i)


def an_else_of_a_loop_is_not_in_it(db):
    for i in range(4):  # L
        get(db, i)
        if i == 7:
            break
    else:
        db.execute("SELECT 1")


def a_list_comprehension(db):
    return [get(db, i) for i in range(4)]  # L


def a_list_comprehension_over_several_lines(db):
    return [  # L
        get(db, i)
        for i in range(4)  # L2
        if i >= 0
    ]


def in_the_condition_of_a_comprehension(db):
    return [i for i in range(4) if get(db, i)]  # L


def a_set_comprehension(db):
    return {get(db, i) for i in range(4)}  # L


def a_dict_comprehension(db):
    return {i: get(db, i) for i in range(4)}  # L


def a_generator_expression(db):
    return tuple(get(db, i) for i in range(4))  # L


def a_generator_that_is_summed(db):
    return sum(get(db, i) is None for i in range(4))  # L


def a_generator_that_any_stops(db):
    return any(get(db, i) for i in range(4))  # L


def a_generator_function(db):
    def rows():
        for i in range(4):  # L
            yield get(db, i)

    for row in rows():  # L2
        str(row)


def a_generator_that_is_handed_on(db):
    def rows():
        yield from (get(db, i) for i in range(4))  # L

    return list(rows())  # L2


def a_map(db):
    return list(map(functools.partial(get, db), range(4)))  # L


def a_map_with_a_lambda(db):
    return list(map(lambda i: get(db, i), range(4)))  # noqa: C417 # L


def a_filter(db):
    return list(filter(functools.partial(get, db), range(4)))  # L


def a_sort(db):
    return sorted(range(4), key=lambda i: get(db, i) or ())  # L


def a_maximum(db):
    return max(range(4), key=lambda i: get(db, i) or ())  # L


def a_reduction(db):
    return functools.reduce(lambda _, i: get(db, i), range(4), None)  # L


def a_helper(db):
    def helper(i):
        return get(db, i)

    for i in range(4):  # L
        helper(i)


def a_decorated_helper(db):
    def decorated(function):
        @functools.wraps(function)
        def call(*args):
            return function(*args)

        return call

    @decorated
    @decorated
    def helper(i):
        return get(db, i)

    for i in range(4):  # L
        helper(i)


class Row:
    """One of the loop, which asks when it is looked at."""

    def __init__(self, db, i):
        self.db = db
        self.i = i

    @property
    def value(self):
        return get(self.db, self.i)

    @functools.cached_property
    def cached(self):
        return get(self.db, self.i)

    @classmethod
    def of(cls, db, i):
        return get(db, i)

    def __str__(self):
        return str(get(self.db, self.i))

    def __getattr__(self, name):
        return get(self.db, self.i)


def a_property(db):
    for row in [Row(db, i) for i in range(4)]:  # L
        row.value  # noqa: B018


def a_cached_property(db):
    for row in [Row(db, i) for i in range(4)]:  # L
        row.cached, row.cached  # noqa: B018


def a_class_method(db):
    for i in range(4):  # L
        Row.of(db, i)


def what_is_printed(db):
    for row in [Row(db, i) for i in range(4)]:  # L
        f"{row}"


def an_attribute_that_is_made_up(db):
    for row in [Row(db, i) for i in range(4)]:  # L
        row.anything  # noqa: B018


def nested_loops(db):
    for i in range(2):
        for j in range(2):  # L
            get(db, 10 * i + j)


def nested_loops_of_one_pass_each(db):
    for i in range(4):  # L
        for _ in range(1):
            get(db, i)


def an_inner_loop_over_one(db):
    for i in range(4):  # L
        for each in [i, 8, 9][:1]:
            for one in (each,):
                get(db, one)


def one_that_tries_again(db):
    for i in range(4):  # L
        for _attempt in range(3):
            try:
                get(db, i)
            except ValueError:
                continue
            break


def one_that_tries_again_behind_a_test(db):
    for i in range(4):  # L
        for _attempt in range(3):
            try:
                row = get(db, i)
            except ValueError:
                continue
            if row is None:
                break


def one_that_waits(db):
    for i in range(4):  # L
        while True:
            row = get(db, i)
            if row is None:
                break


def a_break_of_a_loop_inside_of_the_one_that_is_left(db):
    for i in range(4):  # L
        with contextlib.suppress(KeyError):
            for _attempt in range(3):
                try:
                    for _ in range(5):
                        get(db, i)
                        break
                except ValueError:
                    continue
                break


def a_loop_that_stops_early(db):
    for group in ([1, 2], [3, 4]):
        for i in group:  # L
            if get(db, i) is None:
                continue
            break


def pages_of_ones_own(db):
    for last in (0, 10):
        for _page in range(2):  # L
            get(db, last)
            last += 1  # noqa: PLW2901


def what_is_changed_in_the_loop(db):
    def ask(row):
        get(db, row["id"])

    for numbers in ([1, 2], [3, 4]):
        row: dict[str, int] = {}
        for i in numbers:  # L
            row["id"] = i
            ask(row)


def what_is_changed_by_a_call(db):
    def ask(row):
        get(db, row["id"])

    row: dict[str, int] = {}
    for numbers in ([1, 2], [3, 4]):
        for i in numbers:  # L
            row.update(id=i)
            ask(row)


def what_has_a_state(db):
    for numbers in ([1, 2], [3, 4]):
        while numbers:  # L
            get(db, numbers.pop())


def nested_loops_in_helpers(db):
    def inner(i):
        for j in range(2):  # L
            get(db, 10 * i + j)

    for i in range(2):
        inner(i)


def a_nested_comprehension(db):
    return [
        [get(db, 10 * i + j) for j in range(2)]  # L
        for i in range(2)
    ]


def a_comprehension_with_two_loops(db):
    return [get(db, 10 * i + j) for i in range(2) for j in range(2)]  # L


def a_context_manager(db):
    @contextlib.contextmanager
    def opened(i):
        yield get(db, i)

    for i in range(4):  # L
        with opened(i):
            pass


def an_exit_stack(db):
    with contextlib.ExitStack() as stack:
        for i in range(4):  # L
            stack.callback(lambda: None)
            get(db, i)


def a_failing_pass(db):
    for i in range(4):  # L
        try:
            get(db, i)
            raise KeyError
        except KeyError:
            continue


def linear_recursion(db):
    def down(i):
        get(db, i)
        if i:
            down(i - 1)  # L2

    down(3)  # L


def recursion_over_a_tree(db):
    def walk(i):
        get(db, i)
        if i < 2:
            for child in (2 * i + 1, 2 * i + 2):  # L2
                walk(child)  # L3

    walk(1)  # L


def mutual_recursion(db):
    def even(i):
        get(db, i)
        if i:
            odd(i - 1)  # L2

    def odd(i):
        even(i)  # L3

    even(3)  # L


def awaited_one_by_one(db):
    async def run():
        for i in range(4):  # L
            await aget(db, i)

    asyncio.run(run())


def an_async_for_loop(db):
    async def numbers():
        for i in range(4):
            await asyncio.sleep(0)
            yield i

    async def run():
        async for i in numbers():  # L
            get(db, i)

    asyncio.run(run())


def an_async_generator(db):
    async def rows():
        for i in range(4):  # L
            yield await aget(db, i)

    async def run():
        async for _ in rows():  # L2
            pass

    asyncio.run(run())


def an_async_comprehension(db):
    async def run():
        return [await aget(db, i) for i in range(4)]  # L

    asyncio.run(run())


def gathered(db):
    async def run():
        await asyncio.gather(*(aget(db, i) for i in range(4)))  # L

    asyncio.run(run())


def gathered_in_a_helper(db):
    async def one(i):
        return await aget(db, i)

    async def run():
        tasks = [one(i) for i in range(4)]
        await asyncio.gather(*tasks)  # L

    asyncio.run(run())


def gathered_one_by_one(db):
    async def run():
        for i in range(4):  # L
            await asyncio.gather(aget(db, i))

    asyncio.run(run())


def gathered_within_what_is_gathered(db):
    async def two(i):
        await asyncio.gather(aget(db, i), aget(db, i + 10))  # L

    async def run():
        await asyncio.gather(two(1), two(2))  # L2

    asyncio.run(run())


def a_task_group(db):
    async def run():
        async with asyncio.TaskGroup() as group:
            for i in range(4):  # L
                group.create_task(aget(db, i))  # L2

    asyncio.run(run())


def waited_for_together(db):
    async def run():
        tasks = [asyncio.create_task(aget(db, i)) for i in range(4)]  # L
        await asyncio.wait(tasks)

    asyncio.run(run())


def started_and_awaited_later(db):
    async def run():
        tasks = []
        for i in range(4):  # L
            task = asyncio.create_task(aget(db, i))
            tasks.append(task)
        for task in tasks:
            await task

    asyncio.run(run())


def started_and_gathered_later(db):
    async def run():
        tasks = []
        for i in range(4):  # L
            tasks.append(asyncio.ensure_future(aget(db, i)))  # noqa: PERF401
        await asyncio.gather(*tasks)

    asyncio.run(run())


def started_by_a_loops_method(db):
    async def run():
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(aget(db, i)) for i in range(4)]  # L
        return [await each for each in asyncio.as_completed(tasks)]

    asyncio.run(run())


def started_on_uvloop(db):
    async def run():
        tasks = [asyncio.create_task(aget(db, i)) for i in range(4)]  # L
        for task in tasks:
            await task

    uvloop.run(run())


def started_by_anyio(db):
    async def run():
        async with anyio.create_task_group() as group:
            for i in range(4):  # L
                group.start_soon(aget, db, i)

    asyncio.run(run())


def as_completed(db):
    async def run():
        for each in asyncio.as_completed([aget(db, i) for i in range(4)]):  # L
            await each  # L2

    asyncio.run(run())


def waited_for_with_a_limit(db):
    async def run():
        for i in range(4):  # L
            await asyncio.wait_for(aget(db, i), 5)

    asyncio.run(run())


def with_a_timeout(db):
    async def run():
        for i in range(4):  # L
            async with asyncio.timeout(5):
                await aget(db, i)

    asyncio.run(run())


def shielded(db):
    async def run():
        for i in range(4):  # L
            await asyncio.shield(aget(db, i))

    asyncio.run(run())


def a_task_each(db):
    async def run():
        for i in range(4):  # L
            await asyncio.create_task(aget(db, i))

    asyncio.run(run())


def an_event_loop_each(db):
    for i in range(4):  # L
        asyncio.run(aget(db, i))


def a_runner(db):
    with asyncio.Runner() as runner:
        for i in range(4):  # L
            runner.run(aget(db, i))


def anyios_threads(db):
    async def run():
        for i in range(4):  # L
            await anyio.to_thread.run_sync(get, db, i)

    asyncio.run(run())


def asyncios_threads(db):
    async def run():
        for i in range(4):  # L
            await asyncio.to_thread(get, db, i)

    asyncio.run(run())


def sync_to_asyncs(db):
    async def run():
        for i in range(4):  # L
            await sync_to_async(get)(db, i)

    asyncio.run(run())


def async_to_syncs(db):
    for i in range(4):  # L
        async_to_sync(aget)(db, i)


def there_and_back(db):
    async def later(i):
        return await sync_to_async(get)(db, i)

    for i in range(4):  # L
        async_to_sync(later)(i)


SYNC = [
    a_for_loop,
    a_for_loop_over_several_lines,
    a_while_loop,
    a_while_loop_without_end,
    in_the_test_of_a_while,
    in_the_test_of_a_while_without_a_helper,
    with_an_assignment_in_the_test,
    an_else_of_a_loop_is_not_in_it,
    a_list_comprehension,
    a_list_comprehension_over_several_lines,
    in_the_condition_of_a_comprehension,
    a_set_comprehension,
    a_dict_comprehension,
    a_generator_expression,
    a_generator_that_is_summed,
    a_generator_that_any_stops,
    a_generator_function,
    a_generator_that_is_handed_on,
    a_map,
    a_map_with_a_lambda,
    a_filter,
    a_sort,
    a_maximum,
    a_reduction,
    a_helper,
    a_decorated_helper,
    a_property,
    a_cached_property,
    a_class_method,
    what_is_printed,
    an_attribute_that_is_made_up,
    nested_loops,
    nested_loops_of_one_pass_each,
    an_inner_loop_over_one,
    one_that_tries_again,
    one_that_tries_again_behind_a_test,
    one_that_waits,
    a_break_of_a_loop_inside_of_the_one_that_is_left,
    a_loop_that_stops_early,
    pages_of_ones_own,
    what_is_changed_in_the_loop,
    what_is_changed_by_a_call,
    what_has_a_state,
    nested_loops_in_helpers,
    a_nested_comprehension,
    a_comprehension_with_two_loops,
    a_context_manager,
    an_exit_stack,
    a_failing_pass,
    linear_recursion,
    recursion_over_a_tree,
    mutual_recursion,
]
ASYNC = [
    awaited_one_by_one,
    an_async_for_loop,
    an_async_generator,
    an_async_comprehension,
    gathered,
    gathered_in_a_helper,
    gathered_one_by_one,
    gathered_within_what_is_gathered,
    a_task_group,
    waited_for_together,
    started_and_awaited_later,
    started_and_gathered_later,
    started_by_a_loops_method,
    started_on_uvloop,
    started_by_anyio,
    as_completed,
    waited_for_with_a_limit,
    with_a_timeout,
    shielded,
    a_task_each,
    an_event_loop_each,
    a_runner,
    anyios_threads,
    asyncios_threads,
    sync_to_asyncs,
    async_to_syncs,
    there_and_back,
]


def check(run, found):
    """One finding at a line that is marked, and a query at one."""
    (finding,) = [each for each in found if each.statement == STATEMENT]
    expected = 3 if run is recursion_over_a_tree else 4
    assert (finding.kind, finding.count, finding.elements) == ("n_plus_one", expected, expected)
    marks = marked(run)
    assert place(finding.loop) in [marks[mark] for mark in marks if mark[0] == "L"]
    query = marks.get("Q")
    assert place(finding.query) in ([query] if query else [marked(get)["Q"], marked(aget)["Q"]])


@pytest.mark.parametrize("run", SYNC + ASYNC)
def test_a_loop_is_named_by_its_header(run, db):
    check(run, findings(run, db))


@pytest.mark.parametrize("run", SYNC + ASYNC)
def test_a_debugger_changes_nothing(run, db):
    def watched(frame, _event, _value):
        return watched if frame.f_code.co_filename == __file__ else None

    before = sys.gettrace()
    sys.settrace(watched)
    try:
        found = findings(run, db)
    finally:
        sys.settrace(before)
    check(run, found)


@pytest.mark.parametrize("run", [a_for_loop, a_map, awaited_one_by_one])
def test_so_does_a_profiler(run, db):
    before = sys.getprofile()
    sys.setprofile(lambda *_: None)
    try:
        found = findings(run, db)
    finally:
        sys.setprofile(before)
    check(run, found)


def test_each_statement_is_run_as_often_as_without(db):
    seen: list[str] = []
    db.set_trace_callback(seen.append)
    for run in SYNC:
        run(db)
    without = list(seen)
    seen.clear()
    for run in SYNC:
        findings(run, db)
    assert seen == without


def in_threads(db):
    threads = [threading.Thread(target=copy_context().run, args=(get, db, i)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_a_pool(db):
    contexts = [copy_context() for _ in range(4)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda context, i: context.run(get, db, i), contexts, range(4)))


@pytest.mark.parametrize("run", [in_threads, in_a_pool])
def test_threads_are_found_all_the_same(run, db):
    (finding,) = findings(run, db)
    assert (finding.kind, finding.count, finding.elements) == ("n_plus_one", 4, 4)
    assert place(finding.query) == marked(get)["Q"]


class Connections:
    """One for each thread: sqlite3 itself fails where two threads run a statement of one."""

    def __init__(self):
        self.own = threading.local()
        self.all: list[sqlite3.Connection] = []

    def close(self):
        for each in self.all:
            each.close()

    def execute(self, statement, parameters):
        if not hasattr(self.own, "db"):
            self.own.db = sqlite3.connect(":memory:", check_same_thread=False)
            self.all.append(self.own.db)
            self.own.db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        return self.own.db.execute(statement, parameters)


@pytest.mark.usefixtures("_switching_often")
@pytest.mark.parametrize("run", [in_threads, in_a_pool])
def test_threads_that_run_it_at_the_same_time_are_each_counted(run):
    inprofile.instrument()
    with nothing_fails():
        found = []
        for _ in range(200):
            with contextlib.closing(Connections()) as connections:
                found += findings(run, connections)
    counted = [(one.count, one.elements) for one in found if one.statement == STATEMENT]
    assert counted == [(4, 4)] * 200


def one_helper_of_two_loops(db):
    for i in range(4):  # L
        get(db, i)
    for i in range(5):  # L2
        get(db, i)


def one_helper_of_two_loops_in_one_line(db):
    return [get(db, i) for i in range(4)], [get(db, i) for i in range(5)]  # L L2


def test_one_helper_called_by_two_loops_is_two_findings(db):
    found = findings(one_helper_of_two_loops, db)
    marks = marked(one_helper_of_two_loops)
    assert sorted((each.count, place(each.loop)) for each in found) == [
        (4, marks["L"]),
        (5, marks["L2"]),
    ]


def two_statements_of_one_loop(db):
    for i in range(4):
        get(db, i)
        db.execute("SELECT id FROM t WHERE v = ?", (i,))


def test_two_statements_of_one_loop_are_two_findings(db):
    assert [each.count for each in findings(two_statements_of_one_loop, db)] == [4, 4]


def two_loops_of_one_pass(db):
    for i in (1,):
        get(db, i)
    for i in (2,):
        get(db, i)
    [get(db, i) for i in (3,)]
    [get(db, i) for i in (4,)]


def several_on_one_line(db):
    for i in (1,):
        get(db, i), get(db, i + 1), get(db, i + 2), get(db, i + 3)


def several_without_a_loop(db):
    get(db, 1), get(db, 2), get(db, 3), get(db, 4)
    get(db, 5)
    get(db, 6)


def a_helper_of_several_lines(db):
    def helper(i):
        get(db, i)

    helper(1)
    helper(2)
    helper(3)
    helper(4)


def gathered_by_name(db):
    async def run():
        await aget(db, 1)
        await aget(db, 2)
        await aget(db, 3)

    asyncio.run(run())


def another_statement_in_each_pass(db):
    for i in range(6):
        db.execute(f"SELECT v AS a{'b' * i} FROM t WHERE id = ?", (i,))


def once(db):
    for i in (1,):
        get(db, i)


def twice_the_same(db):
    for _ in range(2):
        get(db, 1)


def a_retry(db):
    for _ in range(4):
        if get(db, 1):
            break


@pytest.mark.parametrize(
    "run",
    [
        two_loops_of_one_pass,
        several_on_one_line,
        several_without_a_loop,
        a_helper_of_several_lines,
        gathered_by_name,
        another_statement_in_each_pass,
        once,
        twice_the_same,
        a_retry,
    ],
)
def test_what_passes_once_is_silent(run, db):
    assert findings(run, db) == []


def test_a_thousand_passes_and_more(db):
    def run():
        for i in range(3000):  # L
            get(db, i)

    (finding,) = findings(run)
    assert (finding.count, finding.elements) == (3000, 3000)
    assert place(finding.loop) == marked(run)["L"]


@pytest.mark.parametrize(
    "run",
    [a_property, a_generator_function, a_list_comprehension, a_while_loop, awaited_one_by_one],
)
def test_what_cpython_makes_quicker_is_the_same_loop(run, db):
    for _ in range(30):
        check(run, findings(run, db))


def test_a_deep_recursion(db):
    def down(i):
        get(db, i)
        if i:
            down(i - 1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        (finding,) = findings(down, 2000)
    finally:
        sys.setrecursionlimit(limit)
    assert finding.kind == "n_plus_one"
    assert finding.count >= 2000


def test_a_loop_below_a_deep_stack(db):
    def down(depth):
        if depth:
            down(depth - 1)
        else:
            a_for_loop(db)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        found = findings(down, 1500)
    finally:
        sys.setrecursionlimit(limit)
    check(a_for_loop, found)


def test_many_recordings_at_once_do_not_mix(db):
    async def one(count):
        with record() as recording:
            for i in range(count):
                await aget(db, i)
        return [each.count for each in recording.findings]

    async def run():
        return await asyncio.gather(*(one(count) for count in range(20)))

    assert asyncio.run(run()) == [[count] if count > 2 else [] for count in range(20)]


def test_code_without_a_source_has_its_loop(db):
    scope: dict[str, Any] = {}
    code = "def run(db):\n    for i in range(4):\n        get(db, i)\n"
    exec(compile(code, "/srv/gone.py", "exec"), {"get": get}, scope)
    (finding,) = findings(scope["run"], db)
    assert place(finding.loop) == ("/srv/gone.py", 2)


def test_a_loop_around_the_recording_is_never_the_answer(db):
    found = []
    for _ in range(2):
        with record() as recording:
            list(map(get, [db] * 4, range(4)))  # L
        found += recording.findings
    line = marked(test_a_loop_around_the_recording_is_never_the_answer)["L"]
    assert [place(finding.loop) for finding in found] == [line, line]


def test_nor_is_one_further_out(db):
    for _ in range(2):
        for __ in range(1):
            with record() as recording:
                for i in range(4):  # L
                    for ___ in (1,):
                        get(db, i)
            (finding,) = recording.findings
            assert place(finding.loop) == marked(test_nor_is_one_further_out)["L"]


def test_nor_is_one_for_what_fails(db):
    for _ in range(2):
        with record() as recording:
            for i in range(4):  # L
                try:
                    get(db, i)
                    if i < 3:
                        raise ValueError
                    break
                except ValueError:
                    pass
        (finding,) = recording.findings
        assert place(finding.loop) == marked(test_nor_is_one_for_what_fails)["L"]


def test_nor_is_one_around_a_job(db):
    with record() as recording:
        for number in range(2):
            with inprofile.job(f"mail {number}"):
                list(map(get, [db] * 4, range(4)))  # L
    line = marked(test_nor_is_one_around_a_job)["L"]
    assert [place(finding.loop) for finding in recording.findings] == [line, line]


def test_a_task_lives_no_longer_for_having_been_started_in_a_recording(db):
    async def run():
        task = asyncio.create_task(aget(db, 1))
        await task
        return weakref.ref(task)

    gc.collect()
    gc.disable()
    try:
        with record():
            assert asyncio.run(run())() is None
    finally:
        gc.enable()
