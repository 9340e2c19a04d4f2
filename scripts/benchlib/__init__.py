"""What `scripts/bench` runs: vpcemu beside a C program, Mininet, a shell loop, and itself."""
