"""Ways to simulate a network, one module per scheme: what it covers, and how one trial runs."""
