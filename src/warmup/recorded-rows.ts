/** Rows of the requests that a version has answered while its warm-up file was replayed. */
import type { RunnableModel } from '../api/api.js';
import { DEFAULT_SIGNATURE } from '../servables/signature-info.js';
import type { PredictRequest } from '../tensor/predict-request.js';
import { isAlike, joinRowSets, type Row, type RowSet, rowsOf } from './row-set.js';

/** Rows of one shape and signature, and such sets: a check of them is to take less time than the replay. */
const MOST_ROWS = 8;
const MOST_SETS = 8;

export class RecordedRows {
  #sets: RowSet[] = [];

  /** Those that can be compared with others. */
  get sets(): readonly RowSet[] {
    return this.#sets.filter(({ count }) => count > 1);
  }

  /** Does what the model does, and keeps the rows of what it has been asked. */
  watch(model: RunnableModel): RunnableModel {
    return {
      declared: model.declared,
      signature: (name) => model.signature(name),
      countRefused: (source, thrown, bodyBytes) => model.countRefused(source, thrown, bodyBytes),
      predict: (request, encode, source) => {
        this.#note(model, request);
        return model.predict(request, encode, source);
      },
    };
  }

  #note(model: RunnableModel, request: PredictRequest): void {
    if (request.kind !== 'tensors' || request.allowGraphTensors) return;
    if (request.inputs.some(({ shape }) => (shape[0] ?? 0) > MOST_ROWS)) return;
    const info = model.signature(request.signatureName || DEFAULT_SIGNATURE);
    const rows = info && rowsOf(info, request);
    if (rows === undefined) return;
    const place = this.#sets.findIndex((other) => isAlike(rows, other));
    const known = this.#sets[place];
    if (known === undefined) {
      if (this.#sets.length < MOST_SETS) this.#sets.push(rows);
    } else if (known.count + rows.count <= MOST_ROWS && !hasFirstRow(known, rows)) {
      this.#sets[place] = joinRowSets(known, rows);
    }
  }
}

/** Records may be replayed several times. */
function hasFirstRow(known: RowSet, rows: RowSet): boolean {
  const keyOf = (row: Row | undefined) => (row instanceof Uint8Array ? [row] : (row ?? [])).map(hexOf).join();
  const keys = rows.inputs.map((input) => keyOf(input.rows[0]));
  const places = Array.from({ length: known.count }, (_, place) => place);
  return places.some((place) => known.inputs.every((input, i) => keyOf(input.rows[place]) === keys[i]));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
