"""What the user said, in AWS's words: YAML text to a frozen Topology, and the rules a topology can break. Pure."""
