/**
 * The gRPC listener on the addon's own transport (native/grpc/): HTTP/2, message framing and sockets are C++ on this
 * thread's event loop; a call costs one record of numbers on its way in and one call of the addon on its way out.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ServingError } from '../errors.js';
import { GRPC_RECORD_WORDS, GrpcCompression, GrpcEvent, grpcBinding } from '../native/grpc-binding.js';
import { Unpacker } from '../ports/unpacker.js';
import { Cancellation } from '../tensor/predict-request.js';
import { decompress, decompressSoon } from './grpc-compression.js';
import {
  beingClosed,
  cannotBind,
  DEFAULT_MAX_MESSAGE_BYTES,
  type DialogueMethod,
  formatAddress,
  type GrpcListener,
  type GrpcListenerOptions,
  type GrpcStatus,
  IDLE_GRACE_MILLIS,
  messageTooLong,
  type ReplyStream,
  registeredTwice,
  type ServerStreamMethod,
  stopping,
  type UnaryCall,
  type UnaryMethod,
} from './grpc-method.js';
import { takeOverSocket } from './grpc-socket.js';

const MAX_RECORDS = 1024;
const FOR_EVER_MILLIS = 2 ** 31 - 1;
/** The longest wait between two looks for connections that have lasted for too long. */
const MAX_RETIREMENT_MILLIS = 1000;
/** gRPC's core waits for 120 s; its clients give up after 20. */
const DEFAULT_HANDSHAKE_MILLIS = 20_000;
const DEFAULT_STALL_MILLIS = 120_000;
/** How often a drain looks whether it is done. */
const DRAIN_POLL_MILLIS = 20;

/** Whether this build of Node carries what the transport needs. */
export function isNativeGrpcAvailable(): boolean {
  return grpcBinding.grpcAvailable();
}

/** What a method does with a message; the first one opens the call. */
type OnMessage = (message: Uint8Array, call: NativeCall) => void | Promise<void>;

interface Method {
  readonly isStream: boolean;
  readonly isDialogue: boolean;
  readonly onMessage: OnMessage;
}

export class NativeGrpcListener implements GrpcListener {
  readonly name = 'gRPC';
  readonly #options: GrpcListenerOptions;
  readonly #maxMessageBytes: number;
  readonly #unpacker: Unpacker;
  readonly #mailbox = new Float64Array(MAX_RECORDS * GRPC_RECORD_WORDS);
  readonly #buffers: Uint8Array[] = [];
  readonly #id: ReturnType<typeof grpcBinding.grpcCreate>;
  readonly #paths = new Set<string>();
  readonly #methods: Method[] = [];
  /** By number. A number is not given again before its call has been finished. */
  readonly #calls: (NativeCall | undefined)[] = [];
  readonly #owner: CallOwner;
  #draining = false;
  #retirement: NodeJS.Timeout | undefined;

  constructor(options: GrpcListenerOptions) {
    this.#options = options;
    this.#maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#unpacker = options.unpacker ?? new Unpacker();
    this.#id = grpcBinding.grpcCreate(
      this.#mailbox,
      this.#buffers,
      (records) => this.#onEvents(records),
      this.#maxMessageBytes,
      messageTooLong(this.#maxMessageBytes).message,
    );
    this.#owner = { listener: this.#id, calls: this.#calls, toStatus: options.toStatus };
  }

  register(path: string, method: UnaryMethod): void {
    this.#add(path, { isStream: false, isDialogue: false, onMessage: method });
  }

  registerServerStream(path: string, method: ServerStreamMethod): void {
    this.#add(path, { isStream: true, isDialogue: false, onMessage: (message, call) => method(message, call, call) });
  }

  registerDialogue(path: string, method: DialogueMethod): void {
    this.#add(path, { isStream: true, isDialogue: true, onMessage: (message, call) => call.send(method(message)) });
  }

  async listen(): Promise<number> {
    const { host, port, socketPath = '' } = this.#options;
    if (socketPath !== '') {
      takeOverSocket(socketPath);
      await this.#listenAt(socketPath, () => this.#bind([`unix:${socketPath}`], 0));
    }
    this.#retireOld();
    return port === undefined ? 0 : this.#listenAt(formatAddress(host, port), () => this.#listenOn(host, port));
  }

  async #listenAt(address: string, listen: () => number | Promise<number>): Promise<number> {
    if (this.#draining) throw beingClosed(address);
    try {
      return await listen();
    } catch (error) {
      throw error instanceof ServingError ? error : cannotBind(address, error as Error);
    }
  }

  async #listenOn(host: string, port: number): Promise<number> {
    const addresses = isIP(host) ? [host] : (await lookup(host, { all: true })).map(({ address }) => address);
    if (this.#draining) throw beingClosed(formatAddress(host, port));
    return this.#bind(new Set(addresses), port);
  }

  /** Sees to it that connections last no longer than the channel arguments say, and that silent clients hold none. */
  #retireOld(): void {
    const millis = (name: string, otherwise = FOR_EVER_MILLIS) => {
      const value = this.#options.channelArguments?.[`grpc.${name}_ms`];
      return typeof value === 'number' && value > 0 ? value : otherwise;
    };
    const ages = ['age', 'age_grace', 'idle'].map((name) => millis(`max_connection_${name}`));
    const [age, grace, idle] = ages as [number, number, number];
    const handshake = millis('server_handshake_timeout', DEFAULT_HANDSHAKE_MILLIS);
    const { stallMillis = DEFAULT_STALL_MILLIS } = this.#options;
    const soonest = Math.min(age, idle, handshake, stallMillis);
    const retire = () => grpcBinding.grpcRetire(this.#id, age, grace, idle, handshake, stallMillis);
    this.#retirement = setInterval(retire, Math.min(MAX_RETIREMENT_MILLIS, soonest / 10)).unref();
  }

  async drain(): Promise<void> {
    this.#draining = true;
    grpcBinding.grpcDrain(this.#id);
    for (const call of this.#calls) if (call?.isStream) call.end(stopping());
    let idleMillis = 0;
    while (idleMillis < IDLE_GRACE_MILLIS) {
      const { connections, busy } = grpcBinding.grpcStats(this.#id);
      if (connections === 0) break;
      idleMillis = busy === 0 ? idleMillis + DRAIN_POLL_MILLIS : 0;
      await sleep(DRAIN_POLL_MILLIS);
    }
    this.close();
  }

  close(): void {
    this.#draining = true;
    clearInterval(this.#retirement);
    grpcBinding.grpcClose(this.#id);
  }

  /** All of a name's addresses get the same port. A machine need not have all of them: localhost may be ::1, too. */
  #bind(addresses: Iterable<string>, port: number): number {
    let bound = port;
    let open = 0;
    let missing: unknown;
    for (const address of addresses) {
      try {
        bound = grpcBinding.grpcListen(this.#id, address, bound);
        open++;
      } catch (error) {
        if (!isNotHere(error)) throw error;
        missing = error;
      }
    }
    if (open === 0) throw missing;
    return bound;
  }

  #add(path: string, method: Method): void {
    if (this.#paths.has(path)) throw registeredTwice(path);
    this.#paths.add(path);
    this.#methods[grpcBinding.grpcRegister(this.#id, path, method.isDialogue)] = method;
  }

  /** Nothing may be thrown out of here: it would end the process. */
  #onEvents(records: number): void {
    for (let word = 0; word < records * GRPC_RECORD_WORDS; word += GRPC_RECORD_WORDS) {
      const kind = this.#word(word);
      const call = this.#calls[this.#word(word + 1)];
      if (kind === GrpcEvent.FIRST_MESSAGE) this.#onMessage(word, this.#open(word));
      else if (call === undefined) continue;
      else if (kind === GrpcEvent.MESSAGE) this.#onMessage(word, call);
      else if (kind === GrpcEvent.END) call.end();
      else call.gone();
    }
  }

  #word(at: number): number {
    return this.#mailbox[at] as number;
  }

  #open(word: number): NativeCall {
    const number = this.#word(word + 1);
    const method = this.#methods[this.#word(word + 2)] as Method;
    const call = new NativeCall(this.#owner, number, method.isStream, this.#word(word + 3), this.#word(word + 8));
    this.#calls[number] = call;
    return call;
  }

  #onMessage(word: number, call: NativeCall): void {
    if (this.#draining && call.isStream) {
      call.end(stopping());
      return;
    }
    const { onMessage, isDialogue } = this.#methods[this.#word(word + 2)] as Method;
    const start = this.#word(word + 5);
    const message = (this.#buffers[this.#word(word + 4)] as Uint8Array).subarray(start, start + this.#word(word + 6));
    const compression = this.#word(word + 7);
    if (compression === GrpcCompression.IDENTITY) run(onMessage, message, call);
    else if (isDialogue) run((bytes) => onMessage(decompress(compression, bytes), call), message, call);
    else
      decompressSoon(this.#unpacker, compression, message, this.#maxMessageBytes).then((unpacked) => {
        if (!call.isOver) run(onMessage, unpacked.bytes, call);
        unpacked.release();
      }, call.fail);
  }
}

function isNotHere(error: unknown): boolean {
  return /cannot assign requested address|address family not supported/i.test((error as Error).message);
}

function run(onMessage: OnMessage, message: Uint8Array, call: NativeCall): void {
  try {
    onMessage(message, call)?.then(undefined, call.fail);
  } catch (error) {
    call.fail(error);
  }
}

/** What all calls of a listener share. */
interface CallOwner {
  readonly listener: ReturnType<typeof grpcBinding.grpcCreate>;
  readonly calls: (NativeCall | undefined)[];
  readonly toStatus: (thrown: unknown) => GrpcStatus;
}

const GOOD: GrpcStatus = { code: Code.OK, details: '' };

/** The text that the addon has packed into a number, its first byte the lowest. */
function unpackShortText(packed: number): string {
  let text = '';
  for (let rest = packed; rest > 0; rest = Math.floor(rest / 256)) text += String.fromCharCode(rest % 256);
  return text;
}

class NativeCall implements UnaryCall, ReplyStream {
  readonly cancellation = new Cancellation();
  readonly deadlineMillis: number;
  readonly isStream: boolean;
  readonly priority: string;
  readonly #owner: CallOwner;
  readonly #number: number;
  #over = false;

  constructor(owner: CallOwner, number: number, isStream: boolean, millisLeft: number, priority: number) {
    this.#owner = owner;
    this.#number = number;
    this.isStream = isStream;
    this.priority = priority === 0 ? '' : unpackShortText(priority);
    this.deadlineMillis = millisLeft === Number.POSITIVE_INFINITY ? millisLeft : Date.now() + millisLeft;
  }

  reply(message: Uint8Array): void {
    if (this.#finish()) grpcBinding.grpcReply(this.#owner.listener, this.#number, message);
  }

  send(message: Uint8Array): void {
    if (this.#over) return;
    try {
      grpcBinding.grpcSend(this.#owner.listener, this.#number, message);
    } catch (error) {
      this.end(error);
    }
  }

  get isOver(): boolean {
    return this.#over;
  }

  end(error?: unknown): void {
    if (!this.#finish()) return;
    const { code, details, retryMillis } = error === undefined ? GOOD : this.#owner.toStatus(error);
    grpcBinding.grpcFinish(this.#owner.listener, this.#number, code, details, String(retryMillis ?? ''));
    if (this.isStream) this.cancellation.cancel();
  }

  /** Ends the call with the status of what was thrown. */
  readonly fail = (thrown: unknown): void => this.end(thrown ?? new ServingError(Code.UNKNOWN, 'The call failed.'));

  /** The client does not wait for an answer any more. */
  gone(): void {
    if (!this.#finish()) return;
    grpcBinding.grpcFinish(this.#owner.listener, this.#number, Code.CANCELLED, '', '');
    this.cancellation.cancel();
  }

  /** False if the call is over already; the caller tells the addon of its end, which happens once. */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#owner.calls[this.#number] = undefined;
    return true;
  }
}
