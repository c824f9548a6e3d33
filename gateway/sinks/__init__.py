"""Where alarm events and samples go."""
