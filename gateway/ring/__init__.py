"""The shared-memory ring, and the lock and the event that it stands on."""
