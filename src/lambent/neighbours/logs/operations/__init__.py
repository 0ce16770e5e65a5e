"""The API of CloudWatch Logs, a file per noun."""
