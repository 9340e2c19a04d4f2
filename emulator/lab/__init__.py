"""The use-cases: one file each (up, down, status, ...), and what they share (places, lock, record, doors).

Empty on purpose: `vpcemu exec` imports this package and must not pay for YAML and netlink. The public Python API is
`emulator.api`, which gathers the functions of these files.
"""
