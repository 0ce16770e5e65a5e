"""IAM: users, roles, policies and access keys. They belong to an account, not to a region.

What policies say about a request is not decided here. Start at records.py, then operations/.
"""
