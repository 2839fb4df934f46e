/** A thread that writes one profile as an XSpace and ends: a long one would hold up the event loop for seconds. */
import { parentPort, workerData } from 'node:worker_threads';
import { encodeMessage } from '../formats/protobuf.js';
import { XSpace } from '../gen/messages.js';
import type { Trace } from './trace.js';
import { toXSpace } from './xspace.js';

parentPort?.postMessage(encodeMessage(XSpace, toXSpace(workerData as Trace)));
