"""Takes orders. Some cannot be taken, however often they come."""

import json


def handler(event, context):
    failed = []
    for record in event["Records"]:
        order = json.loads(record["body"])
        attempt = record["attributes"]["ApproximateReceiveCount"]
        if order["amount"] > 0:
            print(f"order {order['id']} is taken")
        else:
            print(f"order {order['id']} cannot be taken (attempt {attempt})")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
