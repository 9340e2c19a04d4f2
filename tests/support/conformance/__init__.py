"""scripts/conformance: what AWS does, item by item, and whether the emulator does it."""
