import { codeName, type ServingError, toServingError } from '../errors.js';
import { parseTextProtoFile, readTextFile } from '../formats/text-proto.js';
import { ModelServerConfig } from '../gen/messages.js';
import { log } from '../log.js';
import { MAX_TIMER_MILLIS } from '../timer-limit.js';
import type { Configurator } from './configurator.js';

export interface ConfigFileWatchOptions {
  readonly path: string;
  readonly configurator: Configurator;
  /** From the end of one look at the file to the next. */
  readonly pollWaitSeconds: number;
}

/**
 * Reads the configuration file again and again (--model_config_file_poll_wait_seconds) and puts it in force if it is not:
 * because it has changed, or because a HandleReloadConfigRequest came in between, as in TF Serving. A file that is bad is
 * said once in the log, and tried again at each look: a label may name a version that becomes available later. A look does
 * not wait for models: a file that puts right what cannot be loaded is taken at the next one.
 */
export class ConfigFileWatch {
  readonly #options: ConfigFileWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #applied: { readonly text: string; readonly since: Date } | undefined;
  #lastProblem = '';
  #closed = false;

  constructor(options: ConfigFileWatchOptions) {
    this.#options = options;
  }

  start(): void {
    const look = () => this.look().then(() => this.start());
    const millis = Math.min(this.#options.pollWaitSeconds * 1000, MAX_TIMER_MILLIS);
    if (!this.#closed) this.#timer = setTimeout(() => void look(), millis).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** One look at the file. Never rejects. */
  async look(): Promise<void> {
    const { path, configurator } = this.#options;
    try {
      const text = await readTextFile(path);
      if (text === this.#applied?.text && configurator.state.since === this.#applied.since) return;
      if (this.#closed) return;
      const config = parseTextProtoFile(ModelServerConfig, text, path);
      await this.#apply(config, text);
      this.#lastProblem = '';
    } catch (thrown) {
      this.#report(toServingError(thrown));
    }
  }

  /** One that is refused changes nothing; one with models that cannot be loaded is in force all the same. */
  async #apply(config: ModelServerConfig, text: string): Promise<void> {
    const { path, configurator } = this.#options;
    const { available } = await configurator.begin(config, path);
    const { since } = configurator.state;
    this.#applied = { text, since };
    available.catch((error: unknown) => {
      if (configurator.state.since === since) this.#report(toServingError(error), 'is in force, but');
    });
  }

  #report({ code, message }: ServingError, what = 'is not in force:'): void {
    // Models that a stop kept from being loaded are no problem of the file.
    if (this.#closed || this.#lastProblem === message) return;
    this.#lastProblem = message;
    log.error(`The model config file ${this.#options.path} ${what} ${codeName(code)}: ${message}`);
  }
}
