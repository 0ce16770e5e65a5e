"""The SQS API: a module per noun."""
