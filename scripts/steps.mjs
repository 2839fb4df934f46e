/** Tests as a list of steps: each is run whatever became of the others, and at the end all that failed is told. */

/**
 * `run` gives the exit status, or throws.
 * @typedef {{ readonly name: string, readonly run: () => number | Promise<number> }} Step
 */

/**
 * Runs the steps, one after the other, and resolves with the names of those that failed.
 * @param {readonly Step[]} steps
 * @returns {Promise<string[]>}
 */
export async function runSteps(steps) {
  const failed = [];
  for (const { name, run } of steps) {
    console.log(`\n== ${name}`);
    if (!(await succeeds(run))) failed.push(name);
  }
  return failed;
}

/** @param {Step['run']} run */
async function succeeds(run) {
  try {
    return (await run()) === 0;
  } catch (error) {
    console.error(error);
    return false;
  }
}

/**
 * The last lines that a run prints.
 * @param {readonly Step[]} steps @param {readonly string[]} failed @param {string} command that runs them all
 */
export function tellSteps(steps, failed, command) {
  if (failed.length === 0) return `All ${steps.length} steps passed: ${steps.map(({ name }) => name).join(', ')}.`;
  const lines = failed.map((name) => `  ${name}\n    ${command} --step=${name}`);
  return [
    `${failed.length} of ${steps.length} steps failed. What failed in them is told above; to repeat a step:`,
    ...lines,
  ].join('\n');
}
