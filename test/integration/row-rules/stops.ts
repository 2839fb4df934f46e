/** Operations at which the proof stops, whatever they are given, and the table of all that have a rule. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../support/project-root.js';

/** What outlasts a run is changed, waited for or written, or the operation is TF1's control flow. */
export const STOPS = [
  ...['Enter', 'Exit', 'LoopCond', 'Merge', 'NextIteration', 'Switch'],
  ...['RefEnter', 'RefExit', 'RefMerge', 'RefNextIteration', 'RefSwitch'],
  ...['Assign', 'AssignAdd', 'AssignSub', 'AssignVariableOp', 'AssignAddVariableOp', 'AssignSubVariableOp'],
  ...['CountUpTo', 'ResourceCountUpTo', 'ResourceScatterAdd', 'ResourceScatterNdUpdate', 'ResourceScatterUpdate'],
  ...['ResourceStridedSliceAssign', 'ScatterAdd', 'ScatterUpdate', 'ResourceApplyAdam', 'ResourceApplyGradientDescent'],
  ...[
    'LookupTableImportV2',
    'LookupTableInsertV2',
    'LookupTableRemoveV2',
    'InitializeTableV2',
    'InitializeTableFromTextFileV2',
  ],
  ...['QueueDequeueV2', 'QueueDequeueManyV2', 'QueueDequeueUpToV2', 'QueueEnqueueV2', 'QueueEnqueueManyV2'],
  ...['IteratorGetNext', 'StackPushV2', 'StackPopV2', 'MergeV2Checkpoints', 'Print', 'PrintV2', 'SaveV2', 'WriteFile'],
  ...['EagerPyFunc', 'PyFunc', 'PyFuncStateless', 'RngReadAndSkip', 'RngSkip', 'StatefulStandardNormalV2'],
  ...['StatefulUniform', 'StatefulUniformInt', 'RandomPoisson', 'PlaceholderV2'],
];

/** Have no outputs, so that nothing comes of them but an order. */
export const SILENT = ['NoOp', 'ControlTrigger', 'Assert'];

/** Names of all operations in the proof's table. */
export function operationsWithRules(): string[] {
  const source = readFileSync(join(PROJECT_ROOT, 'native/engine/tensorflow/rows/row_rules.cc'), 'utf8');
  return [...source.matchAll(/^ +\{"(\w+)", /gm)].map(([, name]) => name as string);
}
