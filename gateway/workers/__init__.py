"""What runs in each process."""
