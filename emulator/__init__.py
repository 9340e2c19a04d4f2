"""vpcemu: an AWS VPC on one Linux host, made of namespaces, veth pairs, routing tables and nftables."""

__version__ = "0.1.0"
