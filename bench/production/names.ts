/** The scenarios of `--preset production`, in the order of its table. */
export const SCENARIO_NAMES = [
  'batching',
  'devices',
  'burst',
  'deadlines',
  'first-requests',
  'load-cycles',
  'loads-beside',
] as const;

export type ScenarioName = (typeof SCENARIO_NAMES)[number];
