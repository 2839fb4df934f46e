/**
 * `node server.js PORT MODEL_NAME VERSION_FOLDER`: TensorFlow Serving's REST predict as a Node program usually has it,
 * with JSON.parse, flatten and JSON.stringify on the event loop; the model runs on our addon and its workers. On
 * node:http without a framework: fastify or express would only add to what is compared.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { availableParallelism, totalmem } from 'node:os';
import { findLibtensorflow } from '../../../src/libtensorflow.js';
import type { SavedModel } from '../../../src/servables/saved-model.js';
import { SavedModelLoader } from '../../../src/servables/saved-model-loader.js';
import { WorkerPool } from '../../../src/workers/pool.js';
import { openTensorFlow } from '../../../src/workers/tensorflow.js';
import { createRequest, encodeReply, type PredictBody } from './predict.js';

async function main([port, name, path]: readonly string[]): Promise<void> {
  if (port === undefined || name === undefined || path === undefined)
    throw new Error('Usage: node server.js PORT MODEL_NAME VERSION_FOLDER');
  openTensorFlow(await findLibtensorflow(''), totalmem() / 2);
  const pool = new WorkerPool({ device: 'CPU:0', workers: availableParallelism() });
  const options = {
    tags: ['serve'],
    parallelism: { intraOp: 0, interOp: 0 },
    batching: 'false' as const,
    devices: () => [pool],
  };
  const model = await new SavedModelLoader({ id: { name, version: 1n }, path }, options).load();
  const server = createServer(
    (request, response) => void answer(model, `/v1/models/${name}:predict`, request, response),
  );
  server.listen(Number(port), '127.0.0.1', () => process.stderr.write('node-json is ready\n'));
}

async function answer(
  model: SavedModel,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.method !== 'POST' || request.url !== path) return send(response, 404, `{"error": "POST ${path}"}`);
    const body = JSON.parse(await readText(request)) as PredictBody;
    send(
      response,
      200,
      await model.predict(createRequest(model.declared, body), (outputs) => encodeReply(outputs, body)),
    );
  } catch (error) {
    send(response, 400, JSON.stringify({ error: String(error) }));
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
