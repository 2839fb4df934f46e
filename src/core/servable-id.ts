/** One version of one model: the unit that is loaded, served and unloaded. */
export interface ServableId {
  readonly name: string;
  /** The version folder's number: an int64, so a bigint. */
  readonly version: bigint;
}

/** `{name: m version: 3}`, as TF Serving's log and errors print it. */
export function formatServableId(id: ServableId): string {
  return `{name: ${id.name} version: ${id.version}}`;
}
