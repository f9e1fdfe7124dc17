// A minimal Lambda runtime: it does the work of `aws-lambda-ric`, over `node:http` instead of a native addon whose build
// needs CMake and a C++ compiler. It spares Node that addon's start and its copies, so the peer is measured a little faster
// than Lambda runs it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import http from 'node:http';
import { handler } from './router.mjs';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path: `/2018-06-01/runtime/${path}`, agent, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

for (;;) {
  const next = await call('GET', 'invocation/next');
  const id = next.headers['lambda-runtime-aws-request-id'];
  process.env._X_AMZN_TRACE_ID = next.headers['lambda-runtime-trace-id'];
  const context = {
    awsRequestId: id,
    invokedFunctionArn: next.headers['lambda-runtime-invoked-function-arn'],
    getRemainingTimeInMillis: () => Number(next.headers['lambda-runtime-deadline-ms']) - Date.now(),
  };
  try {
    const response = await handler(JSON.parse(next.body), context);
    await call('POST', `invocation/${id}/response`, JSON.stringify(response));
  } catch (error) {
    const report = { errorMessage: error.message, errorType: error.name, stackTrace: error.stack?.split('\n') };
    await call('POST', `invocation/${id}/error`, JSON.stringify(report));
  }
}
