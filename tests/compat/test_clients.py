"""The `aws` command line and Terraform on a running server: both modes of trust."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SIDE_BY_SIDE = "-parallelism=30"
HANDLER = "def handler(event, context):\n    print('greeting', event)\n    return {text!r}\n"


def cli_major() -> int:
    """The major version of the aws command line; 0 when there is none."""
    if shutil.which("aws") is None:
        return 0
    told = subprocess.run(["aws", "--version"], capture_output=True, text=True, timeout=60)
    return int((told.stdout + told.stderr).split("aws-cli/")[1].split(".")[0])


CLI = cli_major()
needs_aws = pytest.mark.skipif(CLI < 1, reason="the aws command line is not installed")
needs_aws_2 = pytest.mark.skipif(CLI < 2, reason="`aws logs tail` needs version 2 of the aws command line")


def provider() -> Path | None:
    """The folder of Terraform plugins that holds the AWS provider, if it is on this machine."""
    for root in (Path("/opt"), Path("/usr/share"), Path.home() / ".terraform.d"):
        for found in root.glob("**/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws*"):
            return found.parents[5]
    return None


PLUGINS = provider() if shutil.which("terraform") else None
needs_terraform = pytest.mark.skipif(PLUGINS is None, reason="Terraform with the AWS provider is not on this machine")


def command(server: Any, *argv: str, cwd: Path | None = None, fails: bool = False) -> str:
    """Run a client; its output. Its own complaint is the failure's text."""
    done = subprocess.run(
        argv,
        # Terraform's provider is mostly a garbage collector otherwise.
        env={**server.environment(), "TF_IN_AUTOMATION": "1", "GOGC": "400"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode != 0) is fails, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(params=["enforce", "dev"])
def server(request: Any, make_server: Any) -> Any:
    return make_server(*(["--dev"] if request.param == "dev" else [])).start()


@needs_aws
def test_the_aws_command_line_takes_a_function_through_its_life(server: Any, tools: Any, tmp_path: Path) -> None:
    role = server.role()
    package = tmp_path / "code.zip"
    package.write_bytes(tools.zipped({"app.py": HANDLER.format(text="first")}))
    name = ("--function-name", "hello")
    created = json.loads(
        command(
            server, "aws", "lambda", "create-function", *name, "--runtime", "python3.11", "--handler", "app.handler",
            "--role", role, "--zip-file", f"fileb://{package}",
        )
    )  # fmt: skip
    assert created["State"] == "Pending"
    command(server, "aws", "lambda", "wait", "function-active-v2", *name)
    out = tmp_path / "out.json"
    invoke = ("aws", "lambda", "invoke", *name)
    if CLI > 1:
        invoke += ("--cli-binary-format", "raw-in-base64-out")
    told = json.loads(command(server, *invoke, "--payload", '{"a": 1}', str(out)))
    assert told == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(out.read_text()) == "first"
    package.write_bytes(tools.zipped({"app.py": HANDLER.format(text="second")}))
    command(server, "aws", "lambda", "update-function-code", *name, "--zip-file", f"fileb://{package}")
    command(server, "aws", "lambda", "wait", "function-updated-v2", *name)
    command(server, *invoke, "--payload", '{"a": 2}', str(out))
    assert json.loads(out.read_text()) == "second"
    found = json.loads(command(server, "aws", "logs", "filter-log-events", "--log-group-name", "/aws/lambda/hello"))
    messages = [event["message"] for event in found["events"]]
    assert "greeting {'a': 1}\n" in messages
    assert any(message.startswith("REPORT RequestId") for message in messages)
    command(server, "aws", "lambda", "delete-function", *name)
    assert "ResourceNotFoundException" in command(server, "aws", "lambda", "get-function", *name, fails=True)


@needs_aws
def test_the_aws_command_line_sends_and_receives(server: Any) -> None:
    def sqs(*argv: str) -> Any:
        # Version 1 knows an address of its own for SQS, which goes before AWS_ENDPOINT_URL.
        told = command(server, "aws", "--endpoint-url", server.endpoint, "sqs", *argv)
        return json.loads(told) if told else None

    url = sqs("create-queue", "--queue-name", "shell", "--attributes", "VisibilityTimeout=9")["QueueUrl"]
    attributes = {"kind": {"DataType": "String", "StringValue": "letter"}}
    to_queue = ("--queue-url", url)
    sqs("send-message", *to_queue, "--message-body", "from a shell", "--message-attributes", json.dumps(attributes))
    (message,) = sqs("receive-message", *to_queue, "--wait-time-seconds", "5", "--message-attribute-names", "All")[
        "Messages"
    ]
    assert (message["Body"], message["MessageAttributes"]) == ("from a shell", attributes)
    assert sqs("delete-message", *to_queue, "--receipt-handle", message["ReceiptHandle"]) is None
    shown = sqs("get-queue-attributes", *to_queue, "--attribute-names", "All")["Attributes"]
    assert (shown["ApproximateNumberOfMessages"], shown["VisibilityTimeout"]) == ("0", "9")


@needs_aws_2
def test_aws_logs_tail_follows_what_a_function_prints(server: Any, tools: Any) -> None:
    server.function("chatty", {"app.py": HANDLER.format(text="x")})
    aws = server.client("lambda")
    aws.invoke(FunctionName="chatty", Payload=b'"before"')
    follower = subprocess.Popen(
        ["aws", "logs", "tail", "/aws/lambda/chatty", "--follow", "--since", "1m"],
        env={**server.environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None
        read_until(follower, "greeting before")
        aws.invoke(FunctionName="chatty", Payload=b'"while following"')
        read_until(follower, "greeting while following")
    finally:
        follower.kill()
        follower.wait()


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"the stream ended without {text!r}")


TERRAFORM = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "greeting" { default = "hello" }
"""
TERRAFORM_MODE = """
provider "aws" {
  alias                       = "MODE"
  region                      = "us-east-1"
  access_key                  = "KEY"
  secret_key                  = "SECRET"
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  endpoints {
    lambda = "ENDPOINT"
    iam    = "ENDPOINT"
    sts    = "ENDPOINT"
    logs   = "ENDPOINT"
    sns    = "ENDPOINT"
    sqs    = "ENDPOINT"
  }
}
module "MODE" {
  source    = "./stack"
  greeting  = var.greeting
  providers = { aws = aws.MODE }
}
"""
STACK = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "greeting" {}
resource "aws_iam_role" "runner" {
  name               = "terraform-runner"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow",
    Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }] })
}
resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.runner.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
resource "aws_cloudwatch_log_group" "logs" {
  name              = "/aws/lambda/terraformed"
  retention_in_days = 7
}
resource "aws_lambda_layer_version" "words" {
  layer_name               = "terraformed-words"
  filename                 = "${path.module}/layer.zip"
  source_code_hash         = filebase64sha256("${path.module}/layer.zip")
  description              = "Words."
  license_info             = "MIT"
  compatible_runtimes      = ["python3.11"]
  compatible_architectures = ["x86_64"]
}
resource "aws_lambda_layer_version_permission" "everybody" {
  layer_name     = aws_lambda_layer_version.words.layer_name
  version_number = aws_lambda_layer_version.words.version
  statement_id   = "everybody"
  action         = "lambda:GetLayerVersion"
  principal      = "*"
}
resource "aws_lambda_function" "hello" {
  function_name    = "terraformed"
  role             = aws_iam_role.runner.arn
  runtime          = "python3.11"
  handler          = "app.handler"
  filename         = "${path.module}/code.zip"
  source_code_hash = filebase64sha256("${path.module}/code.zip")
  timeout          = 9
  reserved_concurrent_executions = var.greeting == "hello" ? 5 : 7
  layers           = [aws_lambda_layer_version.words.arn]
  publish          = true
  environment {
    variables = { GREETING = var.greeting }
  }
  tags             = { team = "a" }
  depends_on       = [aws_cloudwatch_log_group.logs]
  code_signing_config_arn = aws_lambda_code_signing_config.warn.arn
  dead_letter_config {
    target_arn = "arn:aws:sqs:us-east-1:000000000000:dead"
  }
}
resource "aws_lambda_code_signing_config" "warn" {
  description = var.greeting
  allowed_publishers {
    signing_profile_version_arns = ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij"]
  }
  policies {
    untrusted_artifact_on_deployment = "Warn"
  }
  tags = { team = "a" }
}
resource "aws_lambda_function_event_invoke_config" "latest" {
  function_name                = aws_lambda_function.hello.function_name
  qualifier                    = "$LATEST"
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = var.greeting == "hello" ? 0 : 1
  destination_config {
    on_failure {
      destination = "arn:aws:sqs:us-east-1:000000000000:failed"
    }
  }
}
resource "aws_lambda_function_url" "hello" {
  function_name      = aws_lambda_function.hello.function_name
  authorization_type = var.greeting == "hello" ? "NONE" : "AWS_IAM"
  cors {
    allow_origins  = ["https://a.example"]
    allow_methods  = ["GET", "POST"]
    expose_headers = ["date"]
    max_age        = var.greeting == "hello" ? 60 : 90
  }
}
resource "aws_lambda_runtime_management_config" "hello" {
  function_name     = aws_lambda_function.hello.function_name
  update_runtime_on = "FunctionUpdate"
}
resource "aws_lambda_function_recursion_config" "hello" {
  function_name  = aws_lambda_function.hello.function_name
  recursive_loop = "Allow"
}
resource "aws_lambda_event_source_mapping" "orders" {
  function_name           = aws_lambda_function.hello.arn
  event_source_arn        = "arn:aws:sqs:us-east-1:000000000000:orders"
  batch_size              = var.greeting == "hello" ? 5 : 6
  enabled                 = true
  function_response_types = ["ReportBatchItemFailures"]
  filter_criteria {
    filter {
      pattern = jsonencode({ body = { kind = ["order"] } })
    }
  }
  scaling_config {
    maximum_concurrency = 5
  }
}
resource "aws_sns_topic" "news" {
  name              = "terraformed-news"
  display_name      = var.greeting
  signature_version = 2
  delivery_policy = jsonencode({ http = { disableSubscriptionOverrides = false, defaultHealthyRetryPolicy = {
    minDelayTarget = 20, maxDelayTarget = 20, numRetries = 3, numMaxDelayRetries = 0, numNoDelayRetries = 0,
    numMinDelayRetries = 0, backoffFunction = "linear" } } })
  tags = { team = "a" }
}
resource "aws_sns_topic_subscription" "hello" {
  topic_arn     = aws_sns_topic.news.arn
  protocol      = "lambda"
  endpoint      = aws_lambda_function.hello.arn
  filter_policy = jsonencode({ kind = [var.greeting] })
}
resource "aws_sns_topic_subscription" "orders" {
  topic_arn            = aws_sns_topic.news.arn
  protocol             = "sqs"
  endpoint             = "arn:aws:sqs:us-east-1:000000000000:orders"
  raw_message_delivery = true
  filter_policy_scope  = "MessageBody"
  filter_policy        = jsonencode({ order = { kind = ["new"] } })
  redrive_policy       = jsonencode({ deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:failed" })
}
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "what is used"
  function_name    = aws_lambda_function.hello.function_name
  function_version = aws_lambda_function.hello.version
}
resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_alias.live.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = var.greeting == "hello" ? 1 : 2
}
resource "aws_lambda_alias" "public" {
  name             = "public"
  function_name    = aws_lambda_function.hello.arn
  function_version = aws_lambda_alias.live.name
}
resource "aws_lambda_alias" "canary" {
  name             = "canary"
  function_name    = aws_lambda_function.hello.function_name
  function_version = "1"
  # Where it points at first, and a share of 1 for the newest.
  dynamic "routing_config" {
    for_each = var.greeting == "hello" ? [] : [aws_lambda_function.hello.version]
    content { additional_version_weights = { (routing_config.value) = 1.0 } }
  }
}
resource "aws_lambda_permission" "events" {
  for_each      = { whole = null, live = aws_lambda_alias.live.name }
  statement_id  = "events"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = "arn:aws:events:us-east-1:000000000000:rule/*"
  function_name = aws_lambda_function.hello.function_name
  qualifier     = each.value
}
resource "aws_sqs_queue" "standard" {
  name                      = "terraformed"
  receive_wait_time_seconds = var.greeting == "hello" ? 5 : 7
  redrive_policy = jsonencode({
    deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:letters"
    maxReceiveCount     = 4
  })
  tags = { team = "a" }
}
resource "aws_sqs_queue" "in_order" {
  name                        = "terraformed.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
}
"""


@needs_terraform
@pytest.mark.timeout(900)  # Terraform alone takes a minute of both cores
def test_terraform_applies_plans_no_changes_updates_and_destroys(make_server: Any, tools: Any, tmp_path: Path) -> None:
    # Both modes in one go: starting Terraform and its provider is most of the work, and after each queue that it makes
    # or changes the provider waits for 25 s, whatever it is told.
    servers = {"enforce": make_server().start(), "dev": make_server("--dev").start()}
    work = tmp_path / "terraform"
    stack = work / "stack"
    stack.mkdir(parents=True)
    source = "import os, words\ndef handler(event, context):\n    return os.environ['GREETING'] + words.MARK\n"
    (stack / "code.zip").write_bytes(tools.zipped({"app.py": source}))
    (stack / "layer.zip").write_bytes(tools.zipped({"python/words.py": "MARK = '!'\n"}))
    (stack / "main.tf").write_text(STACK)
    (work / "main.tf").write_text(TERRAFORM + "".join(terraform_mode(name, each) for name, each in servers.items()))
    for server in servers.values():
        for name in ("letters", "orders", "failed"):
            server.client("sqs").create_queue(QueueName=name)

    def terraform(*argv: str) -> str:
        return command(servers["enforce"], "terraform", *argv, "-no-color", cwd=work)

    terraform("init", f"-plugin-dir={PLUGINS}")
    terraform("apply", "-auto-approve", SIDE_BY_SIDE)
    for server in servers.values():
        assert {invoked(server, each) for each in ("$LATEST", "1", "live", "public", "canary")} == {"hello!"}
    assert "No changes" in terraform("plan", "-detailed-exitcode")
    changed = ("-var", "greeting=changed")
    (stack / "layer.zip").write_bytes(tools.zipped({"python/words.py": "MARK = '?'\n"}))
    terraform("apply", "-auto-approve", SIDE_BY_SIDE, *changed)
    for server in servers.values():
        assert invoked(server, "1") == "hello!"
        assert {invoked(server, each) for each in ("2", "public", "canary")} == {"changed?"}
    assert "No changes" in terraform("plan", "-detailed-exitcode", *changed)
    for server in servers.values():
        aws, sqs = server.client("lambda"), server.client("sqs")
        assert aws.get_function_concurrency(FunctionName="terraformed")["ReservedConcurrentExecutions"] == 7
        provisioned = aws.get_provisioned_concurrency_config(FunctionName="terraformed", Qualifier="live")
        assert (provisioned["AvailableProvisionedConcurrentExecutions"], provisioned["Status"]) == (2, "READY")
        assert [layer["LatestMatchingVersion"]["Version"] for layer in aws.list_layers()["Layers"]] == [2]
        made = sqs.get_queue_url(QueueName="terraformed")["QueueUrl"]
        shown = sqs.get_queue_attributes(QueueUrl=made, AttributeNames=["ReceiveMessageWaitTimeSeconds"])
        assert shown["Attributes"] == {"ReceiveMessageWaitTimeSeconds": "7"}
    terraform("destroy", "-auto-approve", SIDE_BY_SIDE)
    for server in servers.values():
        assert server.client("lambda").list_functions()["Functions"] == []
        urls = server.client("sqs").list_queues()["QueueUrls"]
        assert [url.rpartition("/")[2] for url in urls] == ["failed", "letters", "orders"]


def terraform_mode(name: str, server: Any) -> str:
    """The provider of one server, and everything on it."""
    keys = server.credentials()
    text = TERRAFORM_MODE.replace("MODE", name).replace("ENDPOINT", server.endpoint)
    return text.replace("KEY", keys["aws_access_key_id"]).replace("SECRET", keys["aws_secret_access_key"])


def invoked(server: Any, qualifier: str) -> Any:
    """What the function that Terraform made returns."""
    answer = server.client("lambda").invoke(FunctionName="terraformed", Qualifier=qualifier)
    return json.load(answer["Payload"])
