"""What AWS would charge for a topology: a dated table of prices (prices.toml), and sums. Pure: it reads no file."""
