from firmware_sim.schedule import HELD_RETRY_NS, Schedule


class Ticker:
    """Sends the moment at which it was told to step."""

    def __init__(self, period_ns, name="", journal=None):
        self.name = name
        self.due_ns = 0
        self._period_ns = period_ns
        self._journal = journal

    def step(self, now_ns):
        self.due_ns += self._period_ns
        if self._journal is not None:
            self._journal.append((self.name, now_ns))
        return str(now_ns).encode()


class Answerer:
    """Sends back what it hears, a while later."""

    def __init__(self, delay_ns, journal=None):
        self.name = "answerer"
        self.due_ns = None
        self._delay_ns = delay_ns
        self._journal = [] if journal is None else journal
        self._heard = []

    def hear(self, data, now_ns):
        self._journal.append((now_ns, data))
        self._heard.append(data)
        self.due_ns = now_ns + self._delay_ns

    def step(self, _now_ns):
        self.due_ns = None
        sent = b"".join(self._heard)
        self._heard.clear()
        return sent


class Tray:
    """An outlet that keeps what it is sent."""

    def __init__(self):
        self.held = False
        self.got = []

    def send(self, data, now_ns):
        self.got.append((int(data), now_ns))


class Hand:
    """A clock set by hand."""

    def __init__(self, now_ns=0):
        self.now_ns = now_ns

    def __call__(self):
        return self.now_ns


def started(now_ns=1_000):
    clock = Hand(now_ns)
    schedule = Schedule(clock)
    return schedule, clock


def test_a_device_steps_when_it_is_due_and_the_next_moment_is_told():
    schedule, clock = started(1_000)
    tray = Tray()
    schedule.add(Ticker(10), tray)
    schedule.start()
    assert schedule.settle() == 1_010
    clock.now_ns = 1_009
    assert schedule.settle() == 1_010
    clock.now_ns = 1_010
    assert schedule.settle() == 1_020
    assert tray.got == [(0, 1_000), (10, 1_010)]


def test_a_late_machine_takes_every_step_at_its_own_moment():
    schedule, clock = started(0)
    tray = Tray()
    schedule.add(Ticker(10), tray)
    schedule.start()
    clock.now_ns = 35
    schedule.settle()
    assert [due for due, _ in tray.got] == [0, 10, 20, 30]


def test_a_schedule_that_gathers_is_called_seldom_and_takes_every_step_at_its_own_moment():
    clock, tray = Hand(1_000), Tray()
    schedule = Schedule(clock, gather_ns=25)
    schedule.add(Ticker(10), tray)
    schedule.start()
    assert schedule.settle() == 1_025
    clock.now_ns = 1_025
    assert schedule.settle() == 1_050
    assert tray.got == [(0, 1_000), (10, 1_010), (20, 1_020)]


def test_late_devices_step_in_the_order_of_their_moments():
    schedule, clock = started(0)
    journal = []
    schedule.add(Ticker(10, "fast", journal), Tray())
    schedule.add(Ticker(25, "slow", journal), Tray())
    schedule.start()
    clock.now_ns = 30
    schedule.settle()
    assert journal == [
        ("fast", 0),
        ("slow", 0),
        ("fast", 10),
        ("fast", 20),
        ("slow", 25),
        ("fast", 30),
    ]


def test_a_held_device_waits_and_then_takes_all_its_steps():
    schedule, clock = started(0)
    tray = Tray()
    tray.held = True
    schedule.add(Ticker(10), tray)
    schedule.start()
    clock.now_ns = 25
    assert schedule.settle() == 25 + HELD_RETRY_NS
    assert tray.got == []
    tray.held = False
    schedule.settle()
    assert [due for due, _ in tray.got] == [0, 10, 20]


def test_a_held_device_does_not_hold_up_others():
    schedule, _ = started(0)
    held, free = Tray(), Tray()
    held.held = True
    schedule.add(Ticker(10), held)
    schedule.add(Ticker(10), free)
    schedule.start()
    schedule.settle()
    assert free.got == [(0, 0)]


def test_devices_that_share_a_car_are_held_up_together():
    schedule, clock = started(0)
    held, free = Tray(), Tray()
    held.held = True
    journal = []
    car = object()
    schedule.add(Ticker(10, "held", journal), held, group=car)
    schedule.add(Ticker(4, "free", journal), free, group=car)
    schedule.start()
    clock.now_ns = 10
    schedule.settle()
    assert journal == []
    held.held = False
    schedule.settle()
    assert [moment for _, moment in journal] == sorted(moment for _, moment in journal)
    assert len(journal) == 5


def test_what_is_heard_makes_a_device_due():
    schedule, clock = started(0)
    tray = Tray()
    place = schedule.add(Answerer(5), tray)
    schedule.start()
    assert schedule.settle() is None
    clock.now_ns = 20
    schedule.settle()
    schedule.hear(place, b"7")
    assert schedule.settle() == 25
    clock.now_ns = 30
    schedule.settle()
    assert tray.got == [(7, 25)]


def test_what_is_heard_at_a_moment_comes_before_what_is_sent_at_it():
    schedule, _ = started(0)
    journal = []
    tray = Tray()
    place = schedule.add(Answerer(0, journal), tray)
    schedule.add(Ticker(10, "ticker"), tray)
    schedule.start()
    schedule.hear(place, b"99", 10)
    schedule.run_to(10)
    assert journal == [(10, b"99")]
    assert tray.got == [(0, 0), (99, 10), (10, 10)]


def test_what_a_time_line_asks_for_happens_in_order_before_devices_step():
    schedule, _ = started(0)
    journal = []
    schedule.add(Ticker(10, "ticker", journal), Tray())
    for name in ("first", "second"):
        schedule.at(20, lambda now_ns, name=name: journal.append((name, now_ns)))
    schedule.at(15, lambda now_ns: journal.append(("earlier", now_ns)))
    schedule.start()
    schedule.run_to(20)
    assert journal == [
        ("ticker", 0),
        ("ticker", 10),
        ("earlier", 15),
        ("first", 20),
        ("second", 20),
        ("ticker", 20),
    ]


def test_a_device_whose_next_step_was_moved_takes_it_once_and_then():
    schedule, _ = started(0)
    journal = []
    ticker = Ticker(10, "ticker", journal)
    place = schedule.add(ticker, Tray())
    schedule.start()
    schedule.run_to(0)
    for moment in (4, 10, 3, 10):
        ticker.due_ns = moment
        schedule.changed(place)
    schedule.run_to(19)
    assert journal == [("ticker", 0), ("ticker", 10)]


def test_a_filter_changes_what_is_heard_and_may_take_it_away():
    schedule, _ = started(0)
    journal = []
    place = schedule.add(Answerer(0, journal), Tray())
    place.filters.append(lambda data, _: data.replace(b"1", b""))
    schedule.start()
    for data in (b"12", b"1"):
        schedule.hear(place, data)
    schedule.run_to(1)
    assert journal == [(0, b"2")]


def test_after_the_end_no_device_steps():
    schedule, _ = started(0)
    tray = Tray()
    schedule.add(Ticker(10), tray)
    schedule.start()
    schedule.run_to(0)
    schedule.stop()
    assert schedule.run_to(100) is None
    assert tray.got == [(0, 0)]


def test_after_the_end_no_device_answers_what_still_arrives():
    schedule, _ = started(0)
    tray = Tray()
    place = schedule.add(Answerer(5), tray)
    schedule.start()
    schedule.stop()
    schedule.hear(place, b"7", 10)
    schedule._tell(place, b"8", 20)  # as a bus does with what has just crossed it
    assert schedule.run_to(100) is None
    assert tray.got == []


def test_a_device_that_will_never_send_again_leaves_nothing_due():
    class Once(Ticker):
        def step(self, now_ns):
            sent = super().step(now_ns)
            self.due_ns = None
            return sent

    schedule, _ = started(1_000)
    tray = Tray()
    schedule.add(Once(1), tray)
    schedule.start()
    assert schedule.settle() is None
    assert tray.got == [(0, 1_000)]
