"""What the kernel must hold for a topology, and what must change to get there. Pure."""
