"""SNS: topics, subscriptions, and the delivery of what is published to queues, functions and HTTP endpoints.

Start at names.py and records.py (what there is), then operations/ (the API), then background.py, which delivers.
Filter policies: core/subscriptionfilter.py.
"""
