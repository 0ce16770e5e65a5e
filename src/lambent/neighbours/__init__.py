"""The AWS services around Lambda, a folder each. `operations.py` in a folder means: it has an AWS API."""
