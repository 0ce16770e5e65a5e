"""S3 upload → function → DynamoDB and another bucket, as one would write it for AWS.

With a server running that has an S3 and a DynamoDB (the embedded ones: `pip install 'lambent[moto]'`, `lambent serve`):

    eval "$(lambent env)" && python examples/s3-words/run.py
"""

import io
import json
import uuid
import zipfile
from pathlib import Path

import boto3

s3, dynamodb, functions, iam = (boto3.client(service) for service in ("s3", "dynamodb", "lambda", "iam"))
name = f"words-{uuid.uuid4().hex[:8]}"
texts, results = f"{name}-texts", f"{name}-results"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

# Two buckets and a table.
for bucket in (texts, results):
    s3.create_bucket(Bucket=bucket)
dynamodb.create_table(
    TableName=name,
    KeySchema=[{"AttributeName": "text", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "text", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
dynamodb.get_waiter("table_exists").wait(TableName=name)

# A function, from the file beside this one. Its SDK finds S3 and DynamoDB by itself.
package = io.BytesIO()
with zipfile.ZipFile(package, "w") as archive:
    archive.write(Path(__file__).with_name("function.py"), "function.py")
role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
function = functions.create_function(
    FunctionName=name,
    Runtime="python3.12",
    Handler="function.handler",
    Role=role,
    Timeout=30,
    MemorySize=512,
    Code={"ZipFile": package.getvalue()},
    Environment={"Variables": {"TABLE": name, "RESULTS": results}},
)["FunctionArn"]
functions.get_waiter("function_active_v2").wait(FunctionName=name)

# The bucket calls the function for every text.
functions.add_permission(
    FunctionName=name,
    StatementId="bucket",
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
    SourceArn=f"arn:aws:s3:::{texts}",
)
s3.put_bucket_notification_configuration(
    Bucket=texts,
    NotificationConfiguration={
        "LambdaFunctionConfigurations": [
            {
                "LambdaFunctionArn": function,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}},
            }
        ]
    },
)

# An upload is enough.
s3.put_object(Bucket=texts, Key="a rose.txt", Body=b"Rose is a rose is a rose is a rose.")
s3.get_waiter("object_exists").wait(Bucket=results, Key="a rose.txt.words", WaiterConfig={"Delay": 1})
item = dynamodb.get_item(TableName=name, Key={"text": {"S": "a rose.txt"}})["Item"]
print("in the table:", item["text"]["S"], item["words"]["N"])
words = s3.get_object(Bucket=results, Key="a rose.txt.words")["Body"].read().decode()
print("in the other bucket:", ", ".join(words.splitlines()))

functions.delete_function(FunctionName=name)
iam.delete_role(RoleName=name)
dynamodb.delete_table(TableName=name)
for bucket in (texts, results):
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)
