"""Amazon SQS: standard and FIFO queues, durable, on the store's `Queues` and `Records`.

Start at names.py, attributes.py and message.py (what there is; pure), then records.py (queues in the store), sending.py
and receiving.py (messages), moves.py (message move tasks), operations/ (the API).
event.py, trigger.py and door.py are about event source mappings, which need nothing of all that but the API.
"""
