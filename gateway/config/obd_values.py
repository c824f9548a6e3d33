"""What service 01 of OBD-II tells: "current data", by parameter (PID).

Source: SAE J1979 (ISO 15031-5), appendix B; one value where a PID has several is the first.
"""

from __future__ import annotations

from typing import NamedTuple


class ObdValue(NamedTuple):
    """One value of service 01.

    Attributes:
        pid: The parameter's number.
        size: Bytes that make up the value, most significant first.
        scale: Multiplies them.
        offset: Added after that.
        unit: Of the result.
    """

    pid: int
    size: int
    scale: float
    offset: float
    unit: str

    @property
    def minimum(self) -> float:
        """The least value that can be told."""
        return self.offset

    @property
    def maximum(self) -> float:
        """The greatest value that can be told."""
        return ((1 << 8 * self.size) - 1) * self.scale + self.offset


OBD_VALUES = {
    "engine_load": ObdValue(0x04, 1, 100 / 255, 0.0, "%"),
    "coolant_temp": ObdValue(0x05, 1, 1.0, -40.0, "degC"),
    "short_term_fuel_trim": ObdValue(0x06, 1, 100 / 128, -100.0, "%"),
    "long_term_fuel_trim": ObdValue(0x07, 1, 100 / 128, -100.0, "%"),
    "fuel_pressure": ObdValue(0x0A, 1, 3.0, 0.0, "kPa"),
    "manifold_pressure": ObdValue(0x0B, 1, 1.0, 0.0, "kPa"),
    "rpm": ObdValue(0x0C, 2, 0.25, 0.0, "1/min"),
    "speed": ObdValue(0x0D, 1, 1.0, 0.0, "km/h"),
    "timing_advance": ObdValue(0x0E, 1, 0.5, -64.0, "deg"),
    "intake_temp": ObdValue(0x0F, 1, 1.0, -40.0, "degC"),
    "air_flow": ObdValue(0x10, 2, 0.01, 0.0, "g/s"),
    "throttle": ObdValue(0x11, 1, 100 / 255, 0.0, "%"),
    "run_time": ObdValue(0x1F, 2, 1.0, 0.0, "s"),
    "distance_with_mil": ObdValue(0x21, 2, 1.0, 0.0, "km"),
    "fuel_level": ObdValue(0x2F, 1, 100 / 255, 0.0, "%"),
    "distance_since_clear": ObdValue(0x31, 2, 1.0, 0.0, "km"),
    "barometric_pressure": ObdValue(0x33, 1, 1.0, 0.0, "kPa"),
    "module_voltage": ObdValue(0x42, 2, 0.001, 0.0, "V"),
    "ambient_temp": ObdValue(0x46, 1, 1.0, -40.0, "degC"),
    "accelerator": ObdValue(0x49, 1, 100 / 255, 0.0, "%"),
    "oil_temp": ObdValue(0x5C, 1, 1.0, -40.0, "degC"),
    "fuel_rate": ObdValue(0x5E, 2, 0.05, 0.0, "L/h"),
}
"""By the names that a configuration gives them. Two more come with PID 01, the monitor status:
`TROUBLE_CODES` and `MIL`."""

MONITOR_STATUS = 0x01
TROUBLE_CODES = "trouble_codes"
"""How many diagnostic trouble codes are stored: seven bits of the first byte of PID 01."""
MIL = "mil"
"""Whether the malfunction indicator lamp is on: the eighth."""

OBD_NAMES = (*OBD_VALUES, TROUBLE_CODES, MIL)
"""All that ``values`` of an OBD-II source may list."""
