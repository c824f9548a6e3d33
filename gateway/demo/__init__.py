"""The files of `gateway demo`: a configuration and a scenario to start one's own from."""
