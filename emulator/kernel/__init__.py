"""The only code that touches the machine: namespaces, netlink, nftables, processes. `host.Host` is its front door."""
