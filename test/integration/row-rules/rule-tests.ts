/** What a rule of the proof must let pass, and what it must refuse. */
import type { Node } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';

export type Build = (graph: CaseGraph) => Node | readonly Node[];

export interface RuleTests {
  /** Rows are independent, and the proof says so. */
  readonly right: readonly Build[];
  /** Rows depend on each other, as TensorFlow shows, and the proof does not hold. */
  readonly wrong: readonly Build[];
  /** Rows are independent, at least in what TensorFlow shows, but the rule does not reach so far. */
  readonly beyond?: readonly Build[];
}

/** By operation. */
export type RuleTable = Readonly<Record<string, RuleTests>>;
