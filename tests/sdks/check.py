"""Uses the local stack with boto3, with AWS_ENDPOINT_URL set and nothing else that says where it is."""

import json
import os
import socket
import urllib.request

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
HOME = ("127.0.0.1", int(ENDPOINT.rsplit(":", 1)[1]))


class Elsewhere(AssertionError):
    """A connection to anywhere but the stack."""


def guard(connect):
    def guarded(self, address):
        if address != HOME:
            raise Elsewhere("a connection to {}:{}".format(*address))
        return connect(self, address)

    return guarded


def resolve(host, *rest, original=socket.getaddrinfo, **named):
    if host != HOME[0]:
        raise Elsewhere(f"a look-up of {host}")
    return original(host, *rest, **named)


socket.socket.connect = guard(socket.socket.connect)
socket.socket.connect_ex = guard(socket.socket.connect_ex)
socket.getaddrinfo = resolve

import boto3  # noqa: E402
from botocore.exceptions import ClientError, HTTPClientError  # noqa: E402


def waiting(queue):
    """Returns the number of messages in a queue, asked without an SDK."""
    body = json.dumps({"QueueUrl": f"{ENDPOINT}/000000000000/{queue}", "AttributeNames": ["All"]})
    headers = {"X-Amz-Target": "AmazonSQS.GetQueueAttributes", "Content-Type": "application/x-amz-json-1.0"}
    request = urllib.request.Request(ENDPOINT, body.encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return int(json.load(response)["Attributes"]["ApproximateNumberOfMessages"])


def arrives(sqs, url):
    """Sends a message to a URL, and fails unless it is in that queue of the stack."""
    queue = url.rsplit("/", 1)[1]
    before = waiting(queue)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert waiting(queue) == before + 1, f"{url}: the message is not in {queue}"


def main():
    sqs = boto3.client("sqs")
    urls = [sqs.create_queue(QueueName="boto3")["QueueUrl"], sqs.get_queue_url(QueueName="boto3")["QueueUrl"]]
    urls += [url for url in sqs.list_queues(QueueNamePrefix="boto3")["QueueUrls"]]
    assert len(urls) == 3, urls
    cells = boto3.client("dynamodb").scan(TableName="cellstack-registry")["Items"]
    registered = [value["S"] for cell in cells for name, value in cell.items() if name.endswith(("queue_url", "dlq_url"))]
    assert len(registered) == 12, registered
    for url in urls + registered:
        assert url.startswith(ENDPOINT + "/"), f"{url} does not lead to {ENDPOINT}"
    # A consumer soon empties its own queue, so only dead-letter queues are checked.
    for url in urls + [url for url in registered if url.endswith("-dlq")]:
        arrives(sqs, url)

    refused = {
        "STS GetCallerIdentity": boto3.client("sts").get_caller_identity,
        "IAM ListUsers": boto3.client("iam").list_users,
        "S3 GET /": boto3.client("s3").list_buckets,
        "CloudWatch ListMetrics": boto3.client("cloudwatch").list_metrics,
        "Lambda GET /2015-03-31/functions": boto3.client("lambda").list_functions,
        "EC2 DescribeVpcs": boto3.client("ec2").describe_vpcs,
        "SSM DescribeParameters": boto3.client("ssm").describe_parameters,
        "DynamoDB ListBackups": boto3.client("dynamodb").list_backups,
    }
    for what, call in refused.items():
        try:
            call()
        except ClientError as error:
            message = error.response["Error"]["Message"]
            assert message.startswith(f"{what}"), f"{what}: {error}"
            assert message.endswith("is not emulated. This endpoint emulates DynamoDB, DynamoDB Streams, SNS, SQS and, in JSON, CloudWatch's GetMetricData."), message
        else:
            raise AssertionError(f"{what} is served")

    # A test of the test: the guard notices a connection that leads elsewhere.
    try:
        boto3.client("sqs", endpoint_url="https://sqs.us-east-1.amazonaws.com").list_queues()
    except HTTPClientError as error:
        # The closed proxy comes before any other host.
        assert "a connection to 127.0.0.1:9" in str(error), error
    else:
        raise AssertionError("the guard lets connections through")
    print(f"{len(urls + registered)} queue URLs, {len(refused)} refusals, boto3 {boto3.__version__}")


main()
