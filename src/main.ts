#!/usr/bin/env -S node --min-semi-space-size=16 --no-parallel-scavenge
/**
 * The command: flags → server.start(); signals. The only place that ends the process. The young generation of V8's heap has
 * its full size from the start (16 MiB, V8's own limit): growing it under load costs time and makes memory use look like a
 * leak. `npm start` says the same.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { bundledModels, DEFAULT_BUNDLED_MODEL, SAMPLE_REQUEST_FILE } from './bundled-models.js';
import { toLocalFolder } from './config/base-path.js';
import { checkLogging } from './config/logging-config.js';
import { type ModelEntry, toModelEntries } from './config/model-entries.js';
import { readConfigFiles } from './config-files.js';
import { Code, codeName, invalidArgument, notFound, ServingError, toServingError } from './errors.js';
import { checkFlags } from './flags/check-flags.js';
import { applyEnvironment } from './flags/environment.js';
import { type CommandLine, describeUnknown, describeWithoutEffect, type Flags, parseFlags } from './flags/flags.js';
import { formatHelp } from './flags/flags-help.js';
import { readTextProtoFile } from './formats/text-proto.js';
import { ModelServerConfig, type SessionBundleConfig } from './gen/messages.js';
import { findLibtensorflow } from './libtensorflow.js';
import { log, setLogLevel } from './log.js';
import { applyPlatformConfig, describePlatformConfig, readPlatformConfig } from './platform-config.js';
import type { Ports, Server } from './server.js';
import { writeTo } from './standard-streams.js';
import { VERSION } from './version.js';

/**
 * V8 counts the buffers that pass through sockets to the heap and, for a heap as small as ours, starts a full collection every
 * few dozen large messages: a quarter of the server's CPU over gRPC at 200 KB a message (measured; more than 200 % grows memory).
 */
setFlagsFromString('--heap-growing-percent=200');

/** tensorflow_model_server's status for flags that it cannot read and for start errors (-1). */
const START_ERROR_STATUS = 255;

/** How long models may take to be unloaded once nobody waits for an answer any more. */
const STOP_LIMIT_MILLIS = 1000;

const FLAG_OF_DOOR = { grpc: 'port', rest: 'rest_api_port', graphpipe: 'graphpipe_port' } as const;

/** Those besides serving. */
const SUB_COMMANDS: ReadonlySet<string> = new Set(['inspect', 'record-warmup', 'tune']);

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === 'inspect') return inspect(args.slice(1));
  if (args[0] === 'record-warmup') return recordWarmUp(args.slice(1));
  if (args[0] === 'tune') return runTune(args.slice(1));
  const commandLine = readCommandLine(args);
  const { flags, given, unknown } = commandLine;
  setLogLevel(flags.logLevel);
  if (flags.help) return print(formatHelp());
  if (flags.version) return printVersion(flags);
  // As tensorflow_model_server does: reported with the usage, and started all the same.
  if (unknown.length > 0) print(`${unknown.map(describeUnknown).join('\n')}\n${formatHelp()}`);
  const platform = await readPlatformConfig(flags.platformConfigFile);
  if (platform !== undefined) for (const text of describePlatformConfig(given, platform)) log.warn(text);
  const effective = platform === undefined ? commandLine : applyPlatformConfig(commandLine, platform);
  for (const text of describeWithoutEffect(effective.given)) log.warn(text);
  checkFlags(effective);
  await serve(effective, platform);
}

/** Ends the process, with the usage on stdout, over a value of the wrong kind. */
function readCommandLine(args: readonly string[]): CommandLine {
  try {
    return parseFlags(args);
  } catch (error) {
    writeTo('stderr', `tensorgate: ${toServingError(error).message}\n`);
    print(formatHelp());
    process.exit(START_ERROR_STATUS);
  }
}

function print(text: string): void {
  writeTo('stdout', text);
}

const INSPECT_USAGE = `Usage: tensorgate inspect DIR

Prints signatures and shapes of the SavedModel or model.tflite in DIR, or in the highest version in it.
`;

async function inspect(args: readonly string[]): Promise<void> {
  const [directory, ...rest] = args;
  if (directory === '--help') return print(INSPECT_USAGE);
  if (directory === undefined || rest.length > 0) throw invalidArgument('Usage: tensorgate inspect DIR');
  const { inspectModel } = await import('./servables/inspect.js');
  const { findSavedModelFolder } = await import('./servables/saved-model-folder.js');
  print(inspectModel(await findSavedModelFolder(directory)));
}

async function recordWarmUp(args: readonly string[]): Promise<void> {
  const recording = await import('./warmup/record-warmup.js');
  print(await recording.recordWarmUp(args));
}

async function runTune(args: readonly string[]): Promise<void> {
  const { tune } = await import('./tune/tune.js');
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new ServingError(Code.CANCELLED, `The tuning was ended by ${name}.`)));
  }
  await tune(args, controller.signal, print);
}

async function printVersion(flags: Flags): Promise<void> {
  const { openTensorFlow } = await import('./workers/tensorflow.js');
  const library = openTensorFlow(await findLibtensorflow(flags.libtensorflowDir), Number.MAX_SAFE_INTEGER);
  print(`TensorFlow ModelServer: ${VERSION}\nTensorFlow Library: ${library}\n`);
}

/** The models of the configuration file, the one named by the flags, or the bundled ones. */
async function modelsToServe(flags: Flags): Promise<ModelEntry[]> {
  if (flags.modelConfigFile !== '') return configuredModels(flags.modelConfigFile);
  if (flags.modelBasePath === '') return bundledModels();
  const basePath = toLocalFolder(flags.modelName, flags.modelBasePath);
  if (!existsSync(basePath)) {
    throw notFound(
      `--model_base_path ${resolve(basePath)} does not exist. Give the folder that holds the model's numbered ` +
        'version folders.',
    );
  }
  return [{ name: flags.modelName, basePath, versionPolicy: { kind: 'latest' } }];
}

async function configuredModels(path: string): Promise<ModelEntry[]> {
  const models = toModelEntries(await readTextProtoFile(ModelServerConfig, path), []) ?? [];
  await checkLogging(models);
  return models;
}

async function serve(commandLine: CommandLine, platform: SessionBundleConfig | undefined): Promise<void> {
  const { given } = commandLine;
  const flags = applyEnvironment(commandLine, process.env);
  const models = await modelsToServe(flags);
  const configFiles = await readConfigFiles(flags, platform);
  const libtensorflow = await findLibtensorflow(flags.libtensorflowDir);
  // Loaded late: --help and `inspect` need neither the addon nor the doors.
  const { Server } = await import('./server.js');
  const { exitNow } = await import('./workers/tensorflow.js');
  const bundled = flags.modelBasePath === '' && flags.modelConfigFile === '';
  const server = new Server({
    flags,
    models,
    graphpipeModel: flags.graphpipeModel || (bundled ? DEFAULT_BUNDLED_MODEL : (models[0]?.name ?? flags.modelName)),
    configFiles,
    libtensorflow,
    isPortGiven: (door) => given.has(FLAG_OF_DOOR[door]),
    isGiven: (flag) => given.has(flag),
  });
  stopOnSignals(server, flags.drainTimeoutSeconds * 1000, exitNow);
  const ports = await server.start();
  if (ports === undefined) return; // stopped by a signal
  log.info('tensorgate is ready', { version: VERSION, pid: process.pid });
  if (bundled) print(whatToTry(ports));
}

function whatToTry(ports: Ports): string {
  const lines = [
    ports.rest && `curl -d @${SAMPLE_REQUEST_FILE} http://localhost:${ports.rest}/v1/models/digits:predict`,
    ports.grpc &&
      `grpcurl -plaintext -d '{"model_spec":{"name":"digits"}}' localhost:${ports.grpc} ` +
        'tensorflow.serving.ModelService/GetModelStatus',
    ports.graphpipe && `curl http://localhost:${ports.graphpipe}/`,
  ];
  return `Serving the bundled models. Try:\n${lines
    .filter(Boolean)
    .map((line) => `  ${line}\n`)
    .join('')}`;
}

/** Ends the process at once; process.exit() would wait for the runs that are in progress. */
type ExitNow = (code: number) => never;

/** The first signal drains; a second one ends the process at once. */
function stopOnSignals(server: Server, limitMillis: number, exitNow: ExitNow): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) exitNow(1);
    stopping = true;
    log.info(`${signal}: answering what was accepted, then stopping`, { limitMillis });
    void stop(server, limitMillis, exitNow);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

async function stop(server: Server, limitMillis: number, exitNow: ExitNow): Promise<void> {
  if (!(await within(limitMillis, server.drain()))) {
    log.warn('The drain limit has passed: requests still under way are dropped. See --drain_timeout_seconds.');
    exitNow(0);
  }
  // All is answered: what still runs, runs for clients that have gone.
  const isDone = await within(STOP_LIMIT_MILLIS, server.stop());
  if (!isDone) log.warn('A run that nobody waits for has not ended, and is abandoned.');
  log.info('stopped');
  if (!isDone) exitNow(0);
  process.exit(0);
}

/** Whether the promise settled within the time. */
async function within(millis: number, work: Promise<void>): Promise<boolean> {
  const limit = new AbortController();
  try {
    return await Promise.race([work.then(() => true), sleep(millis, false, { signal: limit.signal })]);
  } finally {
    limit.abort();
  }
}

/** Start errors go where tensorflow_model_server prints them, and in its form. */
function fail(args: readonly string[], thrown: unknown): never {
  const error = toServingError(thrown);
  const text = `${codeName(error.code)}: ${error.message}\n`;
  if (SUB_COMMANDS.has(args[0] ?? '')) {
    writeTo('stderr', `tensorgate: ${text}`);
    process.exit(1);
  }
  print(`Failed to start server. Error: ${text}`);
  process.exit(START_ERROR_STATUS);
}

const args = process.argv.slice(2).map((argument) => (argument === '-h' ? '--help' : argument));
main(args).catch((thrown: unknown) => fail(args, thrown));
