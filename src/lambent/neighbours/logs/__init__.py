"""CloudWatch Logs: groups, streams and their events; what functions write arrives through sink.py.

Start at names.py and records.py (what there is), then operations/ (the API). Filter patterns: core/logfilter.py.
"""
