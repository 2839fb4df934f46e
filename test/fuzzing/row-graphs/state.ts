/** A graph that grows by choices, and what is known of its tensors. */
import { type Node, T, type TypeName } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';

/** A dimension; undefined: depends on the run. */
export type Dim = number | undefined;

export interface Known extends Node {
  readonly dims: readonly Dim[];
}

/** Numbers that decide, in turn; 0 when they are used up. */
export class Choices {
  readonly #numbers: readonly number[];
  #at = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  below(limit: number): number {
    return (this.#numbers[this.#at++] ?? 0) % Math.max(1, limit);
  }

  pick<V>(items: readonly V[]): V {
    return items[this.below(items.length)] as V;
  }

  /** Once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === times - 1;
  }
}

export class State {
  readonly graph: CaseGraph;
  readonly choices: Choices;
  readonly known: Known[] = [];

  constructor(graph: CaseGraph, choices: Choices) {
    this.graph = graph;
    this.choices = choices;
  }

  add(node: Node, dims: readonly Dim[]): Known {
    const known = { ...node, dims };
    this.known.push(known);
    return known;
  }

  /** One of the tensors that suit, rather a late one; undefined if there is none. */
  take(suits: (tensor: Known) => boolean): Known | undefined {
    const all = this.known.filter(suits);
    if (all.length === 0) return undefined;
    const last = this.choices.oneIn(4) ? all.length : Math.min(3, all.length);
    return all[all.length - 1 - this.choices.below(last)];
  }

  takeOf(dtype: TypeName, minRank = 0, maxRank = 4): Known | undefined {
    return this.take((x) => x.dtype === dtype && x.dims.length >= minRank && x.dims.length <= maxRank);
  }

  /** An axis, mostly not the first. */
  axis(rank: number): number {
    return rank > 1 && !this.choices.oneIn(5)
      ? 1 + this.choices.below(rank - 1)
      : this.choices.below(Math.max(rank, 1));
  }

  /** The axis as a graph may say it, from the front or from the back. */
  written(axis: number, rank: number): number {
    return this.choices.oneIn(2) ? axis : axis - rank;
  }

  op(op: string, inputs: readonly Node[], dims: readonly Dim[], attrs = {}, dtype?: TypeName): Known {
    return this.add(this.graph.op(op, inputs, attrs, dtype), dims);
  }

  /** An int32 scalar: a constant, or a size of a tensor, perhaps calculated with. */
  size(): { node: Node; value: Dim } {
    const { graph, choices } = this;
    const x = this.take((tensor) => tensor.dims.length > 0);
    if (x === undefined || choices.oneIn(3)) {
      const value = choices.pick([1, 2, 3, 4, 6]);
      return { node: graph.int(value), value };
    }
    const axis = choices.below(x.dims.length);
    const node = graph.slice(graph.shape(x), [axis], [axis + 1], { shrink_axis_mask: 1 });
    if (!choices.oneIn(4)) return { node, value: x.dims[axis] };
    const op = choices.pick(['Mul', 'AddV2', 'FloorDiv', 'Sub', 'Maximum', 'Minimum', 'FloorMod']);
    return { node: graph.op(op, [node, graph.int(1 + choices.below(3))], T(node)), value: undefined };
  }

  /** A vector of int32 made of sizes. */
  vector(parts: readonly Node[]): Node {
    return this.graph.op('Pack', parts, { N: parts.length, T: { type: 'int32' } }, 'int32');
  }
}

/** Adds a tensor to the state, unless it has nothing that suits. */
export type Maker = (state: State) => unknown;

/** The dimensions of what two are broadcast to; undefined if they do not fit. */
export function broadcast(a: readonly Dim[], b: readonly Dim[]): readonly Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const dims: Dim[] = [];
  for (let i = 1; i <= rank; i++) {
    const [x, y] = [i <= a.length ? a[a.length - i] : 1, i <= b.length ? b[b.length - i] : 1];
    if (x !== undefined && y !== undefined && x !== y && x !== 1 && y !== 1) return undefined;
    dims.unshift(x === 1 ? y : y === 1 ? x : (x ?? y));
  }
  return dims;
}

export const same = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i]);
export const product = (dims: readonly Dim[]): Dim =>
  dims.reduce<Dim>((all, dim) => (all === undefined || dim === undefined ? undefined : all * dim), 1);
export const without = (dims: readonly Dim[], axis: number): Dim[] => dims.filter((_, i) => i !== axis);
export const changed = (dims: readonly Dim[], axis: number, dim: Dim): Dim[] =>
  dims.map((old, i) => (i === axis ? dim : old));
