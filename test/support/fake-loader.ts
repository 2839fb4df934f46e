import type { Loader } from '../../src/core/loader.js';
import type { AspiredVersion } from '../../src/core/source.js';

/** A Loader whose calls wait until the test says how they end. */
export class FakeLoader implements Loader<string> {
  readonly version: AspiredVersion;
  loads = 0;
  unloads = 0;
  #settleLoad: { resolve: (servable: string) => void; reject: (error: unknown) => void } | undefined;
  #settleUnload: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(version: AspiredVersion) {
    this.version = version;
  }

  load(): Promise<string> {
    this.loads += 1;
    return new Promise((resolve, reject) => {
      this.#settleLoad = { resolve, reject };
    });
  }

  unload(): Promise<void> {
    this.unloads += 1;
    return new Promise((resolve, reject) => {
      this.#settleUnload = { resolve, reject };
    });
  }

  /** The servable is a string such as `m:1`. */
  async finishLoad(): Promise<void> {
    this.#settleLoad?.resolve(`${this.version.id.name}:${this.version.id.version}`);
    await turn();
  }

  async failLoad(error: unknown): Promise<void> {
    this.#settleLoad?.reject(error);
    await turn();
  }

  async finishUnload(): Promise<void> {
    this.#settleUnload?.resolve();
    await turn();
  }

  async failUnload(error: unknown): Promise<void> {
    this.#settleUnload?.reject(error);
    await turn();
  }
}

/** Lets everything happen that is waiting only for promises. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
