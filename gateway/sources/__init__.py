"""Where samples come from: CAN, serial ports, recordings."""
