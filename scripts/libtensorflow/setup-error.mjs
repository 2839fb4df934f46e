/**
 * What stops an installation and is for the person at the keyboard, not for a programmer: its message is one sentence
 * that names what is wrong and the remedy, and it is printed without a stack trace.
 */
export class SetupError extends Error {
  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = 'SetupError';
  }
}

/**
 * Runs a script's main function; a SetupError ends it with its sentence and exit code 1.
 * @param {() => unknown} main
 */
export async function runScript(main) {
  // Ended by a signal, a process skips its 'exit' listeners, and they are what stops pip and removes the half-done
  // download.
  for (const [signal, number] of /** @type {const} */ ([
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ])) {
    process.once(signal, () => process.exit(128 + number));
  }
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`tensorgate: ${error.message}`);
    process.exit(1);
  }
}
