"""Counts the words of every text that comes into a bucket, for a table and for another bucket."""

import os
import re
from collections import Counter
from urllib.parse import unquote_plus

import boto3

s3, table = boto3.client("s3"), boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        words = Counter(re.findall(r"\w+", text.lower()))
        table.put_item(Item={"text": key, "words": words.total()})
        lines = "".join(f"{count} {word}\n" for word, count in words.most_common())
        s3.put_object(Bucket=os.environ["RESULTS"], Key=f"{key}.words", Body=lines.encode())
        print(f"{key} has {words.total()} words")
