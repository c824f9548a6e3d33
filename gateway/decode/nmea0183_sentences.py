"""What the sentences of NMEA 0183 carry: a table.

The order of the fields is that of NMEA 0183 version 4, as described in "NMEA Revealed"
(https://gpsd.gitlab.io/gpsd/NMEA.html). Units are those of the trade: degrees, knots, metres,
degrees Celsius, hectopascals; what a sentence gives in another unit is converted.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.decode.nmea0183_readers import (
    Reader,
    date_of_rmc,
    date_of_zda,
    directed,
    in_unit_of,
    measured,
    only_if,
    plain,
    position,
    time_of_day,
    transducer,
    unix_time,
)

KNOTS_PER_KMH = 1 / 1.852
KNOTS_PER_MPS = 3600 / 1852
KNOTS_PER_MPH = 1.609344 / 1.852
M_PER_FOOT = 0.3048
M_PER_FATHOM = 1.8288
HPA_PER_BAR = 1000.0
HPA_PER_INHG = 33.86389
NEVER = (0, b"")
"""A sentence without a status: its values are never void."""


class Quantity(NamedTuple):
    """One signal of a sentence.

    Attributes:
        name: The signal's name.
        unit: Its unit, "" for a plain number.
        read: How it is read from the fields.
        void: Where a status says whether it may be used, and the letters that say it may not.
        minimum: The least value that makes sense, None where there is no limit.
        maximum: The greatest, likewise.
    """

    name: str
    unit: str
    read: Reader
    void: tuple[int, bytes] = NEVER
    minimum: float | None = None
    maximum: float | None = None


def angle(name: str, read: Reader, void: tuple[int, bytes] = NEVER) -> Quantity:
    """Return an angle that is counted clockwise, 0..360 degrees."""
    return Quantity(name, "deg", read, void, 0, 360)


def speed(
    name: str, *places: tuple[int, bytes, float], void: tuple[int, bytes] = NEVER
) -> Quantity:
    """Return a speed in knots."""
    return Quantity(name, "kn", measured(*places), void)


def depth(name: str) -> Quantity:
    """Return the depth that DBT, DBS and DBK give in feet, metres and fathoms."""
    metres = measured((3, b"M", 1.0), (1, b"f", M_PER_FOOT), (5, b"F", M_PER_FATHOM))
    return Quantity(name, "m", metres, minimum=0)


def fix(at: int, void: tuple[int, bytes] = NEVER) -> tuple[Quantity, Quantity]:
    """Return latitude and longitude in the four fields from *at* on."""
    return (
        Quantity("latitude", "deg", position(at, b"S", b"N"), void, -90, 90),
        Quantity("longitude", "deg", position(at + 2, b"W", b"E"), void, -180, 180),
    )


def wind_side(frame: str) -> tuple[Quantity, ...]:
    """Return VWR's and VWT's wind: angle off the bow to a side, and speed in three units."""
    return (
        Quantity(f"wind_angle_{frame}", "deg", directed(1, 2, b"L", b"R"), NEVER, -180, 180),
        speed(
            f"wind_speed_{frame}",
            (3, b"N", 1.0), (5, b"M", KNOTS_PER_MPS), (7, b"K", KNOTS_PER_KMH),
        ),
    )  # fmt: skip


def wind_vane(frame: str, letter: bytes) -> tuple[Quantity, ...]:
    """Return MWV's wind where its reference is *letter*."""
    void = (5, b"V")
    units = {b"N": 1.0, b"K": KNOTS_PER_KMH, b"M": KNOTS_PER_MPS, b"S": KNOTS_PER_MPH}
    return (
        angle(f"wind_angle_{frame}", only_if(2, letter, plain(1)), void),
        Quantity(f"wind_speed_{frame}", "kn", only_if(2, letter, in_unit_of(3, 4, units)), void),
    )


def revolutions(kind: str, number_of: int) -> tuple[Quantity, ...]:
    """Return RPM's speed and pitch of engine or shaft *number_of*: 0 single, odd starboard."""
    letter = b"E" if kind == "engine" else b"S"
    this, void = f"{number_of}".encode(), (5, b"V")

    def of_this(at: int) -> Reader:
        return only_if(1, letter, only_if(2, this, plain(at)))

    return (
        Quantity(f"{kind}_{number_of}_speed", "rpm", of_this(3), void),
        Quantity(f"{kind}_{number_of}_pitch", "%", of_this(4), void, -100, 100),
    )


PRESSURE = Quantity(
    "pressure", "hPa", measured((3, b"B", HPA_PER_BAR), (1, b"I", HPA_PER_INHG)), minimum=0
)
"""MDA's and MMB's barometric pressure, in inches of mercury and in bars."""

DEGREES = {b"D": 1.0}
CELSIUS = {b"C": 1.0}
PRESSURES = {b"B": HPA_PER_BAR, b"P": 0.01}

# One line a signal is what makes this a table to look things up in.
# fmt: off
SENTENCES: dict[str, tuple[Quantity, ...]] = {
    "APB": (
        Quantity("cross_track_error", "nmi", directed(3, 4, b"L", b"R"), (1, b"V")),
        angle("bearing_to_destination_magnetic", only_if(12, b"M", plain(11)), (1, b"V")),
        angle("bearing_to_destination_true", only_if(12, b"T", plain(11)), (1, b"V")),
        angle("heading_to_steer_magnetic", only_if(14, b"M", plain(13)), (1, b"V")),
        angle("heading_to_steer_true", only_if(14, b"T", plain(13)), (1, b"V")),
    ),
    "BOD": (
        angle("bearing_true", measured((1, b"T", 1.0))),
        angle("bearing_magnetic", measured((3, b"M", 1.0))),
    ),
    "BWC": (
        angle("bearing_true", measured((6, b"T", 1.0))),
        angle("bearing_magnetic", measured((8, b"M", 1.0))),
        Quantity("distance", "nmi", measured((10, b"N", 1.0)), minimum=0),
    ),
    "BWR": (
        angle("bearing_true", measured((6, b"T", 1.0))),
        angle("bearing_magnetic", measured((8, b"M", 1.0))),
        Quantity("distance", "nmi", measured((10, b"N", 1.0)), minimum=0),
    ),
    "DBK": (depth("depth_below_keel"),),
    "DBS": (depth("depth_below_surface"),),
    "DBT": (depth("depth_below_transducer"),),
    "DPT": (
        Quantity("depth_below_transducer", "m", plain(1), minimum=0),
        Quantity("transducer_offset", "m", plain(2)),
    ),
    "GGA": (
        Quantity("time_of_day", "s", time_of_day(1)),
        *fix(2, (6, b"0")),
        Quantity("fix_quality", "", plain(6), minimum=0, maximum=8),
        Quantity("satellites", "", plain(7), minimum=0),
        Quantity("hdop", "", plain(8), minimum=0),
        Quantity("altitude", "m", measured((9, b"M", 1.0)), (6, b"0")),
        Quantity("geoid_separation", "m", measured((11, b"M", 1.0)), (6, b"0")),
    ),
    "GLL": (*fix(1, (6, b"V")), Quantity("time_of_day", "s", time_of_day(5))),
    "GNS": (
        Quantity("time_of_day", "s", time_of_day(1)),
        *fix(2, (6, b"N")),
        Quantity("satellites", "", plain(7), minimum=0),
        Quantity("hdop", "", plain(8), minimum=0),
        Quantity("altitude", "m", plain(9), (6, b"N")),
        Quantity("geoid_separation", "m", plain(10), (6, b"N")),
    ),
    "GSA": (
        Quantity("fix_mode", "", plain(2), minimum=1, maximum=3),
        Quantity("pdop", "", plain(15), minimum=0),
        Quantity("hdop", "", plain(16), minimum=0),
        Quantity("vdop", "", plain(17), minimum=0),
    ),
    "GST": (
        Quantity("range_rms", "m", plain(2), minimum=0),
        Quantity("latitude_error", "m", plain(6), minimum=0),
        Quantity("longitude_error", "m", plain(7), minimum=0),
        Quantity("altitude_error", "m", plain(8), minimum=0),
    ),
    "GSV": (Quantity("satellites_in_view", "", plain(3), minimum=0),),
    "HDG": (
        angle("heading_magnetic_sensor", plain(1)),
        Quantity("deviation", "deg", directed(2, 3, b"W", b"E"), NEVER, -180, 180),
        Quantity("variation", "deg", directed(4, 5, b"W", b"E"), NEVER, -180, 180),
    ),
    "HDM": (angle("heading_magnetic", measured((1, b"M", 1.0))),),
    "HDT": (angle("heading_true", measured((1, b"T", 1.0))),),
    "HSC": (
        angle("heading_to_steer_true", measured((1, b"T", 1.0))),
        angle("heading_to_steer_magnetic", measured((3, b"M", 1.0))),
    ),
    "MDA": (
        PRESSURE,
        Quantity("air_temperature", "degC", measured((5, b"C", 1.0))),
        Quantity("water_temperature", "degC", measured((7, b"C", 1.0))),
        Quantity("relative_humidity", "%", plain(9), minimum=0, maximum=100),
        Quantity("dew_point", "degC", measured((11, b"C", 1.0))),
        angle("wind_direction_true", measured((13, b"T", 1.0))),
        angle("wind_direction_magnetic", measured((15, b"M", 1.0))),
        speed("wind_speed", (17, b"N", 1.0), (19, b"M", KNOTS_PER_MPS)),
    ),
    "MHU": (
        Quantity("relative_humidity", "%", plain(1), minimum=0, maximum=100),
        Quantity("dew_point", "degC", measured((3, b"C", 1.0))),
    ),
    "MMB": (PRESSURE,),
    "MTA": (Quantity("air_temperature", "degC", measured((1, b"C", 1.0))),),
    "MTW": (Quantity("water_temperature", "degC", measured((1, b"C", 1.0))),),
    "MWD": (
        angle("wind_direction_true", measured((1, b"T", 1.0))),
        angle("wind_direction_magnetic", measured((3, b"M", 1.0))),
        speed("wind_speed", (5, b"N", 1.0), (7, b"M", KNOTS_PER_MPS)),
    ),
    "MWV": (*wind_vane("relative", b"R"), *wind_vane("true", b"T")),
    "RMB": (
        Quantity("cross_track_error", "nmi", directed(2, 3, b"L", b"R"), (1, b"V")),
        Quantity("range_to_destination", "nmi", plain(10), (1, b"V"), 0),
        angle("bearing_to_destination_true", plain(11), (1, b"V")),
        Quantity("closing_speed", "kn", plain(12), (1, b"V")),
    ),
    "RMC": (
        Quantity("time_of_day", "s", time_of_day(1)),
        Quantity("unix_time", "s", unix_time(1, date_of_rmc), (2, b"V"), 0),
        *fix(3, (2, b"V")),
        Quantity("speed_over_ground", "kn", plain(7), (2, b"V"), 0),
        angle("course_over_ground_true", plain(8), (2, b"V")),
        Quantity("variation", "deg", directed(10, 11, b"W", b"E"), NEVER, -180, 180),
    ),
    "ROT": (Quantity("rate_of_turn", "deg/min", plain(1), (2, b"V")),),
    "RPM": tuple(
        each for kind in ("engine", "shaft") for n in range(3) for each in revolutions(kind, n)
    ),
    "RSA": (
        Quantity("rudder_angle_starboard", "deg", plain(1), (2, b"V"), -180, 180),
        Quantity("rudder_angle_port", "deg", plain(3), (4, b"V"), -180, 180),
    ),
    "THS": (angle("heading_true", plain(1), (2, b"V")),),
    "VBW": (
        Quantity("longitudinal_water_speed", "kn", plain(1), (3, b"V")),
        Quantity("transverse_water_speed", "kn", plain(2), (3, b"V")),
        Quantity("longitudinal_ground_speed", "kn", plain(4), (6, b"V")),
        Quantity("transverse_ground_speed", "kn", plain(5), (6, b"V")),
    ),
    "VDR": (
        angle("set_true", measured((1, b"T", 1.0))),
        angle("set_magnetic", measured((3, b"M", 1.0))),
        speed("drift", (5, b"N", 1.0)),
    ),
    "VHW": (
        angle("heading_true", measured((1, b"T", 1.0))),
        angle("heading_magnetic", measured((3, b"M", 1.0))),
        speed("speed_through_water", (5, b"N", 1.0), (7, b"K", KNOTS_PER_KMH)),
    ),
    "VLW": (
        Quantity("total_distance_water", "nmi", measured((1, b"N", 1.0)), minimum=0),
        Quantity("trip_distance_water", "nmi", measured((3, b"N", 1.0)), minimum=0),
        Quantity("total_distance_ground", "nmi", measured((5, b"N", 1.0)), minimum=0),
        Quantity("trip_distance_ground", "nmi", measured((7, b"N", 1.0)), minimum=0),
    ),
    "VPW": (speed("speed_parallel_to_wind", (1, b"N", 1.0), (3, b"M", KNOTS_PER_MPS)),),
    "VTG": (
        angle("course_over_ground_true", measured((1, b"T", 1.0)), (9, b"N")),
        angle("course_over_ground_magnetic", measured((3, b"M", 1.0)), (9, b"N")),
        speed("speed_over_ground", (5, b"N", 1.0), (7, b"K", KNOTS_PER_KMH), void=(9, b"N")),
    ),
    "VWR": wind_side("relative"),
    "VWT": wind_side("true"),
    "WCV": (speed("closing_speed", (1, b"N", 1.0)),),
    "XDR": (
        Quantity("pitch", "deg", transducer(b"A", DEGREES, b"PTCH", b"PITCH"), NEVER, -180, 180),
        Quantity("roll", "deg", transducer(b"A", DEGREES, b"ROLL", b"HEEL"), NEVER, -180, 180),
        Quantity("air_temperature", "degC", transducer(
            b"C", CELSIUS, b"AIRTEMP", b"TEMPAIR", b"ENV_OUTAIR_T", b"ENV_OUTSIDE_T"
        )),
        Quantity("pressure", "hPa", transducer(
            b"P", PRESSURES, b"BARO", b"BAROMETER", b"ENV_ATMOS_P"
        ), minimum=0),
    ),
    "XTE": (Quantity("cross_track_error", "nmi", directed(3, 4, b"L", b"R"), (1, b"V")),),
    "ZDA": (
        Quantity("time_of_day", "s", time_of_day(1)),
        Quantity("unix_time", "s", unix_time(1, date_of_zda), minimum=0),
    ),
}
# fmt: on
"""By sentence type, without the talker that sent it."""

LONGEST = 21
"""The greatest number of fields, address included, that any of them (but XDR) reads."""
