import pytest

from gateway.ring.words import DoubledWords


class PowerCutError(Exception):
    pass


class FailingBytes:
    """Two places and a byte a word, as a 32-bit processor stores them: cut off at one store."""

    def __init__(self, half_stores):
        self.cells = {"first": [0, 0], "second": [0, 0], "turns": [0, 0]}
        self.half_stores = half_stores

    def view(self, name):
        outer = self

        class View:
            def __getitem__(self, index):
                return outer.cells[name][index]

            def __setitem__(self, index, value):
                old = outer.cells[name][index]
                if name == "turns":
                    outer.step(name, index, value)
                else:
                    outer.step(name, index, old & ~0xFFFFFFFF | value & 0xFFFFFFFF)
                    outer.step(name, index, value)

        return View()

    def step(self, name, index, value):
        if self.half_stores == 0:
            raise PowerCutError
        self.half_stores -= 1
        self.cells[name][index] = value


BEFORE, AFTER = 2**32 - 1, 2**32 + 7
FIRST_WORD_STORES = 3  # the lower half, the upper half, the turn


@pytest.mark.parametrize("stores", range(FIRST_WORD_STORES + 1))
def test_a_word_stored_in_halves_is_the_old_or_the_new_one_wherever_it_is_cut_off(stores):
    memory = FailingBytes(FIRST_WORD_STORES + stores)
    words = DoubledWords(memory.view("first"), memory.view("second"), memory.view("turns"))
    words[1] = BEFORE
    if stores < FIRST_WORD_STORES:
        with pytest.raises(PowerCutError):
            words[1] = AFTER
        assert words[1] == BEFORE
    else:
        words[1] = AFTER
        assert words[1] == AFTER


def test_words_in_halves_do_not_touch_one_another():
    memory = bytearray(16), bytearray(16), bytearray(2)
    words = DoubledWords(
        memoryview(memory[0]).cast("Q"), memoryview(memory[1]).cast("Q"), memoryview(memory[2])
    )
    for value in (1, 2**64 - 1, 5):
        words[0] = value
        assert (words[0], words[1]) == (value, 0)
