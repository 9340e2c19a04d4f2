"""One long-lived process per lab: it serves every node's built-in services and supervises the users' commands.

The process is started by `client.start`, lives in a pid namespace of its own (so that nothing survives it) and is
spoken to over a unix socket (`client.Client`). It imports little, because `up` waits for it.
"""
