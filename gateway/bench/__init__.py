"""Hardware-in-the-loop tests in pytest: one test file for simulator, vcan and hardware.

`plugin` is what pytest loads, in every run on the machine; it imports nothing else of this folder
before a test asks for the fixture ``bench``.
"""
