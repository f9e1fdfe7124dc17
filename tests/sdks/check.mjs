// Uses the local stack with the AWS SDK for JavaScript, with AWS_ENDPOINT_URL set and nothing else that says where it is.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";

const endpoint = process.env.AWS_ENDPOINT_URL;
const home = new URL(endpoint);

// Every connection that does not lead to the stack fails, and is remembered.
const elsewhere = [];
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (String(options.port) !== home.port || options.host !== home.hostname) {
    elsewhere.push(`${options.host}:${options.port}`);
    process.nextTick(() => this.destroy(new Error(`a connection to ${options.host}:${options.port}`)));
    return this;
  }
  return connect.apply(this, args);
};

const [sqs, dynamodb, sns, sts, iam, s3, cloudwatch, lambda] = await Promise.all(
  ["sqs", "dynamodb", "sns", "sts", "iam", "s3", "cloudwatch", "lambda"].map((name) => import(`@aws-sdk/client-${name}`)),
);

// Returns the number of messages in a queue, asked without an SDK.
async function waiting(queue) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "x-amz-target": "AmazonSQS.GetQueueAttributes", "content-type": "application/x-amz-json-1.0" },
    body: JSON.stringify({ QueueUrl: `${endpoint}/000000000000/${queue}`, AttributeNames: ["All"] }),
  });
  return Number((await response.json()).Attributes.ApproximateNumberOfMessages);
}

// Sends a message to a URL, and fails unless it is in that queue of the stack.
async function arrives(QueueUrl) {
  const queue = QueueUrl.split("/").pop();
  const before = await waiting(queue);
  await client.send(new sqs.SendMessageCommand({ QueueUrl, MessageBody: "hello" }));
  assert.equal(await waiting(queue), before + 1, `${QueueUrl}: the message is not in ${queue}`);
}

const client = new sqs.SQSClient();
const created = await client.send(new sqs.CreateQueueCommand({ QueueName: "javascript" }));
const got = await client.send(new sqs.GetQueueUrlCommand({ QueueName: "javascript" }));
const listed = await client.send(new sqs.ListQueuesCommand({ QueueNamePrefix: "javascript" }));
const urls = [created.QueueUrl, got.QueueUrl, ...listed.QueueUrls];
assert.equal(urls.length, 3);
const cells = await new dynamodb.DynamoDBClient().send(new dynamodb.ScanCommand({ TableName: "cellstack-registry" }));
const registered = cells.Items.flatMap((cell) =>
  Object.entries(cell).filter(([name]) => /(queue|dlq)_url$/.test(name)).map(([, value]) => value.S),
);
assert.equal(registered.length, 12);
for (const url of [...urls, ...registered]) {
  assert.ok(url.startsWith(`${endpoint}/`), `${url} does not lead to ${endpoint}`);
}
// A consumer soon empties its own queue, so only dead-letter queues are checked.
for (const url of [...urls, ...registered.filter((url) => url.endsWith("-dlq"))]) {
  await arrives(url);
}

const refused = [
  ["STS GetCallerIdentity", new sts.STSClient(), new sts.GetCallerIdentityCommand({})],
  ["IAM ListUsers", new iam.IAMClient(), new iam.ListUsersCommand({})],
  ["S3 GET /", new s3.S3Client({ forcePathStyle: true }), new s3.ListBucketsCommand({})],
  ["CloudWatch ListMetrics", new cloudwatch.CloudWatchClient(), new cloudwatch.ListMetricsCommand({})],
  ["Lambda GET /2015-03-31/functions", new lambda.LambdaClient(), new lambda.ListFunctionsCommand({})],
  ["DynamoDB ListBackups", new dynamodb.DynamoDBClient(), new dynamodb.ListBackupsCommand({})],
  ["SQS AddPermission", client, new sqs.AddPermissionCommand({ QueueUrl: urls[0], Label: "l", AWSAccountIds: ["1"], Actions: ["*"] })],
  ["SNS ListPlatformApplications", new sns.SNSClient(), new sns.ListPlatformApplicationsCommand({})],
];
for (const [what, of, command] of refused) {
  const error = await of.send(command).then(
    () => assert.fail(`${what} is served`),
    (error) => error,
  );
  assert.ok(error.message.startsWith(what), `${what}: ${error}`);
  assert.ok(error.message.endsWith("is not emulated. This endpoint emulates DynamoDB, DynamoDB Streams, SNS, SQS and, in JSON, CloudWatch's GetMetricData."), error.message);
}
assert.deepEqual(elsewhere, []);

// A test of the test: this SDK takes a queue URL's host for the endpoint, and the guard notices one that leads elsewhere.
const away = new sqs.SendMessageCommand({
  QueueUrl: "https://sqs.us-east-1.amazonaws.com/000000000000/javascript",
  MessageBody: "hello",
});
await assert.rejects(client.send(away));
assert.deepEqual(elsewhere, ["sqs.us-east-1.amazonaws.com:443"]);

const { version } = JSON.parse(readFileSync(new URL("node_modules/@aws-sdk/client-sqs/package.json", import.meta.url)));
console.log(`${urls.length + registered.length} queue URLs, ${refused.length} refusals, client-sqs ${version}`);
