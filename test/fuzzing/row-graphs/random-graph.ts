/** Small graphs made of choices: what a row model might do, right and wrong. */
import type { Node } from '../../support/graph-model.js';
import type { CaseGraph, RowCase } from '../../support/row-cases.js';
import { LIST_MAKERS } from './lists.js';
import { RAGGED_MAKERS } from './ragged.js';
import { SHAPE_MAKERS } from './shapes.js';
import { Choices, type Known, State } from './state.js';
import { VALUE_MAKERS } from './values.js';

const RAGGED = [...RAGGED_MAKERS, ...RAGGED_MAKERS, ...VALUE_MAKERS];

/** Makers that a graph is made by: all, or rather those of one kind. */
const MIXES = [
  [...VALUE_MAKERS, ...SHAPE_MAKERS, ...LIST_MAKERS],
  [...VALUE_MAKERS, ...SHAPE_MAKERS, ...LIST_MAKERS],
  RAGGED,
];

/** Adds a graph to the model; the same for the same numbers. Returns its outputs. */
export function randomGraph(graph: CaseGraph, numbers: readonly number[]): Node[] {
  const state = new State(graph, new Choices(numbers));
  const { choices } = state;
  const input = (dtype: 'float' | 'int32' | 'bool' | 'string', shape: readonly number[]) =>
    state.add(graph.rows(dtype, shape), [undefined, ...shape]);
  const kinds = [
    () => input('float', [4]),
    () => input('float', []),
    () => input('float', [2, 3]),
    () => input('float', [4, 2, 2]),
    () => input('float', [1]),
    () => input('int32', []),
    () => input('int32', [2]),
    () => input('bool', []),
    () => input('bool', [4]),
    () => input('string', []),
  ];
  for (let left = 1 + choices.below(3); left > 0; left--) choices.pick(kinds)();
  const makers = choices.pick(MIXES);
  if (makers === RAGGED) for (const make of [kinds[0], kinds[8], kinds[9]]) make?.();
  for (let left = 2 + choices.below(12); left > 0; left--) choices.pick(makers)(state);
  return outputsOf(state);
}

/** The last tensor that may have rows in its first dimension, behind an Identity: an input alone is no output. */
function outputsOf({ known, graph }: State): Node[] {
  const suits = ({ dims, dtype }: Known) => dims.length > 0 && dims[0] === undefined && dtype !== 'variant';
  const last = known.findLast(suits) as Known;
  return [graph.op('Identity', [last], { T: { type: last.dtype } })];
}

export function randomCase(numbers: readonly number[]): RowCase {
  return { name: `[${numbers}]`, build: (graph) => randomGraph(graph, numbers) };
}
