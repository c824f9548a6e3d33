"""What the entry points take: the good input that is damaged."""

from __future__ import annotations

from binascii import crc_hqx
from functools import reduce
from operator import xor

from cobs import cobs

from gateway.config.model import FieldConfig, FrameConfig

DBC = b"""VERSION ""
BU_: ECU
BO_ 256 Engine: 8 ECU
 SG_ TEMP : 0|8@1+ (1,-40) [-40|215] "degC" ECU
 SG_ RPM : 8|16@1+ (0.25,0) [0|16383] "rpm" ECU
 SG_ TORQUE : 39|12@0- (0.1,0) [0|0] "Nm" ECU
BO_ 512 Mode: 8 ECU
 SG_ Which M : 0|4@1+ (1,0) [0|0] "" ECU
 SG_ A m0 : 8|16@1- (1,0) [0|0] "" ECU
 SG_ B m1 : 15|32@0+ (1,0) [0|0] "" ECU
BO_ 2365480958 Fast: 20 ECU
 SG_ Long : 64|64@1- (1e-7,0) [-180|180] "deg" ECU
SIG_VALTYPE_ 512 B : 1;
SG_MUL_VAL_ 512 A Which 0-0, 7-9;
SG_MUL_VAL_ 512 B Which 1-1;
VAL_ 512 Which 0 "a" 1 "b" ;
"""

CONFIG = b"""[gateway]
name = "car"
ring_capacity = 4096
latency = "12ms"
[analyzers]
count = 2
[alarms]
journal = "alarms.jsonl"
[[source]]
name = "can0"
type = "can"
channel = "can0"
dbc = ["car.dbc"]
signals = ["Engine.*"]
[[source]]
name = "gps"
type = "serial"
port = "/dev/ttyUSB0"
protocol = "nmea0183"
[[source]]
name = "mcu"
type = "serial"
port = "/dev/ttyACM0"
baudrate = 115200
protocol = "framed"
[[source.frames]]
name = "engine"
id = 1
[[source.frames.fields]]
name = "rpm"
type = "u16"
scale = 0.25
[[source.frames.fields]]
name = "t"
minimum = -40
maximum = 215
[[transmit]]
name = "limit"
source = "can0"
message = "Engine"
values = { RPM = 3000 }
rate = 2
[[rule]]
name = "engine_hot"
signal = "TEMP"
above = 110.0
deadband = 2.0
on_delay = "500ms"
severity = "warning"
message = "High engine temperature"
on_raise = { transmit = "limit", values = { TEMP = 20 } }
[[rule]]
name = "band"
signal = "can0.Engine.RPM"
outside = [500, 9000]
[[rule]]
name = "mute"
signal = "RMC.latitude"
stale_after = "2s"
"""

REPLAY = b"""[[source]]
name = "drive"
type = "replay"
path = "car.log"
channels = { can0 = ["car.dbc"] }
"""

SCENARIO = b"""[scenario]
seed = 44
[[bus]]
name = "can0"
queue = 4096
[[device]]
name = "car"
type = "f1-car"
bus = "can0"
[[device]]
name = "gps"
type = "gps"
car = "car"
port = "gps"
start = 2026-11-21T20:00:00Z
[[device]]
name = "load"
type = "load"
bus = "can0"
rate = 4000
ids = 8
length = 8
[[device]]
name = "box"
type = "rest-bus"
bus = "can0"
dbc = "car.dbc"
nodes = ["ECU"]
cycle = { Engine = "100ms" }
signals = { "Engine.TEMP" = { sine = { low = 80, high = 110, period = "10s" } } }
[[step]]
at = "10s"
set = { "car.ENGINE_TEMP" = 125.0 }
[[step]]
when = "car.ENGINE_TEMP > 120.5"
release = ["car"]
reset = ["car"]
[[fault]]
kind = "drop"
on = "car"
rate = 0.5
when = "car.state == 'limp_home'"
for = "1.5s"
[[fault]]
kind = "wrong"
on = "car.ENGINE_TEMP"
value = 3.0
at = "2s"
"""

REQUESTS = [
    b'{"do": "state"}',
    b'{"do": "set", "device": "car", "values": {"ENGINE_TEMP": 125.0, "RPM": 9000}}',
    b'{"do": "release", "device": "car", "inputs": ["ENGINE_TEMP"]}',
    b'{"do": "reset", "device": "car"}',
    b'{"do": "inject", "fault": {"kind": "drop", "on": "car", "rate": 0.5, "for": "2s"}}',
    b'{"do": "inject", "fault": {"kind": "wrong", "on": "car.RPM", "value": 1, "at": "1s"}}',
    b'{"do": "inject", "fault": {"kind": "babble", "on": "load", "when": "car.RPM > 9"}}',
    b'{"do": "clear"}',
]

COMMANDS = (
    b"S6\r",
    b"O\r",
    b"t1234DEADBEEF\r",
    b"T1ABCDEF08DEADBEEF00112233\r",
    b"r1238\r",
    b"b123F" + b"5A" * 64 + b"\r",
    b"F\r",
    b"C\r",
    b"Z1\r",
)

ORDERS = (
    b'{"request": "status"}',
    b'{"request": "send", "transmit": "fan", "values": {"TEMP": 20, "RPM": 3000.5}}',
    b'{"request": "send", "transmit": "mode", "values": {"Which": "a", "A": -5}}',
)

BENCH = b"""ready = "Engine.TEMP > 20"
ready_within = "5s"
scenario = "scenario.toml"
buses = { can0 = "can0" }
capabilities = ["a", "b"]
tolerates = ["drops"]
[[source]]
name = "can0"
type = "can"
channel = "can0"
[[rule]]
name = "hot"
signal = "Engine.TEMP"
above = 110.0
[set]
"coolant" = { message = "Engine", signal = "TEMP", rest = 90 }
"door" = { port = "/dev/ttyACM0", command = "RELAY {value:.0f}", rest = 0 }
"supply" = { program = ["psu", "--volts", "{value}"] }
"rpm" = "car.RPM"
[isotp.engine]
request = 0x7E0
response = 0x7E8
version = "09 04"
timeout = "1s"
"""

CANDUMP = (
    b"(1690000000.123456) can0 100#9600112233445566\n"
    b"(1690000000.223456) can0 200#0011223344556677 R\n"
    b"(1690000000.323456) vcan1 1ABCDEF0#DEADBEEF\n"
    b"(1690000000.423456789) can0 100##3DEADBEEF00112233445566778899AA\n"
    b"(1690000000.523456) can0 123#R8\n"
    b"(1690000000.623456) can0 20000004#0004000000000000\n"
)
SCREEN = (
    b" (1690000000.123456)  can0  100   [8]  96 00 33 44 55 66 77 88\n"
    b" (1690000000.223456)  can0  RX - -  200   [8]  00 00 00 00 00 00 2A 00   '......*.'\n"
    b" (1690000000.323456)  can0  18EEFF01   [0]  remote request\n"
    b" (1690000000.423456)  can0  123  [12]  11 22 33 44 55 66 77 88 99 AA BB CC\n"
)
OLD_SCREEN = b"interface = can0, family = 29\n<0x18eeff01> [8] 05 a0 be 1c 00 a0 a0 c0\n"
NMEA = (
    b"GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W",
    b"GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
    b"IIMWV,338,R,13.41,N,A",
    b"SDDBT,036.41,f,011.10,M,006.0,F",
    b"HEHDT,84.1,T",
    b"IIVHW,245.1,T,245.1,M,000.01,N,000.01,K",
    b"GPGSV,2,1,08,01,40,083,46,02,17,308,41,12,07,344,39,14,22,228,45",
    b"PGRME,15.0,M,45.0,M,25.0,M",
    b"GPZDA,160012.71,11,03,2004,-1,00",
)
FIELDS = tuple(
    FieldConfig(name=name, minimum=-40, maximum=1e6) for name in ("temperature", "humidity", "p")
)
FRAMES = (
    FrameConfig(
        name="engine",
        id=1,
        fields=tuple(
            FieldConfig(name=f"f{n}", type=kind, scale=0.1)  # type: ignore[arg-type]
            for n, kind in enumerate(("u8", "i16", "u32", "i64", "f32", "f64"))
        ),
    ),
    FrameConfig(name="gps", id=2, byte_order="big", fields=(FieldConfig(name="h", type="u64"),)),
)


def sentence(body: bytes) -> bytes:
    """Frame an NMEA sentence."""
    return b"$%s*%02X\r\n" % (body, reduce(xor, body, 0))


def packet(number: int, fields: bytes) -> bytes:
    """Frame a binary packet."""
    body = bytes([number]) + fields
    return cobs.encode(body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")) + b"\0"
