"""What really happened on the wire: reads what the kernel did, and changes nothing."""
