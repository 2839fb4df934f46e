/**
 * A second line behind the proof that rows are independent: rows of different values are run together, in another order, and each
 * alone. A signature whose answers differ does not share runs, whatever has been proven of it. Only stateless signatures are
 * proven, so these runs leave no trace.
 */
import { formatServableId } from '../core/servable-id.js';
import { Code, ServingError, toServingError } from '../errors.js';
import { log } from '../log.js';
import { requestSource } from '../metrics/metrics.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { SignatureInfo } from '../servables/signature-info.js';
import { DataType } from '../tensor/dtype.js';
import type { Cancellation } from '../tensor/predict-request.js';
import { type CopiedOutput, copyOutputs, findDifference } from './compare-outputs.js';
import { type MadeUpOptions, madeUpRows } from './made-up-rows.js';
import { type RowSet, requestOf } from './row-set.js';

/** For all signatures of a version together: one that takes longer is not checked to the end. */
const LIMIT_MILLIS = 5000;
/** For a run, the wait for a worker included: where the server is busy, or runs take long, a version is not to be waited for. */
const RUN_LIMIT_MILLIS = 1000;
/** Of all outputs of a run: they are compared on the event loop. */
const MOST_OUTPUT_BYTES = 256 * 1024;
const ROWS = 4;

const SOURCE = requestSource('warmup', 'Predict');

export interface RowCheckOptions {
  readonly cancellation: Cancellation;
  /** Of requests that the model has answered. */
  readonly recorded: readonly RowSet[];
  /** Whether values are to be made up as well. */
  readonly madeUp: boolean;
  /** Default: LIMIT_MILLIS. */
  readonly limitMillis?: number;
}

/** Has signatures run alone from now on whose rows turn out to depend on each other. Rejects with CANCELLED alone. */
export async function checkRows(model: SavedModel, options: RowCheckOptions): Promise<void> {
  const check = new RowCheck(model, options);
  for (const info of model.declared) {
    if (model.sharedRuns.of(info.name).kind !== 'proven') continue;
    const difference = await check.findDifference(info);
    if (difference === undefined) continue;
    model.sharedRuns.stop(info.name, `found at warm-up: ${difference}`);
    log.error(
      `Requests for signature '${info.name}' of servable ${formatServableId(model.id)} do not share runs: at warm-up, ${difference}, ` +
        'though its graph seems to prove that rows are independent. Please report this as a fault of tensorgate, with the model.',
    );
  }
}

/** What came of running rows: a difference as a clause, or nothing to be said of them. */
type Finding = { readonly difference: string | undefined } | 'failed' | 'late';

class RowCheck {
  readonly #model: SavedModel;
  readonly #options: RowCheckOptions;
  readonly #endMillis: number;

  constructor(model: SavedModel, options: RowCheckOptions) {
    this.#model = model;
    this.#options = options;
    this.#endMillis = Date.now() + (options.limitMillis ?? LIMIT_MILLIS);
  }

  async findDifference(info: SignatureInfo): Promise<string | undefined> {
    for (const rows of this.#options.recorded.filter(({ signatureName }) => signatureName === info.name)) {
      const finding = await this.#compare(rows);
      if (typeof finding === 'object' && finding.difference !== undefined) return finding.difference;
    }
    const mayMakeUp = this.#options.madeUp && this.#model.lastingEffect(info.name) === undefined;
    return mayMakeUp ? this.#findWithMadeUp(info) : undefined;
  }

  /** Values that the model refuses say nothing: others are tried. */
  async #findWithMadeUp(info: SignatureInfo): Promise<string | undefined> {
    for (const options of attemptsFor(info)) {
      const rows = madeUpRows(info, options);
      const finding = rows === undefined ? 'failed' : await this.#compare(rows);
      if (typeof finding === 'object') return finding.difference;
      if (finding === 'late') break;
    }
    log.debug(
      `Rows of signature '${info.name}' of servable ${formatServableId(this.#model.id)} are not checked at warm-up: no values could be ` +
        'made up that it runs, or there was no time.',
    );
    return undefined;
  }

  async #compare(rows: RowSet): Promise<Finding> {
    const { count } = rows;
    const inOrder = Array.from({ length: count }, (_, place) => place);
    const start = Date.now();
    const together = await this.#run(rows, inOrder);
    if (typeof together === 'string') return together;
    if (Date.now() + (count + 1) * (Date.now() - start) > this.#endMillis) return 'late';
    const reversed = await this.#run(rows, inOrder.toReversed());
    if (typeof reversed === 'string') return reversed;
    for (const place of inOrder) {
      const alone = await this.#run(rows, [place]);
      if (typeof alone === 'string') return alone;
      const difference =
        findDifference(together, place, count, alone) ?? findDifference(reversed, count - 1 - place, count, alone);
      if (difference !== undefined) return { difference };
    }
    return { difference: undefined };
  }

  async #run(rows: RowSet, places: readonly number[]): Promise<readonly CopiedOutput[] | 'failed' | 'late'> {
    const { cancellation } = this.#options;
    const deadlineMillis = Math.min(this.#endMillis, Date.now() + RUN_LIMIT_MILLIS);
    const request = { ...requestOf(rows, places), deadlineMillis, cancellation };
    try {
      const outputs = await this.#model.predict(request, (outputs) => copyOutputs(outputs, MOST_OUTPUT_BYTES), SOURCE);
      return outputs ?? 'failed';
    } catch (thrown) {
      const { code, message } = toServingError(thrown);
      if (cancellation.cancelled) throw new ServingError(Code.CANCELLED, message);
      return code === Code.DEADLINE_EXCEEDED ? 'late' : 'failed';
    }
  }
}

const INTEGERS: ReadonlySet<DataType> = new Set([
  DataType.INT8,
  DataType.INT16,
  DataType.INT32,
  DataType.INT64,
  DataType.UINT8,
  DataType.UINT16,
  DataType.UINT32,
  DataType.UINT64,
]);

/** The likeliest first. */
function attemptsFor({ inputs }: SignatureInfo): MadeUpOptions[] {
  const hasOpen = inputs.some(({ shape }) => shape?.slice(1).some((dim) => dim < 0));
  const hasIntegers = inputs.some(({ dtype }) => INTEGERS.has(dtype));
  const sizes = hasOpen ? [3, 1, 64] : [1];
  const limits = hasIntegers ? [4, 2] : [2];
  return sizes.flatMap((innerSize) => limits.map((integers) => ({ rows: ROWS, innerSize, integers })));
}
