"""Says hello."""


def handler(event, context):
    print("called with", event)
    return {"statusCode": 200, "body": "Hello world", "headers": {}}
