"""A fan that can be told what to do."""

import pytest

from gateway.clock import NS_PER_S
from gateway.config.model import TransmitConfig

DBC = """VERSION ""
BU_: Gateway Fan
BO_ 256 FanControl: 4 Gateway
 SG_ SPEED : 0|8@1+ (0.5,0) [0|100] "%" Fan
 SG_ TRIM : 8|8@1- (1,0) [0|0] "" Fan
 SG_ MODE : 16|2@1+ (1,0) [0|3] "" Fan
BO_ 2164260863 Lamps: 1 Gateway
 SG_ LAMP : 0|1@1+ (1,0) [0|1] "" Fan
BO_ 513 Page: 3 Gateway
 SG_ WHICH M : 0|8@1+ (1,0) [0|255] "" Fan
 SG_ LEFT m0 : 8|16@1+ (1,0) [0|1000] "" Fan
 SG_ RIGHT m1 : 8|8@1+ (1,0) [0|255] "" Fan
BO_ 514 Floats: 8 Gateway
 SG_ F32 : 0|32@1- (1,0) [0|0] "" Fan
 SG_ F16 : 32|16@1- (1,0) [0|0] "" Fan
BO_ 515 Big: 8 Gateway
 SG_ COUNT : 0|64@1+ (1,0) [0|0] "" Fan
BO_ 516 Wide: 12 Gateway
 SG_ LAST : 88|8@1+ (1,0) [0|255] "" Fan
BO_ 517 Long: 43 Gateway
 SG_ FIRST : 0|8@1+ (1,0) [0|255] "" Fan
BO_ 518 Twins: 1 Gateway
 SG_ ELDER : 0|4@1+ (1,0) [0|15] "" Fan
 SG_ YOUNGER : 2|4@1+ (1,0) [0|15] "" Fan
BO_ 519 Short: 1 Gateway
 SG_ TAIL : 4|8@1+ (1,0) [0|255] "" Fan
SIG_VALTYPE_ 514 F32 : 1;
SIG_VALTYPE_ 514 F16 : 1;
VAL_ 256 MODE 0 "off" 1 "on" 2 "auto" ;
"""


@pytest.fixture
def dbc(tmp_path):
    (tmp_path / "fan.dbc").write_text(DBC)
    return tmp_path / "fan.dbc"


@pytest.fixture
def transmit():
    """Make a `[[transmit]]` table."""

    def transmit(name="fan", message="FanControl", rate=1.0, burst=1, **more):
        return TransmitConfig(
            name=name,
            source="can0",
            message=message,
            rate=rate,
            burst=burst,
            **{"expiry": NS_PER_S, **more},
        )

    return transmit
