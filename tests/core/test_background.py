"""What our own thread costs is counted."""

from inprofile.core.background import BackgroundTime
from inprofile.core.buckets import layout
from inprofile.core.cells import Cells
from inprofile.core.meter import Meter
from inprofile.core.metrics import BACKGROUND_CPU


def test_the_processor_time_of_a_thread_is_added_as_it_grows(clock):
    meter = Meter(Cells(None, layout(), 4 << 20))
    begun_ns = clock()
    count = BackgroundTime(meter, lambda: clock() - begun_ns)
    for length_ns in (500, 0, 2_000):
        clock.advance(length_ns)
        count()
    words = {key: values for key, values in meter.cells.copied().items() if any(values)}
    assert words == {(BACKGROUND_CPU.name,): [2_500, 2_000, 3]}
    meter.cells.close()
