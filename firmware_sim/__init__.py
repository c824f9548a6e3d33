"""Simulated hardware: a CAN bus, serial devices, and the Formula 1 car that uses them.

Where things are, from the wire up:

    wire, records                  what a node and its bus say to each other; what crosses it
    bus, node                      who is on a bus, and in which order they see its frames
    line, frame, attempt           a bus with a bit rate: who sends when, and what becomes of it;
      arbitration, bit_timing        who goes first, how long a frame is;
      confinement, recovery          what errors do to the nodes, how one comes back from bus-off;
      error_counters, error_frames   their counters, what they are told;
      corruption, occupancy          bit errors; the load
    server, listener               other processes join by a socket
    client, interface              ... from their side; as a python-can interface
    dump, candump, bridge          programs that join
    ports, slcan, links, process   serial ports that are ptys, what is at their ends, firmware
    devices/                       what sends and hears: no I/O, no clock
    schedule, outlets              simulated time: who steps next, where it sends to
    section, scenario, *_sections  the scenario file: tables, keys, ranges; explain, its errors
    signal_database, recorded      the files that a scenario names
    assembly, rig, timeline        from a scenario to what runs; what has a name there; what happens
    faults/                        what can go wrong: `faults.support` has the table
    control                        requests to what runs, over a socket
    simulation, loop               all of it, live: docs/simulator.md
    recording                      all of it, as fast as it goes, into files
    testing                        for tests: a bus or a scenario in a process of its own
    cli/, parent                   the command ``firmware-sim``, and who has started it
"""
