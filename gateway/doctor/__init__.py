"""What on this machine would keep the gateway from working, with the line that mends it."""
