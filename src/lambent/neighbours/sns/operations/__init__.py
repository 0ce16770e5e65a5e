"""SNS's operations, a file per noun."""
