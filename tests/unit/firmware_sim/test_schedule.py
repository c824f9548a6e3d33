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
