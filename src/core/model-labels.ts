/** The labels that a configuration gives to versions of one model, whose versions lie below `basePath`. */
export interface LabelledModel {
  readonly name: string;
  readonly basePath: string;
  /** Label → version. Default: none. */
  readonly versionLabels?: ReadonlyMap<string, bigint> | undefined;
}

const NO_LABELS: ReadonlyMap<string, bigint> = new Map();

/**
 * The labels of one model. While the model moves to another base path the old labels stay in force and mean the versions
 * below the old one; the new labels follow when the new base path is served. So no label ever leads to a version that
 * neither configuration gives it to.
 */
export class ModelLabels {
  #inForce: LabelledModel | undefined;
  #next: LabelledModel | undefined;

  /** `moves`: whether the model is served, and has so far been wanted from another base path. */
  configure(labels: LabelledModel | undefined, moves: boolean): void {
    this.#next = moves ? labels : undefined;
    if (this.#next === undefined) this.#inForce = labels;
  }

  /** Puts the labels in force that wait for the model to move, if it has moved. */
  follow(isServedFrom: (basePath: string) => boolean): void {
    if (this.#next === undefined || !isServedFrom(this.#next.basePath)) return;
    this.#inForce = this.#next;
    this.#next = undefined;
  }

  /** Those in force. */
  get labels(): ReadonlyMap<string, bigint> {
    return this.#inForce?.versionLabels ?? NO_LABELS;
  }

  /** The base path that labels mean while the model moves away from it; undefined at all other times. */
  get leftBasePath(): string | undefined {
    return this.#next === undefined ? undefined : this.#inForce?.basePath;
  }

  /** Those of the last configuration. */
  get configured(): ReadonlyMap<string, bigint> {
    return (this.#next ?? this.#inForce)?.versionLabels ?? NO_LABELS;
  }

  /** Whether a label needs this version although another configuration is in force. */
  holds(version: bigint, basePath: string | undefined): boolean {
    return this.#next !== undefined && basePath === this.leftBasePath && [...this.labels.values()].includes(version);
  }
}
