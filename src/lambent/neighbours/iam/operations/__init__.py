"""The operations of IAM, a file per noun."""
